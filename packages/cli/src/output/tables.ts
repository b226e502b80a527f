import Table from 'cli-table3';

/** A plain table: header row, then rows; numbers to the right. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const numeric = head.map(
    (_, column) =>
      rows.length > 0 && rows.every((row) => /^[-+]?[\d.,]+( ?[%a-zA-Z/]+)?$/.test(String(row[column] ?? ''))),
  );
  const drawn = new Table({
    head: [...head],
    colAligns: numeric.map((right) => (right ? 'right' : 'left')),
    style: { head: [], border: [], compact: true },
  });
  for (const row of rows) drawn.push(row.map(String));
  return drawn.toString();
}
