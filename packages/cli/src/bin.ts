#!/usr/bin/env node
import { Console } from 'node:console';
import { main } from './program.js';

// Standard output belongs to results: what libraries have to say (a download has begun) goes where the progress bars
// go.
globalThis.console = new Console(process.stderr, process.stderr);

// The reader of a pipe may leave early (`| head`): that is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});

// Benchmarks open ONNX Runtime themselves, and some of them as processes of their own; as in all that goes through
// @hadamard-adapter/onnxruntime it is not to report what it runs.
process.env['ORT_DISABLE_TELEMETRY'] ??= '1';

process.exitCode = await main(process.argv.slice(2));
