/**
 * The least of a Parquet writer: one row group, one uncompressed PLAIN page per column, every column optional. Enough
 * to make files for a reader, without a dependency that would be there for tests only.
 */
export type Cell = string | bigint | number | null;

/** What to write instead of the truth. */
export interface Claim {
  readonly rows?: number;
  readonly levels?: number;
  /** Names of the columns at the data; those of the schema stay. */
  readonly paths?: readonly string[];
}

export function parquetFile(
  columns: Readonly<Record<string, readonly Cell[]>>,
  claim: Claim = {},
): Uint8Array<ArrayBuffer> {
  const names = Object.keys(columns);
  const rows = names.length === 0 ? 0 : (columns[names[0] as string] as readonly Cell[]).length;
  const body: number[] = [...MAGIC];
  const chunks = names.map((name, at) => {
    const cells = columns[name] as readonly Cell[];
    const start = body.length;
    const data = page(cells);
    body.push(
      ...struct(
        [1, i32(0)],
        [2, i32(data.length)],
        [3, i32(data.length)],
        [5, struct([1, i32(claim.levels ?? rows)], [2, i32(PLAIN)], [3, i32(RLE)], [4, i32(RLE)])],
      ).bytes,
      ...data,
    );
    const size = i64(body.length - start);
    const meta = struct(
      [1, i32(physicalType(cells))],
      [2, list(i32(PLAIN), i32(RLE))],
      [3, list(text(claim.paths?.[at] ?? name))],
      [4, i32(0)],
      [5, i64(rows)],
      [6, size],
      [7, size],
      [9, i64(start)],
    );
    return struct([2, i64(start)], [3, meta]);
  });
  const leaves = names.map((name) => {
    const type = physicalType(columns[name] as readonly Cell[]);
    return struct([1, i32(type)], [3, i32(1)], [4, text(name)], ...(type === BYTE_ARRAY ? [[6, i32(0)] as Field] : []));
  });
  const schema = [struct([4, text('schema')], [5, i32(names.length)]), ...leaves];
  const group = struct([1, list(...chunks)], [2, i64(body.length)], [3, i64(claim.rows ?? rows)]);
  const footer = struct([1, i32(1)], [2, list(...schema)], [3, i64(claim.rows ?? rows)], [4, list(group)]).bytes;
  return Uint8Array.from([...body, ...footer, ...int32(footer.length), ...MAGIC]);
}

const MAGIC = [...'PAR1'].map((character) => character.charCodeAt(0));
const [PLAIN, RLE] = [0, 3];
const [INT64, DOUBLE, BYTE_ARRAY] = [2, 5, 6];

function physicalType(cells: readonly Cell[]): number {
  const kind = typeof cells.find((cell) => cell !== null);
  return kind === 'bigint' ? INT64 : kind === 'number' ? DOUBLE : BYTE_ARRAY;
}

/** Definition levels (one run each), then the values that are there. */
function page(cells: readonly Cell[]): number[] {
  const levels = cells.flatMap((cell) => [2, cell === null ? 0 : 1]);
  const values = cells.flatMap((cell) => {
    if (cell === null) return [];
    if (typeof cell === 'string') return [...int32(utf8(cell).length), ...utf8(cell)];
    const view = new DataView(new ArrayBuffer(8));
    if (typeof cell === 'bigint') view.setBigInt64(0, cell, true);
    else view.setFloat64(0, cell, true);
    return [...new Uint8Array(view.buffer)];
  });
  return [...int32(levels.length), ...levels, ...values];
}

/** Thrift's compact protocol. */
interface Value {
  readonly type: number;
  readonly bytes: readonly number[];
}
type Field = readonly [id: number, value: Value];

const i32 = (value: number): Value => ({ type: 5, bytes: varint(2 * value) });
const i64 = (value: number): Value => ({ type: 6, bytes: varint(2 * value) });
const text = (value: string): Value => ({ type: 8, bytes: [...varint(utf8(value).length), ...utf8(value)] });

function list(...items: Value[]): Value {
  const type = items[0]?.type ?? 12;
  return { type: 9, bytes: [0xf0 | type, ...varint(items.length), ...items.flatMap(({ bytes }) => [...bytes])] };
}

function struct(...fields: Field[]): Value {
  let last = 0;
  const bytes = fields.flatMap(([id, value]) => {
    const header = ((id - last) << 4) | value.type;
    last = id;
    return [header, ...value.bytes];
  });
  return { type: 12, bytes: [...bytes, 0] };
}

function varint(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) | 128, ...varint(Math.floor(value / 128))];
}

const utf8 = (value: string): number[] => [...new TextEncoder().encode(value)];
const int32 = (value: number): number[] => [...new Uint8Array(Uint32Array.of(value).buffer)];
