const LONGEST = 80;

/** A name from a file as messages show it: quoted, on one line, never longer than a line. */
export function quote(name: string): string {
  return JSON.stringify(name.length > LONGEST ? `${name.slice(0, LONGEST)}…` : name);
}
