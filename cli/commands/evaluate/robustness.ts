import { join } from "node:path";
import { type DamagedPart, flipWeightBits } from "../../../src/evaluation/disturbances.js";
import type { ReconstructJob, SpikeDisturbance } from "../../../src/evaluation/job.js";
import { drawLinePlot, type Panel } from "../../../src/plot/line-plot.js";
import { replaceFile } from "../../output/output.js";
import type { EvaluationPool, Stage } from "./pool.js";

/** Reconstruction loss against one kind of disturbance. */
export interface RobustnessCurve {
  readonly disturbance: "latent spikes" | "time steps" | "weight bits";
  readonly name: string;
  /** What the amount is. */
  readonly unit: string;
  /** The first one is undisturbed. */
  readonly points: readonly { readonly amount: number; readonly reconstructionLoss: number }[];
}

export interface RobustnessReport {
  readonly images: number;
  readonly reconstructionLoss: number;
  readonly curves: readonly RobustnessCurve[];
}

export interface RobustnessSetting {
  /** The .spk file. */
  readonly model: Uint8Array;
  readonly pixels: Uint8Array;
  readonly count: number;
  readonly seed: bigint;
  readonly timeSteps: number;
  /** Mean over the same images, undisturbed. */
  readonly reconstructionLoss: number;
}

const FLIP_PROBABILITIES = [0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5];
/** Of the time steps. */
const DROPPED_FRACTIONS = [1 / 16, 1 / 8, 1 / 4, 1 / 2, 3 / 4, 15 / 16];
const BIT_ERROR_RATES = [1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1];
/** Damaged copies of the model at each rate, each of which takes its share of the images. */
const DAMAGED_COPIES = 4;

/** A point that is not measured yet. */
interface PlannedPoint {
  readonly amount: number;
  readonly stages: readonly Stage[];
}

interface PlannedCurve extends Omit<RobustnessCurve, "points"> {
  readonly points: readonly PlannedPoint[];
}

/** Measures all curves. */
export async function measureRobustness(
  pool: EvaluationPool,
  setting: RobustnessSetting,
): Promise<RobustnessReport> {
  const planned = planCurves(setting);
  const stages = planned.flatMap(({ points }) => points.flatMap((point) => point.stages));
  const rows = await pool.runAll("Robustness", stages);
  const losses = new Map(stages.map((stage, i) => [stage, sumOfLosses(rows[i], stage.count)]));
  const { count, reconstructionLoss } = setting;
  return {
    images: count,
    reconstructionLoss,
    curves: planned.map(({ points, ...curve }) => ({
      ...curve,
      points: [
        { amount: 0, reconstructionLoss },
        ...points.map(({ amount, stages }) => ({
          amount,
          reconstructionLoss: stages.reduce((sum, stage) => sum + losses.get(stage)!, 0) / count,
        })),
      ],
    })),
  };
}

function planCurves(setting: RobustnessSetting): PlannedCurve[] {
  const { timeSteps } = setting;
  const dropped = [...new Set(DROPPED_FRACTIONS.map((fraction) => Math.round(fraction * timeSteps)))].filter(
    (steps) => steps > 0 && steps < timeSteps,
  );
  const onAll = (amount: number, change: Partial<ReconstructJob>) => ({
    amount,
    stages: [stageOf(setting, change)],
  });
  const disturbed = (amount: number, disturbance: SpikeDisturbance) => onAll(amount, { disturbance });
  const bitCurve = (part: DamagedPart, name: string): PlannedCurve => ({
    disturbance: "weight bits",
    name,
    unit: "probability for a bit",
    points: BIT_ERROR_RATES.map((rate) => ({ amount: rate, stages: damagedStages(setting, part, rate) })),
  });
  return [
    {
      disturbance: "latent spikes",
      name: "latent spikes flipped",
      unit: "probability for a neuron and step",
      points: FLIP_PROBABILITIES.map((probability) => disturbed(probability, { kind: "flip", probability })),
    },
    {
      disturbance: "time steps",
      name: "latent silenced at random steps",
      unit: `of ${timeSteps} steps`,
      points: dropped.map((steps) => disturbed(steps, { kind: "silence", steps })),
    },
    {
      disturbance: "time steps",
      name: "run for fewer steps",
      unit: `of ${timeSteps} steps`,
      points: dropped.map((steps) => onAll(steps, { timeSteps: timeSteps - steps })),
    },
    bitCurve("decoder", "weight bits flipped in the decoder"),
    bitCurve("encoder", "weight bits flipped in the encoder"),
    bitCurve("all", "weight bits flipped in both"),
  ];
}

function stageOf(
  { pixels, seed, timeSteps, count }: RobustnessSetting,
  change: Partial<ReconstructJob>,
  span: { readonly first: number; readonly count: number } = { first: 0, count },
): Stage {
  return {
    title: "Robustness",
    job: { kind: "reconstruct", pixels, seed, timeSteps, ...change },
    ...span,
  };
}

function damagedStages(setting: RobustnessSetting, part: DamagedPart, rate: number): Stage[] {
  const { model, seed, count } = setting;
  const copies = Math.min(DAMAGED_COPIES, count);
  return Array.from({ length: copies }, (_, copy) => {
    const first = Math.floor((copy * count) / copies);
    const end = Math.floor(((copy + 1) * count) / copies);
    const damaged = flipWeightBits(model, part, rate, { seed, index: BigInt(copy) });
    return stageOf(setting, { model: damaged }, { first, count: end - first });
  });
}

/** Of rows (count, width) of a `ReconstructJob`. */
function sumOfLosses(rows: Float64Array, count: number): number {
  const width = rows.length / count;
  let sum = 0;
  for (let n = 0; n < count; n++) sum += rows[n * width];
  return sum;
}

/** Writes `robustness.csv` and `robustness.svg`; returns their paths. */
export async function writeRobustness(folder: string, report: RobustnessReport): Promise<string[]> {
  const csv = join(folder, "robustness.csv");
  const svg = join(folder, "robustness.svg");
  await replaceFile(csv, formatCsv(report));
  await replaceFile(svg, plot(report));
  return [csv, svg];
}

function formatCsv({ curves, images }: RobustnessReport): string {
  const lines = curves.flatMap(({ disturbance, name, unit, points }) =>
    points.map(({ amount, reconstructionLoss }) =>
      [disturbance, name, unit, amount, reconstructionLoss, images].join(","),
    ),
  );
  return `disturbance,curve,unit,amount,reconstruction_loss,images\n${lines.join("\n")}\n`;
}

function plot({ curves, reconstructionLoss, images }: RobustnessReport): string {
  const of = (disturbance: RobustnessCurve["disturbance"]) =>
    curves
      .filter((curve) => curve.disturbance === disturbance)
      .map(({ name, points }) => ({
        name,
        points: points.map(({ amount, reconstructionLoss }) => ({ x: amount, y: reconstructionLoss })),
      }));
  const panels: readonly Panel[] = [
    {
      title: "Latent spikes",
      xLabel: "probability that a spike is flipped",
      xScale: "linear",
      curves: of("latent spikes"),
    },
    { title: "Time steps", xLabel: "time steps dropped", xScale: "linear", curves: of("time steps") },
    {
      title: "Weight bits",
      xLabel: "probability that a stored bit is flipped",
      xScale: "log",
      curves: of("weight bits"),
    },
  ];
  return drawLinePlot({
    title: `Reconstruction loss under disturbance, mean of ${images} test images`,
    yLabel: "reconstruction loss (MSE on [−1, 1])",
    reference: { name: "undisturbed", y: reconstructionLoss },
    // Of a single time step none can be dropped.
    panels: panels.filter(({ curves }) => curves.some(({ points }) => points.length > 1)),
  });
}
