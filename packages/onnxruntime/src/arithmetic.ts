import { ConfigError } from '@hadamard-adapter/core';
import { fromNumbers, int, makeNode, type Graph, type Node, type Tensor } from '@hadamard-adapter/graph/internal';
import type { Int8Bits } from '@hadamard-adapter/compiler/internal';
import type { Device } from './devices/device.js';
import type { Feeds } from './ort.js';
import { createSession, floats } from './session.js';

/**
 * How products with frozen weights are computed: in float32; in 8-bit integers, for which activations and gradients are
 * rounded to 8 bits on the way; or in integers if a small trial shows that this device is faster with them (processors
 * with VNNI are, several times), and in float32 otherwise.
 */
export type Arithmetic = 'float32' | 'int8' | 'fastest';

/** Devices whose integer products are the processor's. */
const WITH_INT8 = ['cpu', 'wasm'];

/** How much faster integers have to be to be worth their rounding. */
const WORTH_IT = 0.8;

/**
 * With how many bits weights are to be packed on this device, or undefined for float32.
 *
 * @throws ConfigError ARITHMETIC_UNKNOWN; ARITHMETIC_DEVICE for `int8` on a device that does not have it.
 */
export async function int8BitsFor(device: Device, arithmetic: Arithmetic = 'float32'): Promise<Int8Bits | undefined> {
  if (arithmetic === 'float32') return undefined;
  if (arithmetic !== 'int8' && arithmetic !== 'fastest') {
    throw new ConfigError('There is no such arithmetic', {
      code: 'ARITHMETIC_UNKNOWN',
      found: String(arithmetic),
      expected: 'float32, int8 or fastest',
    });
  }
  if (!WITH_INT8.includes(device.name)) {
    if (arithmetic === 'fastest') return undefined;
    throw new ConfigError(`The device ${device.name} has no integer products`, {
      code: 'ARITHMETIC_DEVICE',
      found: 'arithmetic "int8"',
      expected: `one of the devices ${WITH_INT8.join(', ')}, or arithmetic "float32"`,
    });
  }
  if (arithmetic === 'fastest' && !(await integersWin(device))) return undefined;
  return (await saturates(device)) ? 7 : 8;
}

/** Processors without VNNI add pairs of 8-bit products in 16 bits, which the largest ones overflow. */
async function saturates(device: Device): Promise<boolean> {
  const [inner, columns] = [64, 16];
  const nodes = [
    makeNode('Cast', ['x'], ['levels'], { to: int(UINT8) }),
    makeNode('MatMulInteger', ['levels', 'weight'], ['sums']),
    makeNode('Cast', ['sums'], ['y'], { to: int(FLOAT) }),
  ];
  const graph = graphOf(
    [1, inner],
    [1, columns],
    nodes,
    fromNumbers('int8', new Int8Array(inner * columns).fill(127), [inner, columns]),
  );
  const session = await createSession(device, graph);
  const sums = await floats(
    await session.run({ x: new device.ort.Tensor('float32', new Float32Array(inner).fill(255), [1, inner]) }, ['y']),
    'y',
  );
  await session.release();
  return sums.some((sum) => sum !== inner * 255 * 127);
}

/** Rows and width of the product that is tried: a few sequences, the width of BERT-base. */
const [ROWS, WIDTH, ROUNDS] = [256, 768, 3];

async function integersWin(device: Device): Promise<boolean> {
  const dims = [ROWS, WIDTH];
  const plain = graphOf(
    dims,
    dims,
    [makeNode('Gemm', ['x', 'weight'], ['y'])],
    fromNumbers('float32', new Float32Array(WIDTH * WIDTH).fill(0.1), [WIDTH, WIDTH]),
  );
  const nodes = [
    makeNode('DynamicQuantizeLinear', ['x'], ['levels', 'scale', 'zero']),
    makeNode('MatMulInteger', ['levels', 'weight', 'zero'], ['sums']),
    makeNode('Cast', ['sums'], ['product'], { to: int(FLOAT) }),
    makeNode('Mul', ['product', 'scale'], ['y']),
  ];
  const integer = graphOf(
    dims,
    dims,
    nodes,
    fromNumbers(
      'int8',
      Int8Array.from({ length: WIDTH * WIDTH }, (_, i) => ((i * 37) % 255) - 127),
      [WIDTH, WIDTH],
    ),
  );
  const feeds = {
    x: new device.ort.Tensor(
      'float32',
      Float32Array.from({ length: ROWS * WIDTH }, (_, i) => ((i * 37) % 19) / 19 - 0.5),
      dims,
    ),
  };
  return (await fastestRun(device, integer, feeds)) < WORTH_IT * (await fastestRun(device, plain, feeds));
}

/** ONNX's numbers for float32 and uint8. */
const [FLOAT, UINT8] = [1, 2];

/** The shortest of a few runs, ms. */
async function fastestRun(device: Device, graph: Graph, feeds: Feeds): Promise<number> {
  const session = await createSession(device, graph);
  let best = Infinity;
  // The first one makes room and wakes threads up.
  for (let round = 0; round <= ROUNDS; round++) {
    const start = performance.now();
    await session.run(feeds, ['y']);
    if (round > 0) best = Math.min(best, performance.now() - start);
  }
  await session.release();
  return best;
}

function graphOf(from: readonly number[], to: readonly number[], nodes: readonly Node[], weight: Tensor): Graph {
  return {
    name: 'trial',
    opsets: new Map([['', 18]]),
    inputs: [{ name: 'x', dtype: 'float32', dims: from }],
    outputs: [{ name: 'y', dtype: 'float32', dims: to }],
    nodes,
    tensors: new Map([['weight', weight]]),
  };
}
