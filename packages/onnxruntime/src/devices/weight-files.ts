import { isObject, messageOf } from '@hadamard-adapter/core/internal';
import type * as nodeFs from 'node:fs';
import { RuntimeError } from '@hadamard-adapter/core';
import {
  BYTES_PER_ELEMENT,
  elementCount,
  writeModelWithExternalData,
  type Graph,
  type ExternalLocation,
  type Tensor,
} from '@hadamard-adapter/graph/internal';
import type { WeightFiles } from './device.js';

/** Smaller tensors stay in memory. */
const OFFLOAD_FROM_BYTES = 2 ** 16;

/** Offsets are multiples of a page, so that a mapped tensor starts with one. */
const PAGE = 4096;

const WEIGHTS = 'weights';

/** Of folders; the process that made one follows. */
const PREFIX = 'hadamard-weights-';

/** The parts of Node that weight files use, loaded when they are needed. */
interface NodeFiles {
  readonly fs: typeof nodeFs;
  readonly join: (...parts: string[]) => string;
  /** Collect garbage now. */
  readonly collect: () => void;
}

/**
 * Weights in a temporary folder instead of in memory, for Node. An offloaded tensor reads its bytes from there whenever
 * someone asks for them; a session maps the file, and of what it repacks no second copy stays. The folder goes with
 * `dispose`, or with the process; that of a process that was killed, when the next one is opened.
 *
 * @throws RuntimeError WEIGHT_FILES when the folder cannot be written.
 */
export async function openWeightFiles(): Promise<WeightFiles> {
  const [fs, { tmpdir }, { join }] = await Promise.all([import('node:fs'), import('node:os'), import('node:path')]);
  sweep(fs, join, tmpdir());
  const folder = writing(tmpdir(), () => fs.mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}-`)));
  return new WeightFolder(folder, { fs, join, collect: await garbageCollector() });
}

class WeightFolder implements WeightFiles {
  private readonly folder: string;
  private readonly node: NodeFiles;
  /** The file of all offloaded tensors. */
  private readonly file: number;
  /** Where it ends. */
  private end = 0;
  /** Where in it a tensor lies. */
  private readonly placements = new WeakMap<Tensor, ExternalLocation>();
  /** Number of graphs that were written. */
  private graphs = 0;

  constructor(folder: string, node: NodeFiles) {
    this.folder = folder;
    this.node = node;
    process.once('exit', this.remove);
    this.file = node.fs.openSync(node.join(folder, WEIGHTS), 'w+');
  }

  offload(graph: Graph): Graph {
    const done = new Map<Tensor, Tensor>();
    const offloadOnce = (tensor: Tensor): Tensor => {
      const offloaded = done.get(tensor) ?? this.offloadTensor(tensor);
      done.set(tensor, offloaded);
      return offloaded;
    };
    return { ...graph, tensors: new Map([...graph.tensors].map(([name, tensor]) => [name, offloadOnce(tensor)])) };
  }

  place(graph: Graph): ReturnType<WeightFiles['place']> {
    const { fs, join, collect } = this.node;
    // What was offloaded, or repacked for the graph before, is garbage by now, and the runtime is about to ask for as
    // much again.
    collect();
    const path = join(this.folder, `graph_${this.graphs}`);
    const further = `graph_${this.graphs++}_${WEIGHTS}`;
    const file = fs.openSync(join(this.folder, further), 'w');
    let end = 0;
    let weightBytes = 0;
    const placed = (_: string, tensor: Tensor): ExternalLocation | undefined => {
      if (tensor.dtype === 'string' || sizeOf(tensor) < OFFLOAD_FROM_BYTES) return undefined;
      weightBytes += sizeOf(tensor);
      const known = this.placements.get(tensor);
      if (known !== undefined) return known;
      const place = { location: further, offset: end, length: sizeOf(tensor) };
      end = this.append(file, end, tensor.bytes);
      return place;
    };
    try {
      fs.writeFileSync(path, writeModelWithExternalData(graph, placed));
    } finally {
      fs.closeSync(file);
    }
    return { path, weightBytes, release: () => this.release(path, join(this.folder, further)) };
  }

  dispose(): void {
    process.off('exit', this.remove);
    this.node.fs.closeSync(this.file);
    this.remove();
  }

  /** A listener, so that it can be taken off again. */
  private readonly remove = (): void => this.node.fs.rmSync(this.folder, { recursive: true, force: true });

  private release(...paths: readonly string[]): void {
    for (const path of paths) {
      try {
        this.node.fs.rmSync(path, { force: true });
      } catch {
        // Elsewhere what is mapped stays readable without a name; Windows keeps the file as long as it is, and
        // `dispose` removes it.
      }
    }
  }

  private offloadTensor(tensor: Tensor): Tensor {
    if (tensor.dtype === 'string' || sizeOf(tensor) < OFFLOAD_FROM_BYTES) return tensor;
    const place = { location: WEIGHTS, offset: this.end, length: sizeOf(tensor) };
    this.end = this.append(this.file, this.end, tensor.bytes);
    const { dtype, dims } = tensor;
    const read = (): Uint8Array => this.read(place);
    const offloaded: Tensor = {
      dtype,
      dims,
      get bytes() {
        return read();
      },
    };
    this.placements.set(offloaded, place);
    return offloaded;
  }

  /** Write bytes at an offset; where the next may begin. */
  private append(file: number, offset: number, bytes: Uint8Array): number {
    writing(this.folder, () => {
      for (let done = 0; done < bytes.byteLength;)
        done += this.node.fs.writeSync(file, bytes, done, bytes.byteLength - done, offset + done);
    });
    return Math.ceil((offset + bytes.byteLength) / PAGE) * PAGE;
  }

  private read({ offset, length }: ExternalLocation): Uint8Array {
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length;)
      done += this.node.fs.readSync(this.file, bytes, done, length - done, offset + done);
    return bytes;
  }
}

/** Remove what processes that were killed left behind. */
function sweep(fs: typeof nodeFs, join: (...parts: string[]) => string, folder: string): void {
  for (const name of fs.existsSync(folder) ? fs.readdirSync(folder) : []) {
    const owner = Number(/^hadamard-weights-(\d+)-/.exec(name)?.[1]);
    if (!Number.isInteger(owner) || isAlive(owner)) continue;
    try {
      fs.rmSync(join(folder, name), { recursive: true, force: true });
    } catch {
      // Somebody else's.
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // A process that we may not signal is alive.
    return !(isObject(error) && error['code'] === 'ESRCH');
  }
}

/** @throws RuntimeError WEIGHT_FILES when the disk is full or the folder cannot be written. */
function writing<T>(folder: string, write: () => T): T {
  try {
    return write();
  } catch (cause) {
    throw new RuntimeError('Weights cannot be kept on disk', {
      code: 'WEIGHT_FILES',
      found: messageOf(cause),
      expected: `room for the weights in ${folder}`,
      hint: 'Name another folder in the environment variable TMPDIR, or load the model without lowMemory.',
      cause,
    });
  }
}

/**
 * The garbage collector, which Node gives out on request only. The flag is taken back at once: nothing else of the
 * process sees it.
 */
async function garbageCollector(): Promise<() => void> {
  // Node was started with the flag.
  if (globalThis.gc !== undefined) return globalThis.gc;
  const [{ setFlagsFromString }, { runInNewContext }] = await Promise.all([import('node:v8'), import('node:vm')]);
  setFlagsFromString('--expose-gc');
  try {
    return runInNewContext('gc') as () => void;
  } finally {
    setFlagsFromString('--no-expose-gc');
  }
}

const sizeOf = ({ dtype, dims }: Tensor): number =>
  dtype === 'string' ? 0 : elementCount(dims) * BYTES_PER_ELEMENT[dtype];
