import { fromBinary } from '@bufbuild/protobuf';
import { ModelProtoSchema } from './onnx_pb.js';
import { malformedModel } from './scan.js';

/**
 * The `metadata_props` of an ONNX file, by key.
 *
 * @throws FormatError for bytes that are no ONNX model.
 */
export function readMetadata(bytes: Uint8Array): Map<string, string> {
  const file = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  try {
    const { metadataProps } = fromBinary(ModelProtoSchema, file, { readUnknownFields: false });
    return new Map(metadataProps.map(({ key, value }) => [key, value]));
  } catch (cause) {
    throw malformedModel(file, cause instanceof Error ? cause.message : 'an undecodable message', cause);
  }
}
