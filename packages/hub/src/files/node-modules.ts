/**
 * Modules of Node. They are asked for by name and not imported, because bundlers for browsers follow every import, also
 * those that no browser comes to, and some stop at `node:`.
 */
export const nodeFiles = () => ({
  ...process.getBuiltinModule('node:fs/promises'),
  ...process.getBuiltinModule('node:path'),
});
