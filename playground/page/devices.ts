import type { Estimate, Priced, Profile } from "../../firmware-sim/index.js";
import { formatShortQuantity } from "../../src/numbers.js";
import { type DeviceRow, deviceRows, isPriced, type Way } from "./device-rows.js";
import { byId, make } from "./dom.js";

type Axis = "latency" | "energy";

const UNITS: Readonly<Record<Axis, string>> = { latency: "s", energy: "J" };

/** A logarithmic axis of whole decades. */
interface Scale {
  readonly decades: readonly number[];
  /** 0 … 1 along the axis. */
  place(value: number): number;
}

/** The devices as a table of which each row is a plot, too. */
export class Devices {
  readonly #place = byId("devices", HTMLElement);
  readonly #reasons = byId("not-priced", HTMLElement);

  /** Says that other figures are on their way. */
  wait(): void {
    this.#place.setAttribute("aria-busy", "true");
  }

  show(profile: Profile): void {
    const rows = deviceRows(profile);
    const scales = { latency: scaleOf(rows, "latency"), energy: scaleOf(rows, "energy") };
    const head = make(
      "tr",
      {},
      make("th", { scope: "col" }, "Device"),
      ...(["latency", "energy"] as const).map((axis) =>
        make(
          "th",
          { scope: "col" },
          axis === "latency" ? "Time" : "Energy",
          ticks(scales[axis], UNITS[axis]),
        ),
      ),
    );
    const { timeSteps } = profile.model;
    const caption = `One picture in ${timeSteps} time steps; the mean of ${profile.images.count}`;
    this.#place.replaceChildren(
      make(
        "table",
        {},
        make("caption", {}, caption),
        make("thead", {}, head),
        make("tbody", {}, ...rows.map((row) => rowOf(row, scales))),
      ),
    );
    this.#reasons.replaceChildren(...reasons(rows).map((reason) => make("li", {}, reason)));
    this.#place.setAttribute("aria-busy", "false");
  }
}

function scaleOf(rows: readonly DeviceRow[], axis: Axis): Scale {
  const values = rows.flatMap(({ ways }) =>
    ways.flatMap((way) => (isPriced(way[axis]) ? Math.log10(way[axis].value) : [])),
  );
  const first = Math.floor(Math.min(...values, 0));
  const last = Math.max(Math.ceil(Math.max(...values)), first + 1);
  return {
    decades: Array.from({ length: last - first + 1 }, (_, i) => 10 ** (first + i)),
    place: (value) => (Math.log10(value) - first) / (last - first),
  };
}

/** Numbers at every other decade, so that they keep off each other. */
function ticks({ decades, place }: Scale, unit: string): HTMLElement {
  const shown = decades.filter((_, i) => i % 2 === 0);
  const labels = shown.map((decade) => {
    const where = place(decade);
    const className = where === 0 ? "first" : where === 1 ? "last" : "";
    return at(where, make("span", { className }, formatShortQuantity(decade, unit)));
  });
  const axis = make("span", { className: "scale ticks" }, ...labels);
  axis.setAttribute("aria-hidden", "true");
  return axis;
}

function rowOf(row: DeviceRow, scales: Readonly<Record<Axis, Scale>>): HTMLElement {
  return make(
    "tr",
    {},
    make("th", { scope: "row" }, row.name, make("small", { className: row.fits ? "" : "lacking" }, row.fit)),
    cell(row, "latency", scales.latency),
    cell(row, "energy", scales.energy),
  );
}

function cell({ ways }: DeviceRow, axis: Axis, scale: Scale): HTMLElement {
  const marks = ways.flatMap((way) => {
    const estimate = way[axis];
    return isPriced(estimate) ? at(scale.place(estimate.value), mark(way, estimate)) : [];
  });
  const rules = scale.decades.map((decade) => at(scale.place(decade), make("i", { className: "rule" })));
  const plot = make("span", { className: "scale" }, ...rules, ...marks);
  plot.setAttribute("aria-hidden", "true");
  const texts = ways.map((way) => figure(way, axis));
  const different = texts.every((text) => text.textContent === texts[0].textContent)
    ? texts.slice(0, 1)
    : texts;
  return make("td", {}, make("span", { className: "numbers" }, ...different), plot);
}

function figure(way: Way, axis: Axis): HTMLElement {
  const estimate = way[axis];
  if (!isPriced(estimate)) return make("em", {}, "not priced");
  const how = [...(way.engine ? [way.engine] : []), estimate.grade === "weak" ? "weak" : "simulated"].join(
    ", ",
  );
  return make(
    "span",
    { title: `${how}${estimate.note ? `: ${estimate.note}` : ""}` },
    mark(way, estimate),
    formatShortQuantity(estimate.value, UNITS[axis]),
    make("span", { className: "visually-hidden" }, ` (${how}) `),
  );
}

function mark({ engine }: Way, { grade }: Priced): HTMLElement {
  const shape = engine === "interpreted" ? " square" : "";
  return make("i", { className: `dot${shape}${grade === "weak" ? " hollow" : ""}` });
}

function at<T extends HTMLElement>(place: number, element: T): T {
  element.style.setProperty("--place", String(place));
  return element;
}

/** Every reason why something has no price, once for each device. */
function reasons(rows: readonly DeviceRow[]): string[] {
  const all = rows.flatMap(({ name, ways }) =>
    ways.flatMap((way) =>
      (["latency", "energy"] as const).flatMap((axis) => {
        const estimate: Estimate = way[axis];
        return isPriced(estimate)
          ? []
          : `${name}, ${axis === "latency" ? "time" : axis}: ${estimate.notPriced}`;
      }),
    ),
  );
  return [...new Set(all)];
}
