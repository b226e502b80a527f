import { messageOf } from '@hadamard-adapter/core/internal';
import type * as nodeFs from 'node:fs';
import { RuntimeError } from '@hadamard-adapter/core';
import {
  BYTES_PER_ELEMENT,
  elementCount,
  writeModelWithExternalData,
  type Placement,
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

/**
 * Weights in a temporary folder instead of in memory, for Node. A offloaded tensor reads its bytes from there whenever
 * someone asks for them; a session maps the file, and of what it repacks no second copy stays. The folder goes with
 * `dispose`, or with the process; that of a process that was killed, when the next one is opened.
 */
export async function openWeightFiles(): Promise<WeightFiles> {
  const [fs, { tmpdir }, { join }] = await Promise.all([import('node:fs'), import('node:os'), import('node:path')]);
  sweep(fs, join, tmpdir());
  const folder = writing(tmpdir(), () => fs.mkdtempSync(join(tmpdir(), `${PREFIX}${process.pid}-`)));
  const remove = (): void => fs.rmSync(folder, { recursive: true, force: true });
  process.once('exit', remove);
  const file = fs.openSync(join(folder, WEIGHTS), 'w+');
  const collect = await garbageCollector();
  const places = new WeakMap<Tensor, Placement>();
  let end = 0;
  let graphs = 0;

  const append = (to: number, offset: number, bytes: Uint8Array): number => {
    writing(folder, () => {
      for (let done = 0; done < bytes.byteLength;)
        done += fs.writeSync(to, bytes, done, bytes.byteLength - done, offset + done);
    });
    return Math.ceil((offset + bytes.byteLength) / PAGE) * PAGE;
  };
  const read = ({ offset, length }: Placement): Uint8Array => {
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length;) done += fs.readSync(file, bytes, done, length - done, offset + done);
    return bytes;
  };
  const offloadTensor = (tensor: Tensor): Tensor => {
    if (tensor.dtype === 'string' || sizeOf(tensor) < OFFLOAD_FROM_BYTES) return tensor;
    const place = { location: WEIGHTS, offset: end, length: sizeOf(tensor) };
    end = append(file, end, tensor.bytes);
    const { dtype, dims } = tensor;
    const offloaded: Tensor = {
      dtype,
      dims,
      get bytes() {
        return read(place);
      },
    };
    places.set(offloaded, place);
    return offloaded;
  };

  return {
    offload(graph) {
      const done = new Map<Tensor, Tensor>();
      const offloadOnce = (tensor: Tensor): Tensor => {
        const offloaded = done.get(tensor) ?? offloadTensor(tensor);
        done.set(tensor, offloaded);
        return offloaded;
      };
      return { ...graph, tensors: new Map([...graph.tensors].map(([name, tensor]) => [name, offloadOnce(tensor)])) };
    },
    place(graph) {
      // What was offloaded, or repacked for the graph before, is garbage by now, and the runtime is about to ask for as
      // much again.
      collect();
      const stem = join(folder, `graph_${graphs}`);
      const further = `graph_${graphs++}_${WEIGHTS}`;
      const own = fs.openSync(join(folder, further), 'w');
      let ownEnd = 0;
      let weightBytes = 0;
      const placed = (_: string, tensor: Tensor): Placement | undefined => {
        if (tensor.dtype === 'string' || sizeOf(tensor) < OFFLOAD_FROM_BYTES) return undefined;
        weightBytes += sizeOf(tensor);
        const known = places.get(tensor);
        if (known !== undefined) return known;
        const place = { location: further, offset: ownEnd, length: sizeOf(tensor) };
        ownEnd = append(own, ownEnd, tensor.bytes);
        return place;
      };
      try {
        fs.writeFileSync(stem, writeModelWithExternalData(graph, placed));
      } finally {
        fs.closeSync(own);
      }
      return {
        path: stem,
        weightBytes,
        release() {
          for (const path of [stem, join(folder, further)]) {
            try {
              fs.rmSync(path, { force: true });
            } catch {
              // Elsewhere what is mapped stays readable without a name; Windows keeps the file as long as it is, and
              // `dispose` removes it.
            }
          }
        },
      };
    },
    dispose() {
      process.off('exit', remove);
      fs.closeSync(file);
      remove();
    },
  };
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
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
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

/** The garbage collector, which Node gives out on request only. */
async function garbageCollector(): Promise<() => void> {
  const [{ setFlagsFromString }, { runInNewContext }] = await Promise.all([import('node:v8'), import('node:vm')]);
  setFlagsFromString('--expose-gc');
  return runInNewContext('gc') as () => void;
}

const sizeOf = ({ dtype, dims }: Tensor): number =>
  dtype === 'string' ? 0 : elementCount(dims) * BYTES_PER_ELEMENT[dtype];
