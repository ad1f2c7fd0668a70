import { setImmediate } from "node:timers/promises";
import type { Command } from "commander";
import { nearestNeighbours } from "../../src/evaluation/neighbours.js";
import type { Tensor } from "../../src/network.js";
import { formatCount, formatMeasure } from "../../src/numbers.js";
import { hasSplit, printNotes, readDataset } from "../input/dataset.js";
import type { Dataset } from "../input/dataset-images.js";
import { INPUT_DESCRIPTION, readInputImages } from "../input/image-input.js";
import { countOption } from "../options/shared-options.js";
import { imageBytes } from "../output/batch.js";
import { drawGrid, MAX_GRID_IMAGES, pairLayout, splitImages } from "../output/grid.js";
import { prepareFolderOf, replaceFile } from "../output/output.js";
import { checkEnding } from "../output/output-format.js";
import { formatFacts, formatTable } from "../report/format.js";
import { startProgress } from "../run/progress.js";

interface NearestArguments {
  readonly data: string;
  readonly count: number;
  readonly out?: string;
  readonly json?: true;
}

/** Images whose nearest are looked for. */
const DEFAULT_COUNT = 1000;
/** Training images by which the order of pixels is chosen. */
const ORDERED_BY = 1000;
/** Lines of the table that is printed. */
const SHOWN = 10;

interface NearestImage {
  readonly image: string;
  /** Number of the nearest training image, from 0, and its label if the data set has labels. */
  readonly training: number;
  readonly label: string | null;
  /** Mean squared difference of the pixels on [−1, 1]. */
  readonly distance: number;
}

interface Spread {
  readonly images: number;
  readonly least: number;
  readonly median: number;
  readonly most: number;
  /** Images that are a training image, pixel by pixel. */
  readonly copies: number;
}

/** What `spikelet nearest` found; `--json` prints it as it is. */
interface NearestReport {
  readonly data: string;
  readonly trainingImages: number;
  readonly hasMore: boolean;
  readonly given: Spread;
  /** The same of test images of the data set, which nobody can have copied; null if there are none. */
  readonly test: Spread | null;
  readonly nearest: readonly NearestImage[];
  readonly output: { readonly path: string; readonly bytes: number } | null;
}

const EXAMPLES = `
Examples:
  spikelet generate --count 1000 --out images.idx && spikelet nearest --data mnist/ images.idx
  spikelet nearest --data photos/ one.png two.png --out pairs.png

Distances are mean squared differences of pixels on [−1, 1], at the size that "spikelet train" gives
the data set. A model that copies has images much nearer to the training images than the test
images are, which are looked up beside them. The ${SHOWN} nearest are printed; --json has all.`;

export function addNearestCommand(program: Command): void {
  program
    .command("nearest")
    .summary("find the training image that each image is nearest to")
    .description("Tells whether images are copies: for each, its nearest training image and the distance.")
    .argument("<input...>", INPUT_DESCRIPTION)
    .requiredOption("--data <folder>", "the data set with the training images")
    .addOption(countOption("at most so many images").default(DEFAULT_COUNT))
    .option("--out <file.png>", "a grid of pairs: image and nearest training image, the nearest pair first")
    .option("--json", "print all that was found as JSON")
    .addHelpText("after", EXAMPLES)
    .action(nearest);
}

async function nearest(inputs: readonly string[], args: NearestArguments): Promise<void> {
  if (args.out !== undefined) {
    checkEnding(args.out, [".png"]);
    await prepareFolderOf(args.out);
  }
  const training = await readDataset(args.data, "train", undefined);
  printNotes(training);
  const images = await readInputImages(inputs, training, args.count);
  const test = (await hasSplit(args.data, "test"))
    ? await readDataset(args.data, "test", training, { most: images.count, labels: false })
    : undefined;

  const order = pixelOrder(training.pixels, imageBytes(training));
  const references = pixelTensor(training.pixels, order);
  const progress = startProgress(images.count + (test?.count ?? 0), 0);
  let done = 0;
  const find = async (pixels: Uint8Array) => {
    const queries = pixelTensor(pixels, order);
    const found: { index: number; distance: number }[] = [];
    for (const query of splitRows(queries)) {
      // Lets the event loop see a Ctrl-C and redraw the progress bar.
      await setImmediate();
      const [{ index, distance }] = nearestNeighbours(query, references, 1);
      found.push({ index, distance: meanSquare(distance, query.length) });
      progress.update(++done);
    }
    return found;
  };
  const given = await find(images.pixels);
  const ofTest = test && (await find(test.pixels));
  progress.stop();

  const found = given.map(
    ({ index, distance }, i): NearestImage => ({
      image: images.names[i],
      training: index,
      label: labelName(training, index),
      distance,
    }),
  );
  const report: NearestReport = {
    data: args.data,
    trainingImages: training.count,
    hasMore: images.hasMore,
    given: spread(given),
    test: ofTest ? spread(ofTest) : null,
    nearest: found,
    output: args.out === undefined ? null : await drawPairs(args.out, images.pixels, training, found),
  };
  console.log(args.json ? JSON.stringify(report, null, 2) : formatNearest(report));
}

/**
 * Images (count, imageSize, imageSize, imageChannels) as rows, their pixels in another order: a search gives up on an image as soon
 * as the first pixels are too different, and those in the corners of digits never are.
 */
function pixelTensor(pixels: Uint8Array, order: Uint32Array): Tensor {
  const size = order.length;
  const count = pixels.length / size;
  const data = new Float32Array(pixels.length);
  for (let n = 0; n < count; n++) {
    for (let i = 0; i < size; i++) data[n * size + i] = pixels[n * size + order[i]];
  }
  return { shape: [count, size], data };
}

/** The places of an image's pixels, those first that vary most over the first images. */
function pixelOrder(pixels: Uint8Array, size: number): Uint32Array {
  const count = Math.min(pixels.length / size, ORDERED_BY);
  const sums = new Float64Array(size);
  const squares = new Float64Array(size);
  for (let at = 0; at < count * size; at++) {
    sums[at % size] += pixels[at];
    squares[at % size] += pixels[at] ** 2;
  }
  const variance = squares.map((square, i) => square / count - (sums[i] / count) ** 2);
  return new Uint32Array(Array.from(variance.keys()).sort((a, b) => variance[b] - variance[a]));
}

function* splitRows({ shape: [count, size], data }: Tensor): Generator<Float32Array> {
  for (let i = 0; i < count; i++) yield data.subarray(i * size, (i + 1) * size);
}

/** Of a Euclidean distance between pixels 0 … 255: the mean squared difference on [−1, 1]. */
function meanSquare(distance: number, size: number): number {
  return (distance ** 2 / size) * (2 / 255) ** 2;
}

function labelName({ labels, classNames }: Dataset, index: number): string | null {
  if (labels === undefined) return null;
  return classNames?.[labels[index]] ?? String(labels[index]);
}

function spread(found: readonly { readonly distance: number }[]): Spread {
  const distances = found.map(({ distance }) => distance).sort((a, b) => a - b);
  return {
    images: distances.length,
    least: distances[0],
    median: distances[Math.floor((distances.length - 1) / 2)],
    most: distances[distances.length - 1],
    copies: distances.filter((distance) => distance === 0).length,
  };
}

function byDistance(found: readonly NearestImage[]): number[] {
  return Array.from(found.keys()).sort((a, b) => found[a].distance - found[b].distance);
}

async function drawPairs(
  path: string,
  pixels: Uint8Array,
  training: Dataset,
  found: readonly NearestImage[],
): Promise<{ path: string; bytes: number }> {
  const images = splitImages(pixels, training);
  const originals = splitImages(training.pixels, training);
  const tiles = byDistance(found)
    .slice(0, MAX_GRID_IMAGES / 2)
    .flatMap((i) => [images[i], originals[found[i].training]]);
  const picture = drawGrid(tiles, training, pairLayout(tiles.length / 2));
  await replaceFile(path, picture);
  return { path, bytes: picture.length };
}

function formatNearest({
  data,
  trainingImages,
  hasMore,
  given,
  test,
  nearest,
  output,
}: NearestReport): string {
  const rows = byDistance(nearest)
    .slice(0, SHOWN)
    .map((i) => {
      const { image, training, label, distance } = nearest[i];
      return [image, String(training), label ?? "–", formatMeasure(distance)];
    });
  const describe = ({ images, least, median, most, copies }: Spread) =>
    `median ${formatMeasure(median)}, ${formatMeasure(least)} to ${formatMeasure(most)}; ${formatCount(copies)} copies ` +
    `among ${formatCount(images)}`;
  return [
    formatFacts([
      ["training images", `${formatCount(trainingImages)} in ${data}`],
      [
        "distance of the images",
        describe(given) + (hasMore ? ", the first of more (--count takes others)" : ""),
      ],
      ["of test images", test ? describe(test) : "the data set has none"],
      ...(output ? [["output", `${output.path}, ${formatCount(output.bytes)} bytes`] as const] : []),
    ]),
    formatTable(["image", "training image", "label", "distance"], rows),
  ].join("\n\n");
}
