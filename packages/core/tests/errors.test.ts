import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FormatError, HadamardError } from '../src/index.js';

describe('errors', () => {
  it('say what was found, what was expected and what to do', () => {
    const error = new FormatError('The header is damaged', {
      code: 'HEADER',
      found: '3 bytes',
      expected: '8',
      hint: 'Download it again.',
    });
    expect(error.message).toBe('The header is damaged: found 3 bytes, expected 8. Download it again.');
    expect(error).toMatchObject({
      name: 'FormatError',
      code: 'HEADER',
      found: '3 bytes',
      expected: '8',
      hint: 'Download it again.',
    });
    expect(error).toBeInstanceOf(HadamardError);
  });

  it('stay one line, whatever a file says', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }), (what, found) => {
        expect(new HadamardError(`a\n${what}`, { code: 'X', found }).message).not.toMatch(/[\n\r\u2028\u2029\u0085]/);
      }),
    );
  });
});
