// Line plots as SVG, one panel beside the other.

import { linearScale as scaleFromZero } from "./scale.js";
import { escapeText, label, round } from "./svg.js";

export interface Curve {
  readonly name: string;
  readonly points: readonly { readonly x: number; readonly y: number }[];
}

export interface Panel {
  readonly title: string;
  readonly xLabel: string;
  /** Logarithmic: points at 0 are left out. */
  readonly xScale: "linear" | "log";
  readonly curves: readonly Curve[];
}

export interface LinePlot {
  readonly title: string;
  readonly yLabel: string;
  /** A dashed line across all panels. */
  readonly reference?: { readonly name: string; readonly y: number };
  readonly panels: readonly Panel[];
}

const PANEL_WIDTH = 400;
const HEIGHT = 400;
const LEFT = 64;
const RIGHT = 16;
const TOP = 72;
const BOTTOM = 52;
/** Okabe and Ito: distinct to all eyes. */
const COLOURS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7"];
const REFERENCE_COLOUR = "#666";

/** All panels share the y axis, which starts at 0. */
export function drawLinePlot({ title, yLabel, reference, panels }: LinePlot): string {
  const heights = panels.flatMap(({ curves }) => curves.flatMap(({ points }) => points.map(({ y }) => y)));
  const yMost = Math.max(reference?.y ?? 0, ...heights) * 1.08 || 1;
  const width = PANEL_WIDTH * panels.length;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<title>${escapeText(title)}</title>`,
    `<rect width="${width}" height="${HEIGHT}" fill="#fff"/>`,
    label(LEFT, 24, "start", title, 'font-size="15" font-weight="bold"'),
    ...panels.flatMap((panel, i) => [
      `<g transform="translate(${i * PANEL_WIDTH} 0)">`,
      ...drawPanel(panel, yLabel, yMost, reference),
      "</g>",
    ]),
    "</svg>\n",
  ].join("\n");
}

function drawPanel(
  panel: Panel,
  yLabel: string,
  yMost: number,
  reference: LinePlot["reference"] | undefined,
): string[] {
  const right = PANEL_WIDTH - RIGHT;
  const bottom = HEIGHT - BOTTOM;
  const curves = panel.curves.map(({ name, points }) => ({
    name,
    points: points.filter(({ x }) => panel.xScale === "linear" || x > 0),
  }));
  const values = curves.flatMap(({ points }) => points.map(({ x }) => x));
  const scale = panel.xScale === "log" ? logScale(values) : linearScale(values);
  const px = (x: number) => round(LEFT + scale.place(x) * (right - LEFT));
  const py = (y: number) => round(bottom - (y / yMost) * (bottom - TOP));

  const parts = [label(LEFT, 50, "start", panel.title, 'font-weight="bold"')];
  for (const y of scaleFromZero(yMost, 0, 1, 6).ticks) {
    parts.push(`<path d="M${LEFT} ${py(y)}H${right}" stroke="#ddd"/>`);
    parts.push(label(LEFT - 8, py(y) + 4, "end", String(y)));
  }
  for (const x of scale.ticks) {
    parts.push(`<path d="M${px(x)} ${bottom}v5" stroke="#333"/>`);
    parts.push(label(px(x), bottom + 18, "middle", scale.label(x)));
  }
  parts.push(label((LEFT + right) / 2, HEIGHT - 12, "middle", panel.xLabel));
  parts.push(label(16, HEIGHT / 2, "middle", yLabel, `transform="rotate(-90 16 ${HEIGHT / 2})"`));
  parts.push(`<path d="M${LEFT} ${TOP}V${bottom}H${right}" fill="none" stroke="#333"/>`);
  if (reference !== undefined) {
    const path = `M${LEFT} ${py(reference.y)}H${right}`;
    parts.push(`<path d="${path}" stroke="${REFERENCE_COLOUR}" stroke-dasharray="5 4"/>`);
  }
  curves.forEach(({ points }, i) => {
    const colour = COLOURS[i % COLOURS.length];
    const line = points.map(({ x, y }) => `${px(x)},${py(y)}`).join(" ");
    parts.push(`<polyline fill="none" stroke="${colour}" stroke-width="2" points="${line}"/>`);
    for (const { x, y } of points) {
      parts.push(`<circle cx="${px(x)}" cy="${py(y)}" r="3.5" fill="${colour}"/>`);
    }
  });
  const entries = [
    ...curves.map(({ name }, i) => ({ name, colour: COLOURS[i % COLOURS.length], dash: "" })),
    ...(reference === undefined
      ? []
      : [{ name: reference.name, colour: REFERENCE_COLOUR, dash: ' stroke-dasharray="5 4"' }]),
  ];
  entries.forEach(({ name, colour, dash }, i) => {
    const y = TOP + 12 + 18 * i;
    parts.push(`<path d="M${LEFT + 12} ${y}h22" stroke="${colour}" stroke-width="2"${dash}/>`);
    parts.push(label(LEFT + 40, y + 4, "start", name));
  });
  return parts;
}

interface Scale {
  /** 0 … 1 along the axis. */
  place(x: number): number;
  label(x: number): string;
  readonly ticks: readonly number[];
}

function linearScale(values: readonly number[]): Scale {
  const most = Math.max(...values) * 1.04 || 1;
  return { ...scaleFromZero(most, 0, 1, 6), label: String };
}

/** Whole decades. */
function logScale(values: readonly number[]): Scale {
  const first = Math.floor(Math.log10(Math.min(...values)) + 1e-9);
  const last = Math.max(first + 1, Math.ceil(Math.log10(Math.max(...values)) - 1e-9));
  return {
    place: (x) => (Math.log10(x) - first) / (last - first),
    label: (x) => x.toExponential(0).replace("e+", "e"),
    ticks: Array.from({ length: last - first + 1 }, (_, i) => 10 ** (first + i)),
  };
}
