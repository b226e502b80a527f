import { ConfigError } from '../../errors.js';
import type { Tensor } from '../../tensors/tensor.js';
import { quote } from '../../ir/quote.js';
import { isPlainLocation } from '../read/external.js';
import type { LocateTensor } from './location.js';

/** Runtimes look at small constants (shapes, axes) while they load a graph, so those stay in it. */
const KEEP_INSIDE_BELOW = 1024;

/**
 * Places the tensors that are views into `file` where they already are, so that a new graph can use the weights of an
 * existing model file without copying them. Other tensors, and those below `minimumBytes`, stay inside the graph.
 */
export function placedIn(file: Uint8Array, location: string, minimumBytes = KEEP_INSIDE_BELOW): LocateTensor {
  return (_name: string, { bytes }: Tensor) => {
    const offset = bytes.byteOffset - file.byteOffset;
    const inside = bytes.buffer === file.buffer && offset >= 0 && offset + bytes.byteLength <= file.byteLength;
    return inside && bytes.byteLength >= minimumBytes ? { location, offset, length: bytes.byteLength } : undefined;
  };
}

/** `place`, checked: what it answers must be a placement that `readModel` would accept. */
export function checkedLocations(place: LocateTensor): LocateTensor {
  return (name, tensor) => {
    const placement = place(name, tensor);
    if (placement === undefined) return undefined;
    const { location, offset } = placement;
    if (!isPlainLocation(location) || !Number.isSafeInteger(offset) || offset < 0) {
      throw new ConfigError(`Tensor ${quote(name)} cannot be placed there`, {
        code: 'ONNX_EXTERNAL_PATH',
        found: `${quote(location)} at ${offset}`,
        expected: 'a plain relative path and an offset of 0 or more',
      });
    }
    return placement;
  };
}
