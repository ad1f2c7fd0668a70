import { type DamagedPart, flipWeightBits } from "./disturbances.js";
import type { LossJob, SpikeDisturbance } from "./job.js";
import type { Stage } from "./pool.js";
import { meanOf, numbersOf } from "./rows.js";
import type { Setting } from "./setting.js";

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

const MOST_IMAGES = 200;
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

/** Measures all curves on the first test images. */
export async function measureRobustness(setting: Setting): Promise<RobustnessReport> {
  const images = Math.min(MOST_IMAGES, setting.data.test.count);
  const planned = planCurves(setting, images);
  const stages = planned.flatMap(({ points }) => points.flatMap((point) => point.stages));
  const rows = await setting.pool.runAll("Robustness", stages);
  const losses = new Map(stages.map((stage, i) => [stage, sumOfLosses(numbersOf(rows[i]), stage.count)]));
  const reconstructionLoss = meanOf(setting.reconstructed.losses.subarray(0, images));
  return {
    images,
    reconstructionLoss,
    curves: planned.map(({ points, ...curve }) => ({
      ...curve,
      points: [
        { amount: 0, reconstructionLoss },
        ...points.map(({ amount, stages }) => ({
          amount,
          reconstructionLoss: stages.reduce((sum, stage) => sum + losses.get(stage)!, 0) / images,
        })),
      ],
    })),
  };
}

function planCurves(setting: Setting, images: number): PlannedCurve[] {
  const { timeSteps } = setting.settings;
  const dropped = [...new Set(DROPPED_FRACTIONS.map((fraction) => Math.round(fraction * timeSteps)))].filter(
    (steps) => steps > 0 && steps < timeSteps,
  );
  const onAll = (amount: number, change: Partial<LossJob>) => ({
    amount,
    stages: [stageOf(setting, change, { first: 0, count: images })],
  });
  const disturbed = (amount: number, disturbance: SpikeDisturbance) => onAll(amount, { disturbance });
  const bitCurve = (part: DamagedPart, name: string): PlannedCurve => ({
    disturbance: "weight bits",
    name,
    unit: "probability for a bit",
    points: BIT_ERROR_RATES.map((rate) => ({
      amount: rate,
      stages: damagedStages(setting, images, part, rate),
    })),
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
  { data, settings }: Setting,
  change: Partial<LossJob>,
  span: { readonly first: number; readonly count: number },
): Stage {
  const { seed, timeSteps } = settings;
  return { job: { kind: "loss", pixels: data.test.pixels, seed, timeSteps, ...change }, ...span };
}

function damagedStages(setting: Setting, images: number, part: DamagedPart, rate: number): Stage[] {
  const { seed } = setting.settings;
  const copies = Math.min(DAMAGED_COPIES, images);
  return Array.from({ length: copies }, (_, copy) => {
    const first = Math.floor((copy * images) / copies);
    const end = Math.floor(((copy + 1) * images) / copies);
    const damaged = flipWeightBits(setting.model.bytes, part, rate, { seed, index: BigInt(copy) });
    return stageOf(setting, { model: damaged }, { first, count: end - first });
  });
}

/** Of rows (count, width) of a `LossJob`. */
function sumOfLosses(rows: Float64Array, count: number): number {
  const width = rows.length / count;
  let sum = 0;
  for (let n = 0; n < count; n++) sum += rows[n * width];
  return sum;
}
