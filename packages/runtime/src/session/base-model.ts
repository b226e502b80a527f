import { readModel, type ExternalData, type Graph } from '@hadamard-adapter/graph/internal';
import type { SessionOptions } from './session.js';

/**
 * A base model: an ONNX file, or a graph that was built or read before.
 *
 * @typeParam Source in what forms a runtime takes the file.
 */
export type BaseModel<Source = Uint8Array | ArrayBuffer> =
  | { readonly model: Source; readonly externalData?: ExternalData }
  | { readonly graph: Graph };

/** How a base model is loaded, on any runtime. */
export interface LoadOptions extends SessionOptions {
  /** Default: the runtime's own. `availableDevices` tells which there are. */
  readonly device?: string;
}

/**
 * The graph of a base model.
 *
 * @throws FormatError for a file that is not an ONNX model.
 */
export async function readBase<Source>(
  base: BaseModel<Source>,
  bytesOf: (source: Source) => Uint8Array | Promise<Uint8Array>,
): Promise<Graph> {
  if ('graph' in base) return base.graph;
  return readModel(
    await bytesOf(base.model),
    base.externalData === undefined ? {} : { externalData: base.externalData },
  );
}
