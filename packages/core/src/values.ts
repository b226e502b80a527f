/**
 * An element that is there by construction: of a list of which the length is known, or of a map that was made from the
 * keys that it is asked for.
 *
 * @throws RangeError when it is not there, which is an error of whoever asks.
 */
export function present<T>(value: T | null | undefined): T {
  if (value === undefined || value === null) throw new RangeError('A value is missing that must be there');
  return value;
}

/** Element `index` of a list that is long enough. @throws RangeError as `present`. */
export const elementAt = <T>(values: Indexed<T>, index: number): T => present(values[index]);

/** Whether a value has properties to be looked at: anything but null of type `object`. */
export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

/** Whether `key` is one of an object's own. */
export const hasKey = <T extends object>(object: T, key: PropertyKey): key is keyof T => Object.hasOwn(object, key);

/** The keys of an object that has those of its type and no others. */
export const keysOf = <T extends object>(object: T): (keyof T)[] =>
  Object.keys(object).filter((key): key is Extract<keyof T, string> => hasKey(object, key));

/** Whether bytes lie in memory that no other thread sees; some APIs of the web take no others. */
export const isUnshared = (bytes: Uint8Array): bytes is Uint8Array<ArrayBuffer> => bytes.buffer instanceof ArrayBuffer;

interface Indexed<T> {
  readonly [index: number]: T;
}
