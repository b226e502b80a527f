import type { DataTable } from './table.js';

/**
 * A table as CSV after RFC 4180: a header of keys, CRLF, fields quoted where they need it. Numbers have all their
 * digits; an empty field is a number that does not exist.
 */
export function toCsv({ columns, rows }: Pick<DataTable, 'columns' | 'rows'>): string {
  const lines = [columns.map(({ key }) => key), ...rows.map((row) => columns.map(({ key }) => String(row[key] ?? '')))];
  return lines.map((fields) => `${fields.map(field).join(',')}\r\n`).join('');
}

const field = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
