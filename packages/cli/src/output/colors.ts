import pc from 'picocolors';

/**
 * Colours for a person at a terminal only: logs and pipes stay plain, also where the environment says that it could
 * show colours (CI).
 */
export const colors = pc.createColors(process.stderr.isTTY === true && process.env['NO_COLOR'] === undefined);
