import type { LayerActivity } from "../../../src/evaluation/activity.js";
import type {
  EvaluationReport,
  FadReport,
  FeatureSource,
  FloatReport,
  LeftOut,
  NeighboursReport,
} from "../../../src/evaluation/report.js";
import type { RobustnessReport } from "../../../src/evaluation/robustness.js";
import { formatCount, formatMeasure } from "../../../src/numbers.js";
import { formatFacts, formatTable } from "../../report/format.js";
import { formatWasm, type WasmFacts } from "../../report/summary.js";

/** What `spikelet evaluate` found; `--json` prints it as it is. */
export interface PrintedReport extends EvaluationReport {
  readonly spikelet: string;
  readonly model: { readonly name: string; readonly bytes: number; readonly crc32: string };
  readonly data: string;
  /** 64-bit, hence text. */
  readonly seed: string;
  readonly timeSteps: number;
  readonly wasm: WasmFacts;
  readonly threads: number;
  readonly seconds: number;
  /** Files that were written. */
  readonly output: readonly string[];
}

export function formatEvaluation(report: PrintedReport): string {
  return [
    formatHead(report),
    formatFindings(report),
    ...(report.output.length > 0 ? [`Written: ${report.output.join(", ")}`] : []),
  ].join("\n\n");
}

function formatHead({ model, data, timeSteps, seed, wasm, seconds, threads }: PrintedReport): string {
  return formatFacts([
    ["model", `${model.name}, ${formatCount(model.bytes)} bytes, CRC-32 ${model.crc32}`],
    ["data", data],
    ["run", `${timeSteps} time steps, seed ${seed}`],
    ["wasm", formatWasm(wasm)],
    ["time", `${formatFigure(seconds)} s (${threads} ${threads === 1 ? "thread" : "threads"})`],
  ]);
}

/** All that was found, and why the rest was left out. */
function formatFindings(report: EvaluationReport): string {
  return [
    formatReconstruction(report),
    formatFad(report.fad),
    formatNeighbours(report.neighbours),
    formatActivity(report.activity),
    formatFloat(report.float),
    formatRobustness(report.robustness),
  ].join("\n\n");
}

/** Loss, latent information and activity: what an evaluation of a test set alone finds. */
export function formatReconstruction({ reconstruction, latent }: EvaluationReport): string {
  return formatFacts([
    [
      "reconstruction loss",
      `${formatFigure(reconstruction.loss)} (MSE on [−1, 1], ${formatCount(reconstruction.images)} test images)`,
    ],
    [
      "latent information",
      "leftOut" in latent
        ? `left out: ${latent.leftOut} (--no-labels was given)`
        : `${formatPercent(latent.accuracy)} of ${formatCount(latent.testImages)} test images classified by a linear ` +
          `classifier on r_q (${formatCount(latent.trainingImages)} training images)`,
    ],
  ]);
}

function formatFad(fad: FadReport | LeftOut): string {
  if ("leftOut" in fad) return `FAD: left out: ${fad.leftOut}; give its file with --fad-encoder`;
  const table = formatTable(
    ["FAD", "images", "distance"],
    fad.results.map((result) => [nameResult(result), formatCount(result.images), formatFigure(result.fad)]),
  );
  return `${table}\nfrom ${fad.statistics}`;
}

function nameResult({ of, name }: FeatureSource): string {
  switch (of) {
    case "prior":
      return `prior ${name}`;
    case "class priors":
      return `priors ${name}, by label frequency`;
    case "posterior rates":
      return `${name} (the bound for any prior)`;
    case "images":
      return name;
  }
}

function formatNeighbours(neighbours: NeighboursReport | LeftOut): string {
  if ("leftOut" in neighbours) return `Beside real images: left out: ${neighbours.leftOut}`;
  const { trainingImages, testImages, results } = neighbours;
  const orDash = (value: number | null, format: (value: number) => string) =>
    value === null ? "–" : format(value);
  const table = formatTable(
    ["beside real images", "images", "class agreement", "one class", "precision", "recall", "nearest"],
    results.map((result) => [
      nameResult(result),
      formatCount(result.images),
      orDash(result.classAgreement, formatPercent),
      orDash(result.unanimity, formatPercent),
      orDash(result.precision, formatPercent),
      orDash(result.recall, formatPercent),
      orDash(result.nearestTrainingImage, formatFigure),
    ]),
  );
  return (
    `${table}\nclasses and the nearest of ${formatCount(trainingImages)} training images, ` +
    `precision and recall beside ${formatCount(testImages)} test images`
  );
}

export function formatActivity({ images, layers }: EvaluationReport["activity"]): string {
  const total = (part: LayerActivity["part"]) =>
    layers
      .filter((layer) => layer.part === part && layer.firingRate !== null)
      .reduce((sum, { synapticOperations }) => sum + synapticOperations, 0);
  const table = formatTable(
    ["layer", "firing rate", "synaptic operations"],
    [
      ...layers.map(({ name, firingRate, synapticOperations }) => [
        name,
        firingRate === null ? "–" : formatPercent(firingRate),
        formatCount(synapticOperations),
      ]),
      ["encoder", "", formatCount(total("encoder"))],
      ["decoder, without the readout", "", formatCount(total("decoder"))],
    ],
  );
  return `${table}\nper image, mean of ${formatCount(images)}`;
}

function formatFloat(float: FloatReport | LeftOut): string {
  if ("leftOut" in float)
    return `Beside the float model: left out: ${float.leftOut}; give its file with --checkpoint`;
  const { images, reconstructionLoss, latent, agreement } = float;
  const figures = formatTable(
    ["beside the float model", "integer", "float"],
    [
      [
        `reconstruction loss, ${formatCount(images)} images`,
        formatFigure(reconstructionLoss.integer),
        formatFigure(reconstructionLoss.float),
      ],
      ...("leftOut" in latent
        ? []
        : [
            [
              `latent information, ${formatCount(latent.trainingImages)} training and ${formatCount(latent.testImages)} test images`,
              formatPercent(latent.accuracy.integer),
              formatPercent(latent.accuracy.float),
            ],
          ]),
    ],
  );
  const layers = formatTable(
    ["layer", "equal spikes"],
    agreement.layers.map(({ name, equalSpikes }) => [name, formatPercent(equalSpikes)]),
  );
  return `${figures}\n\n${layers}\nof all neurons and steps, ${formatCount(agreement.images)} images`;
}

function formatRobustness(robustness: RobustnessReport | LeftOut): string {
  if ("leftOut" in robustness)
    return `Robustness: left out: ${robustness.leftOut}; --robustness --out FOLDER asks for it`;
  const table = formatTable(
    ["robustness", "amount", "reconstruction loss"],
    robustness.curves.flatMap(({ name, unit, points }) =>
      points.map(({ amount, reconstructionLoss }, i) => [
        i === 0 ? `${name} (${unit})` : "",
        formatMeasure(amount),
        formatFigure(reconstructionLoss),
      ]),
    ),
  );
  return `${table}\nmean of ${formatCount(robustness.images)} test images`;
}

/** Four significant digits. */
function formatFigure(value: number): string {
  return String(Number(value.toPrecision(4)));
}

function formatPercent(fraction: number): string {
  return `${(100 * fraction).toFixed(2)} %`;
}
