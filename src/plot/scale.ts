/** From values to places along an axis. */
export interface Scale {
  place(value: number): number;
  readonly ticks: readonly number[];
}

/** From 0, with at most `count` round ticks beside it. */
export function linearScale(most: number, from: number, to: number, count: number): Scale {
  const rough = most / count || 1;
  const magnitude = 10 ** Math.floor(Math.log10(rough));
  const step = magnitude * [1, 2, 5, 10].find((k) => k * magnitude >= rough)!;
  return {
    place: (value) => from + (value / (most || 1)) * (to - from),
    ticks: Array.from({ length: Math.floor((most * (1 + 1e-9)) / step) + 1 }, (_, i) =>
      // Takes away what 3 · 0.1 has too much.
      Number((i * step).toPrecision(6)),
    ),
  };
}

/** Decades, or 1, 2 and 5 where there are few of them; some room at both ends. */
export function logScale(values: readonly number[], from: number, to: number): Scale {
  const low = Math.log10(Math.min(...values)) - 0.25;
  const high = Math.log10(Math.max(...values)) + 0.25;
  const decades = Array.from({ length: Math.ceil(high - low) + 1 }, (_, i) => 10 ** (Math.floor(low) + i));
  const within = (ticks: readonly number[]) =>
    ticks.filter((tick) => Math.log10(tick) >= low && Math.log10(tick) <= high);
  const whole = within(decades);
  return {
    place: (value) => from + ((Math.log10(value) - low) / (high - low)) * (to - from),
    ticks: whole.length > 1 ? whole : within(decades.flatMap((decade) => [decade, 2 * decade, 5 * decade])),
  };
}
