export interface Series {
  readonly name: string;
  readonly color: string;
  /** `low` and `high` are the ends of the bar at a point. */
  readonly points: readonly {
    readonly x: number;
    readonly y: number;
    readonly low: number;
    readonly high: number;
  }[];
}

const WIDTH = 640;
const HEIGHT = 400;
const LEFT = 64;
const RIGHT = 20;
const TOP = 44;
const BOTTOM = 52;

/** A round step that gives at most `most` ticks up to `limit`. */
function tickStep(limit: number, most: number): number {
  const rough = limit / most;
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  return magnitude * [1, 2, 5, 10].find((k) => k * magnitude >= rough)!;
}

/** A line plot as SVG, both axes from zero. */
export function linePlot(title: string, xLabel: string, yLabel: string, series: readonly Series[]): string {
  const points = series.flatMap((s) => s.points);
  const xMost = Math.max(...points.map((p) => p.x)) * 1.05;
  const yMost = Math.max(...points.map((p) => p.high)) * 1.05;
  const px = (x: number) => (LEFT + (x / xMost) * (WIDTH - LEFT - RIGHT)).toFixed(1);
  const py = (y: number) => (HEIGHT - BOTTOM - (y / yMost) * (HEIGHT - TOP - BOTTOM)).toFixed(1);
  const ticks = (most: number, count: number) => {
    const step = tickStep(most, count);
    return Array.from({ length: Math.floor(most / step) + 1 }, (_, i) => Number((i * step).toPrecision(6)));
  };
  const text = (x: string | number, y: string | number, anchor: string, content: string, extra = "") =>
    `<text x="${x}" y="${y}" text-anchor="${anchor}"${extra}>${content}</text>`;
  const axes = [
    ...ticks(xMost, 8).map((x) => text(px(x), HEIGHT - BOTTOM + 18, "middle", String(x))),
    ...ticks(yMost, 7).flatMap((y) => [
      `<path d="M${LEFT} ${py(y)}H${WIDTH - RIGHT}" stroke="#ddd"/>`,
      text(LEFT - 8, Number(py(y)) + 4, "end", String(y)),
    ]),
    text((LEFT + WIDTH - RIGHT) / 2, HEIGHT - 12, "middle", xLabel),
    text(16, HEIGHT / 2, "middle", yLabel, ` transform="rotate(-90 16 ${HEIGHT / 2})"`),
    text(LEFT, 24, "start", title, ' font-weight="bold"'),
  ];
  const lines = series.flatMap((s, i) => [
    `<polyline fill="none" stroke="${s.color}" stroke-width="2" points="${s.points.map((p) => `${px(p.x)},${py(p.y)}`).join(" ")}"/>`,
    ...s.points.flatMap((p) => [
      `<path d="M${px(p.x)} ${py(p.low)}V${py(p.high)}" stroke="${s.color}"/>`,
      `<circle cx="${px(p.x)}" cy="${py(p.y)}" r="3.5" fill="${s.color}"/>`,
    ]),
    text(LEFT + 14, TOP + 16 + 18 * i, "start", s.name, ` fill="${s.color}"`),
  ]);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="13">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="#fff"/>`,
    ...axes,
    `<path d="M${LEFT} ${TOP}V${HEIGHT - BOTTOM}H${WIDTH - RIGHT}" fill="none" stroke="#333"/>`,
    ...lines,
    "</svg>\n",
  ].join("\n");
}
