import { formatQuantity, formatShortQuantity } from "../../src/numbers.js";
import { logScale } from "../../src/plot/scale.js";
import { drawing, label, line, round } from "../../src/plot/svg.js";
import { ENGINES, type Engine } from "../cost/engines.js";
import { isPriced, type Priced } from "../cost/estimate.js";
import type { Profile } from "../cost/profile.js";
import { engineColour } from "./style.js";

const WIDTH = 440;
const HEIGHT = 360;
const LEFT = 58;
const RIGHT = 428;
const TOP = 34;
const BOTTOM = 308;
const MARK = 5;
/** Of a character, to keep labels off one another. */
const LETTER = 7.2;

interface Point {
  readonly device: string;
  readonly engine: Engine;
  readonly seconds: Priced;
  readonly joules: Priced;
}

/** What fits and has both a latency and an energy. */
function pointsOf({ microcontrollers }: Profile): Point[] {
  return microcontrollers.flatMap(({ device, engines }) =>
    engines.flatMap(({ engine, seconds, joules, shortages }) =>
      shortages.length === 0 && isPriced(seconds) && isPriced(joules)
        ? { device: device.id, engine, seconds, joules }
        : [],
    ),
  );
}

/** What the plot does not show: what does not fit, and what has no price, with the reason. */
export function leftOutOfPlot({ microcontrollers }: Profile): string[] {
  return microcontrollers.flatMap(({ device, engines }) => {
    const reasons = engines.flatMap(({ engine, seconds, joules, shortages }) => {
      if (shortages.length) return `${engine} does not fit`;
      if (isPriced(joules)) return [];
      return isPriced(seconds) ? `${formatQuantity(seconds.value, "s")} with ${engine}` : [];
    });
    const missing = engines.map(({ joules }) => joules).find((joules) => !isPriced(joules));
    if (missing && !isPriced(missing)) reasons.push(missing.notPriced);
    return reasons.length ? `${device.name}: ${reasons.join(", ")}` : [];
  });
}

/** Latency against energy, one mark for each device and engine; undefined if nothing has both. */
export function latencyEnergyPlot(profile: Profile): string | undefined {
  const points = pointsOf(profile);
  if (!points.length) return undefined;
  const xs = logScale(
    points.map(({ seconds }) => seconds.value),
    LEFT,
    RIGHT,
  );
  const ys = logScale(
    points.map(({ joules }) => joules.value),
    BOTTOM,
    TOP,
  );
  const parts: string[] = [];
  for (const tick of xs.ticks) {
    const x = round(xs.place(tick));
    parts.push(line(`M${x} ${TOP}V${BOTTOM}`, 'class="rule"'));
    parts.push(label(x, BOTTOM + 18, "middle", formatShortQuantity(tick, "s"), 'class="quiet"'));
  }
  for (const tick of ys.ticks) {
    const y = round(ys.place(tick));
    parts.push(line(`M${LEFT} ${y}H${RIGHT}`, 'class="rule"'));
    parts.push(label(LEFT - 8, y + 4, "end", formatShortQuantity(tick, "J"), 'class="quiet"'));
  }
  parts.push(line(`M${LEFT} ${TOP}V${BOTTOM}H${RIGHT}`, 'class="axis"'));
  parts.push(label((LEFT + RIGHT) / 2, HEIGHT - 14, "middle", "latency of an image", 'class="quiet"'));
  parts.push(label(0, 12, "start", "energy of an image", 'class="quiet"'));
  ENGINES.forEach((engine, i) => {
    const x = RIGHT - 56 - 96 * (ENGINES.length - 1 - i);
    parts.push(mark(engine, x, 8, false), label(x + 11, 12, "start", engine));
  });

  const placed = points.map(({ device, engine, seconds, joules }) => ({
    device,
    engine,
    x: xs.place(seconds.value),
    y: ys.place(joules.value),
    isWeak: [seconds, joules].some(({ grade }) => grade === "weak"),
  }));
  const taken = placed.map(({ x, y }) => ({ x: x - MARK, y: y - MARK, width: 2 * MARK, height: 2 * MARK }));
  for (const { device, engine, x, y, isWeak } of placed) {
    const box = freeBox(device.length * LETTER, x, y, taken);
    taken.push(box);
    parts.push(mark(engine, x, y, isWeak), label(box.at, box.y + 11, box.anchor, device, 'class="halo"'));
  }
  return drawing({
    id: "latency-energy",
    width: WIDTH,
    height: HEIGHT,
    title: "Latency against energy of an image, both logarithmic",
    description: points
      .map(
        ({ device, engine, seconds, joules }) =>
          `${device} with ${engine}: ${formatQuantity(seconds.value, "s")}, ${formatQuantity(joules.value, "J")}${joules.grade === "weak" ? " (weak)" : ""}.`,
      )
      .join(" "),
    parts,
  });
}

/** A circle for the first engine, a square for the others; hollow where a figure is weak. */
function mark(engine: Engine, x: number, y: number, isWeak: boolean): string {
  const colour = engineColour(engine);
  const look = `fill="${isWeak ? "var(--paper)" : colour}" stroke="${colour}" stroke-width="2"`;
  if (engine === ENGINES[0]) return `<circle cx="${round(x)}" cy="${round(y)}" r="${MARK}" ${look}/>`;
  const side = 2 * MARK - 1;
  return `<rect x="${round(x - side / 2)}" y="${round(y - side / 2)}" width="${side}" height="${side}" ${look}/>`;
}

interface Box {
  readonly x: number;
  readonly y: number;
  readonly width: number;
  readonly height: number;
}

interface LabelBox extends Box {
  /** Where the text is anchored. */
  readonly at: number;
  readonly anchor: "start" | "middle" | "end";
}

/** A place for a label beside a mark, the first of four that is free. */
function freeBox(width: number, x: number, y: number, taken: readonly Box[]): LabelBox {
  const height = 14;
  const candidates: LabelBox[] = [
    { x: x + 10, y: y - 7, at: x + 10, anchor: "start", width, height },
    { x: x - 10 - width, y: y - 7, at: x - 10, anchor: "end", width, height },
    { x: x - width / 2, y: y - 23, at: x, anchor: "middle", width, height },
    { x: x - width / 2, y: y + 9, at: x, anchor: "middle", width, height },
  ];
  const isFree = (box: Box) =>
    box.x >= LEFT &&
    box.x + box.width <= WIDTH &&
    taken.every(
      (other) =>
        box.x >= other.x + other.width ||
        other.x >= box.x + box.width ||
        box.y >= other.y + other.height ||
        other.y >= box.y + box.height,
    );
  return candidates.find(isFree) ?? candidates[0];
}
