import { afterEach, describe, expect, it, vi } from 'vitest';
import { fromFloat32, readSafetensors, sha256, weightsDigest, writeSafetensors } from '../src/index.js';
import { failure } from './support/failure.js';

const a = fromFloat32(new Float32Array([1, 2]));
const b = fromFloat32(new Float32Array([3]));

describe('sha256', () => {
  it('has the value of the standard', async () => {
    expect(await sha256(new TextEncoder().encode('abc'))).toBe(
      'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
    );
  });

  it('reads shared memory, as threaded runtimes use', async () => {
    const shared = new Uint8Array(new SharedArrayBuffer(3));
    shared.set(new TextEncoder().encode('abc'));
    expect(await sha256(shared)).toBe(await sha256(new TextEncoder().encode('abc')));
  });
});

describe('weightsDigest', () => {
  it('is the hash of the sorted hashes', async () => {
    const hashes = [await sha256(a.bytes), await sha256(b.bytes)].sort().join('');
    const joined = Uint8Array.from(hashes.match(/../g) ?? [], (byte) => Number.parseInt(byte, 16));
    expect(await weightsDigest([a, b])).toBe(await sha256(joined));
  });

  it('does not depend on names, order or file', async () => {
    const digest = await weightsDigest([a, b]);
    expect(await weightsDigest([b, a])).toBe(digest);
    expect(
      await weightsDigest(
        readSafetensors(
          writeSafetensors([
            ['x', b],
            ['y', a],
          ]),
        ).tensors.values(),
      ),
    ).toBe(digest);
  });

  it('depends on every bit', async () => {
    const digests = [[a], [a, b], [], [fromFloat32(new Float32Array([1, 2.0000002]))]].map((tensors) =>
      weightsDigest(tensors),
    );
    expect(new Set(await Promise.all(digests)).size).toBe(4);
  });

  it('does not depend on how often an exporter stored a tensor', async () => {
    expect(await weightsDigest([a, b, a])).toBe(await weightsDigest([a, b]));
  });
});

describe('without WebCrypto', () => {
  afterEach(() => void vi.unstubAllGlobals());
  it('says what to do', async () => {
    vi.stubGlobal('crypto', {});
    expect((await failure(() => sha256(new Uint8Array()))).code).toBe('CRYPTO_UNAVAILABLE');
  });
});
