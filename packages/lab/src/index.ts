export { BENCH_MODELS, runBench, type BenchOptions, type BenchRow } from './bench/bench.js';
