import { join } from "node:path";
import type { RobustnessCurve, RobustnessReport } from "../../../src/evaluation/robustness.js";
import { drawLinePlot, type Panel } from "../../../src/plot/line-plot.js";
import { replaceFile } from "../../output/output.js";

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
