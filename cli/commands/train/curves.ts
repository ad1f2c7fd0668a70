import { drawLinePlot } from "../../../src/plot/line-plot.js";
import { DISCREPANCY_WEIGHT, type Losses } from "../../../src/training/trainer.js";

/** A point of the curves: means over the steps since the one before. */
export interface CurvePoint {
  /** Steps and images so far. */
  readonly step: number;
  readonly images: number;
  readonly loss: number;
  readonly reconstruction: number;
  readonly discrepancy: number;
  /** Mean over the layers of spikes per neuron and step. */
  readonly firingRate: number;
}

const COLUMNS = ["step", "images", "loss", "reconstruction", "discrepancy", "firingRate"] as const;
/** Points that a curve is drawn with. */
const PLOTTED_POINTS = 60;

/** The mean of some steps' losses. */
export function curvePoint(step: number, images: number, losses: readonly Losses[]): CurvePoint {
  const mean = (value: (losses: Losses) => number) =>
    losses.reduce((sum, step) => sum + value(step), 0) / losses.length;
  return {
    step,
    images,
    loss: mean(({ loss }) => loss),
    reconstruction: mean(({ reconstruction }) => reconstruction),
    discrepancy: mean(({ discrepancy }) => discrepancy),
    firingRate: mean(meanRate),
  };
}

export function meanRate({ firingRates }: Losses): number {
  return firingRates.reduce((sum, rate) => sum + rate, 0) / firingRates.length;
}

export function formatCsv(points: readonly CurvePoint[]): string {
  const rows = points.map((point) => COLUMNS.map((column) => Number(point[column].toPrecision(7))).join(","));
  return `${[COLUMNS.join(","), ...rows].join("\n")}\n`;
}

/** The points of a CSV file up to a step; lines that are none are passed over. */
export function parseCsv(text: string, lastStep: number): CurvePoint[] {
  return text
    .split("\n")
    .slice(1)
    .map((line) => line.split(",").map(Number))
    .filter((values) => values.length === COLUMNS.length && values.every(Number.isFinite))
    .map(
      (values) =>
        Object.fromEntries(COLUMNS.map((column, i) => [column, values[i]])) as unknown as CurvePoint,
    )
    .filter(({ step }) => step <= lastStep);
}

export function drawCurves(points: readonly CurvePoint[]): string {
  const every = Math.max(1, Math.ceil(points.length / PLOTTED_POINTS));
  const shown = points.filter((_, i) => (points.length - 1 - i) % every === 0);
  const curve = (name: string, y: (point: CurvePoint) => number) => ({
    name,
    points: shown.map((point) => ({ x: point.images, y: y(point) })),
  });
  return drawLinePlot({
    title: "Training",
    yLabel: "mean of a step",
    panels: [
      {
        title: "Loss",
        xLabel: "images",
        xScale: "linear",
        curves: [
          curve("reconstruction", ({ reconstruction }) => reconstruction),
          curve(`${DISCREPANCY_WEIGHT} · MMD²`, ({ discrepancy }) => DISCREPANCY_WEIGHT * discrepancy),
        ],
      },
      {
        title: "Spikes per neuron and step",
        xLabel: "images",
        xScale: "linear",
        curves: [curve("firing rate", ({ firingRate }) => firingRate)],
      },
    ],
  });
}
