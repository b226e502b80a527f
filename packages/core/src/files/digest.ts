import { isUnshared } from '../values.js';
import { RuntimeError } from '../errors.js';

/**
 * SHA-256 as 64 hexadecimal digits, by the platform's WebCrypto.
 *
 * @throws RuntimeError CRYPTO_UNAVAILABLE in a browser page that is not a secure context.
 */
export async function sha256(bytes: Uint8Array): Promise<string> {
  return hex(await digest(bytes));
}

/**
 * Identity of a set of weights: SHA-256 over the 32-byte SHA-256 digests of every tensor's raw little-endian bytes, the
 * digests sorted bytewise, each once. Independent of tensor names, of their order, of how they are laid out in files
 * and of how often, so that a safetensors file and its lossless ONNX export can agree.
 *
 * @throws RuntimeError CRYPTO_UNAVAILABLE in a browser page that is not a secure context.
 */
export async function weightsDigest(
  tensors: Iterable<{ readonly bytes: Uint8Array; readonly dtype?: string }>,
): Promise<string> {
  const digests = new Map<string, Uint8Array>();
  for (const { bytes } of tensors) {
    const each = await digest(bytes);
    digests.set(hex(each), each);
  }
  // Digits sort as the bytes do.
  const sorted = [...digests].toSorted(([a], [b]) => (a < b ? -1 : 1));
  const joined = new Uint8Array(sorted.length * 32);
  sorted.forEach(([, each], i) => joined.set(each, i * 32));
  return sha256(joined);
}

async function digest(bytes: Uint8Array): Promise<Uint8Array> {
  const subtle: SubtleCrypto | undefined = globalThis.crypto?.subtle;
  if (subtle === undefined) {
    throw new RuntimeError('This page cannot compute SHA-256', {
      code: 'CRYPTO_UNAVAILABLE',
      found: 'no crypto.subtle',
      hint: 'Serve it over https or from localhost.',
    });
  }
  // WebCrypto refuses shared memory, where a threaded runtime may keep its tensors.
  const own = isUnshared(bytes) ? bytes : Uint8Array.from(bytes);
  return new Uint8Array(await subtle.digest('SHA-256', own));
}

const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
