import { create, toBinary } from '@bufbuild/protobuf';
import { UnsupportedError } from '../../errors.js';
import type { Graph } from '../../ir/graph.js';
import { ModelProtoSchema } from '../read/onnx_pb.js';
import { MAX_FILE_BYTES } from '../read/scan.js';
import { byteLength, concatChunks, field, gatherChunks } from './chunks.js';
import { encodeGraph } from './encode.js';
import { checkedLocations } from './external.js';
import type { LocateTensor } from './location.js';

export interface WriteOptions {
  /** By default 8 up to opset 18, 9 for 19 and 20, 10 from 21 on: the first version that allows the opset. */
  readonly irVersion?: number | undefined;
  /** Producer name in the file. */
  readonly producer?: string | undefined;
  /** The model's `metadata_props`. */
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

/**
 * `graph` as an ONNX file in chunks, to be written one after the other. Tensors of 4 KiB and more are chunks of their
 * own, the very views that the graph holds: nothing of them is copied or encoded again.
 *
 * @throws UnsupportedError `ONNX_TOO_LARGE` beyond the 2 GiB that a file can have, `ONNX_INTERNAL_OPERATOR` for
 *   operators that must be lowered first, `ONNX_DATA_TYPE` for tensors of strings; MismatchError `TENSOR_SIZE`;
 *   ConfigError `ONNX_NUMBER` for an attribute that its type cannot hold.
 */
export function writeModel(graph: Graph, options: WriteOptions = {}): Uint8Array[] {
  return encodeModel(graph, options, undefined);
}

/**
 * `graph` as an ONNX file whose weights stay elsewhere: each initializer of the outer graph for which `place` answers
 * becomes a reference to those bytes, the others are written into the file. See `placedIn` for weights that are already
 * in a file.
 *
 * @throws as {@link writeModel}, and ConfigError `ONNX_EXTERNAL_PATH` or MismatchError `TENSOR_SIZE` for an impossible
 *   place.
 */
export function writeModelWithExternalData(graph: Graph, place: LocateTensor, options: WriteOptions = {}): Uint8Array {
  return concatChunks(encodeModel(graph, options, checkedLocations(place)));
}

function encodeModel(graph: Graph, options: WriteOptions, place: LocateTensor | undefined): Uint8Array[] {
  const { irVersion = irVersionFor(graph.opsets.get('') ?? 0), producer = 'hadamard-adapter', metadata = {} } = options;
  const head = create(ModelProtoSchema, {
    irVersion: BigInt(irVersion),
    producerName: producer,
    opsetImport: [...graph.opsets].map(([domain, version]) => ({ domain, version: BigInt(version) })),
    metadataProps: Object.entries(metadata).map(([key, value]) => ({ key, value })),
  });
  const chunks = [
    toBinary(ModelProtoSchema, head),
    ...field(ModelProtoSchema.field.graph.number, encodeGraph(graph, place)),
  ];
  const length = byteLength(chunks);
  if (length > MAX_FILE_BYTES) {
    throw new UnsupportedError('The model is too large for one ONNX file', {
      code: 'ONNX_TOO_LARGE',
      found: `${length} bytes`,
      expected: 'at most 2 GiB',
      hint: 'Keep the weights in external data, see writeModelWithExternalData',
    });
  }
  return gatherChunks(chunks);
}

function irVersionFor(opset: number): number {
  if (opset <= 18) return 8;
  return opset <= 20 ? 9 : 10;
}
