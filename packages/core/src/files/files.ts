/** A folder as files in memory, by name. */
export type Files = Readonly<Record<string, Uint8Array>>;
