import { readFile } from "node:fs/promises";
import { join } from "node:path";
import * as v from "valibot";
import { formatCount, formatMeasure } from "../../src/numbers.js";
import { type DataSet, splitName } from "./data-set.js";
import type { FolderFormat } from "./output-format.js";

/** The card of a data set. */
export const CARD = "README.md";

/** Stands in every card, by which it is known from other files of that name. */
const MADE_BY = "Made by Spikelet";

/** Whether a folder has a file where the card would be, and it is no card. */
export async function isCardInTheWay(folder: string): Promise<boolean> {
  const text = await readFile(join(folder, CARD), "utf8").catch(() => undefined);
  return text !== undefined && !text.includes(MADE_BY);
}

/** What a card says beside what the data set itself says. */
export interface CardFacts {
  readonly format: FolderFormat;
  /** SPDX identifier; undefined if nobody said. */
  readonly license: string | undefined;
  /** Of the model, by `spikelet evaluate`; undefined if there are none. */
  readonly figures: ModelFigures | undefined;
  /** The command that makes the whole data set. */
  readonly command: string;
}

export interface ModelFigures {
  /** Mean squared difference on [−1, 1], and of how many test images. */
  readonly loss: { readonly value: number; readonly images: number };
  readonly fad: readonly { readonly name: string; readonly images: number; readonly fad: number }[];
}

/** What is read of the report of `spikelet evaluate`. */
const REPORT = v.object({
  model: v.object({ crc32: v.string() }),
  reconstruction: v.object({ loss: v.number(), images: v.number() }),
  fad: v.union([
    v.object({
      results: v.array(v.object({ of: v.string(), name: v.string(), images: v.number(), fad: v.number() })),
    }),
    v.object({ leftOut: v.string() }),
  ]),
});

/**
 * The figures that `spikelet evaluate` found for a model: those of NAME.evaluation.json beside NAME.spk, unless they are another
 * model's.
 */
export async function modelFigures(modelPath: string, crc32: string): Promise<ModelFigures | undefined> {
  const path = modelPath.replace(/(\.spk)?$/, ".evaluation.json");
  const text = await readFile(path, "utf8").catch(() => undefined);
  if (text === undefined) return undefined;
  const report = v.safeParse(v.pipe(v.string(), v.parseJson(), REPORT), text);
  if (!report.success || report.output.model.crc32 !== crc32) return undefined;
  const { reconstruction, fad } = report.output;
  const results =
    "results" in fad ? fad.results.filter(({ of }) => of === "prior" || of === "class priors") : [];
  return { loss: { value: reconstruction.loss, images: reconstruction.images }, fad: results };
}

/** The card: README.md with a head that Hugging Face reads. It depends on the run alone, whoever makes which part of it. */
export function cardText(data: DataSet, { format, license, figures, command }: CardFacts): string {
  const { run, shape, splits, labels, turns } = data;
  const total = splits.reduce((sum, { count }) => sum + count, 0);
  const size = `${shape.imageSize}×${shape.imageSize}, ${shape.imageChannels === 1 ? "grey" : `${shape.imageChannels} channels`}`;
  const figureLines = figures
    ? [
        `- reconstruction loss ${formatMeasure(figures.loss.value)} (${formatCount(figures.loss.images)} test images)`,
        ...figures.fad.map(
          ({ name, images, fad }) =>
            `- FAD ${formatMeasure(fad)} (prior ${name}, ${formatCount(images)} images)`,
        ),
      ]
    : [
        "- reconstruction loss and FAD: not known (no `spikelet evaluate` report of this model lies beside it)",
      ];
  const classLines = labels
    ? turns.priors.map((name, turn) => `| ${labels.ofTurn[turn]} | ${name} | ${part(data, turn)} |`)
    : [];
  return [
    ...head(data, format, license),
    `# ${formatCount(total)} images from ${run.model}`,
    "",
    `${MADE_BY} ${run.spikelet}; nobody drew or took them. ${size}.`,
    "",
    `    ${command}`,
    "",
    `- model: ${run.model}, CRC-32 ${run.modelCrc32}, ${run.timeSteps} time steps`,
    `- seed ${run.seed}; image indices ${run.start} to ${BigInt(run.start) + BigInt(total) - 1n}, none twice`,
    ...splits.map(
      (split) => `- ${splitName(split)}: ${formatCount(split.count)} images, from index ${split.first}`,
    ),
    `- licence: ${license ?? "not known; ask whoever trained the model"}`,
    ...figureLines,
    rejectLine(run.reject),
    "",
    ...(labels
      ? ["| label | class | part of the images |", "| --- | --- | --- |", ...new Set(classLines), ""]
      : [`No labels: the images are of the prior "${turns.priors[0]}", which is of no class.`, ""]),
  ].join("\n");
}

function head(data: DataSet, format: FolderFormat, license: string | undefined): string[] {
  const files = format === "parquet" || format === "tar";
  const folder = format === "parquet" ? "data/" : "";
  return [
    "---",
    ...(license === undefined ? [] : [`license: ${license}`]),
    `pretty_name: Images from ${JSON.stringify(data.run.model).slice(1, -1)}`,
    "tags:",
    "  - synthetic",
    "  - spiking-neural-network",
    ...(files
      ? [
          "configs:",
          "  - config_name: default",
          "    data_files:",
          ...data.splits.flatMap((split) => [
            `      - split: ${splitName(split)}`,
            `        path: ${folder}${splitName(split)}-*`,
          ]),
        ]
      : []),
    "---",
    "",
  ];
}

/** How much of the images a turn gets. */
function part({ turns: { priors, bounds } }: DataSet, turn: number): string {
  const share = bounds ? (bounds[turn] - (bounds[turn - 1] ?? 0)) / 2 ** 32 : 1 / priors.length;
  return `${formatMeasure(100 * share)} %`;
}

function rejectLine(reject: number | undefined): string {
  return reject === undefined
    ? "- no image was left out: all that were drawn are here"
    : `- chosen: up to ${reject} images were drawn for each, and the first whose nearest class prior, by the model's own encoder, is that ` +
        "of its label was kept, or else the nearest; so the images are less varied than the model's";
}
