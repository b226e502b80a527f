import * as v from 'valibot';

/** A SHA-256 digest as text. */
export const sha256Schema = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/, '64 hexadecimal digits'));
