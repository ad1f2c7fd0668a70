import type { LayerActivity } from "../../../src/evaluation/activity.js";
import { formatCount, formatFacts, formatMeasure, formatTable } from "../../report/format.js";
import { formatWasm, type WasmFacts } from "../../report/summary.js";
import type { RobustnessReport } from "./robustness.js";

/** A part of the evaluation that was not made, and why. */
export interface LeftOut {
  readonly leftOut: string;
}

export interface FadReport {
  /** Where the statistics that the images are compared with come from. */
  readonly statistics: string;
  readonly results: readonly FadResult[];
}

export interface FadResult {
  readonly of: "prior" | "class priors" | "posterior rates" | "images";
  readonly name: string;
  readonly images: number;
  readonly fad: number;
}

export interface LatentReport {
  /** Of a linear classifier on the posterior firing rates of test images, 0 … 1. */
  readonly accuracy: number;
  readonly trainingImages: number;
  readonly testImages: number;
}

/** The integer model beside the float one, on the same images. */
export interface FloatReport {
  readonly images: number;
  readonly reconstructionLoss: { readonly integer: number; readonly float: number };
  readonly latent:
    | LeftOut
    | {
        readonly accuracy: { readonly integer: number; readonly float: number };
        readonly trainingImages: number;
        readonly testImages: number;
      };
  readonly agreement: {
    readonly images: number;
    /** Fraction of neurons and steps at which both do the same. */
    readonly layers: readonly { readonly name: string; readonly equalSpikes: number }[];
  };
}

/** What `spikelet evaluate` found; `--json` prints it as it is. */
export interface EvaluationReport {
  readonly spikelet: string;
  readonly model: { readonly name: string; readonly bytes: number; readonly crc32: string };
  readonly data: string;
  /** 64-bit, hence text. */
  readonly seed: string;
  readonly timeSteps: number;
  readonly wasm: WasmFacts;
  readonly threads: number;
  readonly seconds: number;
  /** Mean squared difference on [−1, 1]. */
  readonly reconstruction: { readonly loss: number; readonly images: number };
  readonly fad: FadReport | LeftOut;
  readonly latent: LatentReport | LeftOut;
  readonly activity: { readonly images: number; readonly layers: readonly LayerActivity[] };
  readonly float: FloatReport | LeftOut;
  readonly robustness: RobustnessReport | LeftOut;
  /** Files that were written. */
  readonly output: readonly string[];
}

export function formatEvaluation(report: EvaluationReport): string {
  return [
    formatHead(report),
    formatFad(report.fad),
    formatActivity(report.activity),
    formatFloat(report.float),
    formatRobustness(report.robustness),
    ...(report.output.length > 0 ? [`Written: ${report.output.join(", ")}`] : []),
  ].join("\n\n");
}

function formatHead(report: EvaluationReport): string {
  const { model, reconstruction, latent, threads } = report;
  return formatFacts([
    ["model", `${model.name}, ${formatCount(model.bytes)} bytes, CRC-32 ${model.crc32}`],
    ["data", report.data],
    ["run", `${report.timeSteps} time steps, seed ${report.seed}`],
    ["wasm", formatWasm(report.wasm)],
    ["time", `${formatFigure(report.seconds)} s (${threads} ${threads === 1 ? "thread" : "threads"})`],
    [
      "reconstruction loss",
      `${formatFigure(reconstruction.loss)} (MSE on [−1, 1], ${formatCount(reconstruction.images)} test images)`,
    ],
    [
      "latent information",
      "leftOut" in latent
        ? `left out: ${latent.leftOut}`
        : `${formatPercent(latent.accuracy)} of ${formatCount(latent.testImages)} test images classified by a linear ` +
          `classifier on r_q (${formatCount(latent.trainingImages)} training images)`,
    ],
  ]);
}

function formatFad(fad: FadReport | LeftOut): string {
  if ("leftOut" in fad) return `FAD: left out: ${fad.leftOut}`;
  const table = formatTable(
    ["FAD", "images", "distance"],
    fad.results.map((result) => [nameResult(result), formatCount(result.images), formatFigure(result.fad)]),
  );
  return `${table}\nfrom ${fad.statistics}`;
}

function nameResult({ of, name }: FadResult): string {
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

function formatActivity({ images, layers }: EvaluationReport["activity"]): string {
  const total = (part: LayerActivity["part"]) =>
    layers
      .filter((layer) => layer.part === part)
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
      ["decoder", "", formatCount(total("decoder"))],
    ],
  );
  return `${table}\nper image, mean of ${formatCount(images)}`;
}

function formatFloat(float: FloatReport | LeftOut): string {
  if ("leftOut" in float) return `Beside the float model: left out: ${float.leftOut}`;
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
  if ("leftOut" in robustness) return `Robustness: left out: ${robustness.leftOut}`;
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
