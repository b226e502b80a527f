import { afterEach, describe, expect, it, vi } from 'vitest';
import { nodePlatform } from '../src/devices/node.js';

afterEach(() => vi.unstubAllEnvs());

describe('ONNX Runtime is asked not to report what it runs', () => {
  it.each([
    ['unless told otherwise', undefined, '1'],
    ['but whoever wants it to keeps their word', '0', '0'],
    ['and no is no', 'true', 'true'],
  ])('%s', async (_, before, after) => {
    vi.stubEnv('ORT_DISABLE_TELEMETRY', before);
    await nodePlatform.open('cpu', {});
    expect(process.env['ORT_DISABLE_TELEMETRY']).toBe(after);
  });
});
