import type { Sample } from "./sample.js";
import { encodeStruct, type Field, i32, i64, list, string, struct, varint } from "./thrift.js";

// Parquet (https://parquet.apache.org/docs/file-format/) as Hugging Face's `datasets` reads it: a column of images, each a struct
// of bytes and path, and one of labels, with the features in the file's metadata. Values may be missing, as that reader wants it,
// though none is; none is nested in a list, and PNG is compressed already: a page is a line to say so and its values. That little
// is our own: hyparquet-writer, with hyparquet, would be 1 MB to install. Tests read the files with pyarrow and `datasets`.

/** Rows that a reader gets at once; they are held in memory while they are written. */
const ROWS_IN_GROUP = 1000;

const MAGIC = Buffer.from("PAR1");
/** parquet.thrift: types, encodings and the rest. */
const INT64 = 2;
const BYTE_ARRAY = 6;
const UTF8 = 0;
const OPTIONAL = 1;
const PLAIN = 0;
const RLE = 3;
const UNCOMPRESSED = 0;
const DATA_PAGE = 0;
const VERSION = 2;

/** What a Parquet file of images says of itself. */
export interface ParquetOptions {
  /** Of each label; undefined if there are none. */
  readonly classNames: readonly string[] | undefined;
  readonly createdBy: string;
}

interface Column {
  readonly path: readonly string[];
  readonly type: number;
  /** The values of a row group's page. */
  values(rows: readonly Sample[]): Uint8Array;
}

const IMAGE_BYTES: Column = {
  path: ["image", "bytes"],
  type: BYTE_ARRAY,
  values: (rows) => Buffer.concat(rows.flatMap(({ png }) => byteArray(png))),
};
const IMAGE_PATH: Column = {
  path: ["image", "path"],
  type: BYTE_ARRAY,
  values: (rows) => Buffer.concat(rows.flatMap(({ key }) => byteArray(Buffer.from(`${key}.png`)))),
};
const LABEL: Column = {
  path: ["label"],
  type: INT64,
  values: (rows) => new Uint8Array(BigInt64Array.from(rows, ({ label }) => BigInt(label ?? 0)).buffer),
};

function byteArray(bytes: Uint8Array): Uint8Array[] {
  const length = Buffer.alloc(4);
  length.writeUInt32LE(bytes.length);
  return [length, bytes];
}

/** A Parquet file. */
export async function* encodeParquet(
  samples: AsyncIterable<Sample>,
  { classNames, createdBy }: ParquetOptions,
): AsyncGenerator<Uint8Array> {
  const columns = classNames ? [IMAGE_BYTES, IMAGE_PATH, LABEL] : [IMAGE_BYTES, IMAGE_PATH];
  const groups: Field[] = [];
  let offset = MAGIC.length;
  let total = 0;
  yield MAGIC;

  let rows: Sample[] = [];
  const takeGroup = () => {
    const { bytes, group } = rowGroup(columns, rows, offset);
    groups.push(group);
    offset += bytes.length;
    total += rows.length;
    rows = [];
    return bytes;
  };
  for await (const sample of samples) {
    if (rows.push(sample) === ROWS_IN_GROUP) yield takeGroup();
  }
  if (rows.length > 0) yield takeGroup();

  const features = {
    image: { _type: "Image" },
    ...(classNames && { label: { names: classNames, _type: "ClassLabel" } }),
  };
  const metadata = encodeStruct([
    [1, i32(VERSION)],
    [2, list(schema(classNames !== undefined))],
    [3, i64(total)],
    [4, list(groups)],
    [
      5,
      list([
        struct([
          [1, string("huggingface")],
          [2, string(JSON.stringify({ info: { features } }))],
        ]),
      ]),
    ],
    [6, string(createdBy)],
  ]);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(metadata.length);
  yield Buffer.concat([metadata, length, MAGIC]);
}

function schema(hasLabels: boolean): Field[] {
  const group = (name: string, children: number) =>
    struct([
      [3, i32(OPTIONAL)],
      [4, string(name)],
      [5, i32(children)],
    ]);
  const leaf = (name: string, type: number) =>
    struct([
      [1, i32(type)],
      [3, i32(OPTIONAL)],
      [4, string(name)],
    ]);
  return [
    group("schema", hasLabels ? 2 : 1),
    group("image", 2),
    leaf("bytes", BYTE_ARRAY),
    struct([
      [1, i32(BYTE_ARRAY)],
      [3, i32(OPTIONAL)],
      [4, string("path")],
      [6, i32(UTF8)],
    ]),
    ...(hasLabels ? [leaf("label", INT64)] : []),
  ];
}

/** Says that all of so many values are there, as far down as they are nested: one run of equal definition levels. */
function presence(values: number, depth: number): Uint8Array {
  const run = Buffer.concat([varint(BigInt(values) * 2n), Uint8Array.of(depth)]);
  const length = Buffer.alloc(4);
  length.writeUInt32LE(run.length);
  return Buffer.concat([length, run]);
}

/** Rows that start at `offset` of the file, one page for each column, and what the file's end says of them. */
function rowGroup(
  columns: readonly Column[],
  rows: readonly Sample[],
  offset: number,
): { bytes: Uint8Array; group: Field } {
  const pages: Uint8Array[] = [];
  const chunks: Field[] = [];
  let at = offset;
  for (const { path, type, values } of columns) {
    const data = Buffer.concat([presence(rows.length, path.length), values(rows)]);
    const header = encodeStruct([
      [1, i32(DATA_PAGE)],
      [2, i32(data.length)],
      [3, i32(data.length)],
      [
        5,
        struct([
          [1, i32(rows.length)],
          [2, i32(PLAIN)],
          [3, i32(RLE)],
          [4, i32(RLE)],
        ]),
      ],
    ]);
    const bytes = header.length + data.length;
    const metadata = struct([
      [1, i32(type)],
      [2, list([i32(PLAIN), i32(RLE)])],
      [3, list(path.map(string))],
      [4, i32(UNCOMPRESSED)],
      [5, i64(rows.length)],
      [6, i64(bytes)],
      [7, i64(bytes)],
      [9, i64(at)],
    ]);
    pages.push(header, data);
    chunks.push(
      struct([
        [2, i64(at)],
        [3, metadata],
      ]),
    );
    at += bytes;
  }
  const group = struct([
    [1, list(chunks)],
    [2, i64(at - offset)],
    [3, i64(rows.length)],
  ]);
  return { bytes: Buffer.concat(pages), group };
}
