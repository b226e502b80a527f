/** What something that was thrown says of itself. */
export const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause));

/** `1.5 MiB`. */
export const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
