import { basename, dirname, join } from "node:path";
import * as npy from "../../src/data/npy.js";
import { crc32 } from "../../src/model/file.js";
import { idxHeader, idxLabelsHeader, npyHeader } from "./array-header.js";
import type { ArrayFile } from "./array-sink.js";
import { imageBytes } from "./batch.js";
import type { Labels } from "./classes.js";
import {
  type DataSet,
  labelBytes,
  type Shard,
  type Split,
  shardPath,
  shardSpan,
  splitName,
} from "./data-set.js";
import { replaceFileByChunks } from "./output.js";
import type { ArrayFormat } from "./output-format.js";
import { centralDirectory, localHeader, sealFirstEntry } from "./zip.js";

/** MNIST's own names: its test images are t10k. */
const IMAGES_IN_NAME = /^(.*)-images([-.])idx3-ubyte$/;

/** The file of a split's images in a folder. */
export function arrayPath(folder: string, format: ArrayFormat, split: Split): string {
  const name = splitName(split);
  switch (format) {
    case "idx":
      return join(folder, `${name === "test" ? "t10k" : name}-images-idx3-ubyte`);
    case "npy":
      return join(folder, `${name}.npy`);
    case "npz":
      return join(folder, `${name}.npz`);
  }
}

/** The file of the labels that belong to a file of images; undefined if the images' file has them as well. */
export function labelsPath(path: string, format: ArrayFormat): string | undefined {
  const name = basename(path);
  const match = IMAGES_IN_NAME.exec(name);
  switch (format) {
    case "idx":
      return join(
        dirname(path),
        match === null
          ? `${name.replace(/\.idx$/i, "")}-labels-idx1-ubyte`
          : `${match[1]}-labels${match[2]}idx1-ubyte`,
      );
    case "npy":
      return path.replace(/\.npy$/i, "-labels.npy");
    case "npz":
      return undefined;
  }
}

/** The array of a split's images at `path`, or a shard's stretch of it: shards laid end to end are the file. */
export function arrayFile(
  path: string,
  format: ArrayFormat,
  data: DataSet,
  split: Split,
  shard: Shard | undefined,
): ArrayFile {
  const isFirst = shard === undefined || shard.number === 1;
  const isLast = shard === undefined || shard.number === shard.of;
  const span = shardSpan(shard, split);
  const { header, trailer } = ends(format, data, split);
  const labels = data.labels && labelsPath(path, format);
  return {
    path: shard ? shardPath(path, shard) : path,
    span,
    header: isFirst ? header : new Uint8Array(0),
    bytesEach: imageBytes(data.shape),
    ...(isLast && trailer && { trailer }),
    ...(shard === undefined && format === "npz" && { seal: sealFirstEntry }),
    ...(labels !== undefined && {
      beside: () =>
        replaceFileByChunks(
          shard ? shardPath(labels, shard) : labels,
          labelsFile(format, data, split, span, isFirst),
        ),
    }),
  };
}

function* labelsFile(
  format: ArrayFormat,
  data: DataSet,
  { count }: Split,
  span: ArrayFile["span"],
  isFirst: boolean,
): Generator<Uint8Array> {
  if (isFirst) yield format === "idx" ? idxLabelsHeader(count) : npy.npyHeader("|u1", [count]);
  yield* labelBytes(data, data.labels!, span);
}

/** What comes before and after all images of a split. */
function ends(
  format: ArrayFormat,
  data: DataSet,
  split: Split,
): { header: Uint8Array; trailer?: () => Iterable<Uint8Array> } {
  const { count } = split;
  if (format === "idx") return { header: idxHeader(count, data.shape) };
  const npyStart = npyHeader(count, data.shape);
  if (format === "npy") return { header: npyStart };

  const images = { name: "images.npy", bytes: npyStart.length + count * imageBytes(data.shape), crc: 0 };
  const local = localHeader(images);
  const end = local.length + images.bytes;
  return {
    header: Buffer.concat([local, npyStart]),
    *trailer() {
      if (data.labels === undefined) yield centralDirectory([images], [0], end);
      else yield* labelsEntry(data, data.labels, split, images, end);
    },
  };
}

/** The entry of the labels at `offset`, and the end of the archive. */
function* labelsEntry(
  data: DataSet,
  names: Labels,
  split: Split,
  images: { readonly name: string; readonly bytes: number; readonly crc: number },
  offset: number,
): Generator<Uint8Array> {
  const header = npy.npyHeader("|u1", [split.count]);
  let crc = crc32(header);
  for (const piece of labelBytes(data, names, split)) crc = crc32(piece, crc);
  const labels = { name: "labels.npy", bytes: header.length + split.count, crc };
  const local = localHeader(labels);
  yield local;
  yield header;
  yield* labelBytes(data, names, split);
  yield centralDirectory([images, labels], [0, offset], offset + local.length + labels.bytes);
}
