// Computes the integer tables of docs/numerics.md and writes assembly/tables.ts (for the core) and
// src/tables.ts (for the oracle). Run: npx tsx scripts/make-tables.ts

import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** One in Q12: normals and logits. */
const Q12 = 4096;
/** One in Q16: firing rates. */
const Q16 = 65536;

const OCTAVES = 20;
const SEGMENTS_PER_OCTAVE = 8;
const SIGMOID_SEGMENTS = 96;
const SIGMOID_STEP = 1 / 8;
const READOUT_DECAY = 0.8;
const MAX_TIME_STEPS = 16;

/** Density φ(x) of the standard normal. */
function normalDensity(x: number): number {
  return Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);
}

/** Upper tail 1 − Φ(x) of the standard normal, relative error about 1e-14 for x in 0…8. */
export function normalTail(x: number): number {
  const density = normalDensity(x);
  if (x < 2) {
    // Φ(x) − 1/2 = φ(x) · (x + x³/3 + x⁵/(3·5) + …): all terms positive, so nothing cancels in the sum.
    let term = x;
    let sum = x;
    for (let n = 3; term > sum * 1e-17; n += 2) {
      term *= (x * x) / n;
      sum += term;
    }
    return 0.5 - density * sum;
  }
  // Laplace's continued fraction φ(x) / (x + 1/(x + 2/(x + …))), from the inside out; 200 levels are
  // enough at x = 2, where it converges slowest.
  let fraction = x;
  for (let n = 200; n > 0; n--) fraction = x + n / fraction;
  return density / fraction;
}

/** The x ≥ 0 whose upper tail is `tail` in (0, 1/2], to about 1e-14, by Newton's method. */
export function inverseNormalTail(tail: number): number {
  // The tail is convex, so from the left Newton's steps approach the root without passing it.
  let x = 0;
  for (let iteration = 0; iteration < 100; iteration++) {
    const step = (normalTail(x) - tail) / normalDensity(x);
    x += step;
    if (Math.abs(step) < 1e-15 * (1 + x)) break;
  }
  return x;
}

export function logistic(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

/**
 * Moves each interior node by minus half of the mean of its two segments' maximal chord errors, so that the
 * piecewise linear function is as often too high as too low. The two end nodes stay.
 *
 * `chordErrors[i]` is chord minus function, where it is largest in size, between nodes i and i + 1.
 */
function balance(nodes: readonly number[], chordErrors: readonly number[]): number[] {
  return nodes.map((node, i) => {
    if (i === 0 || i === nodes.length - 1) return node;
    return node - (chordErrors[i - 1] + chordErrors[i]) / 4;
  });
}

/**
 * N, 161 entries in Q12: entry 8k + 8 − s is the normal whose tail is 2^(−2−k) · (1 + s/8), and entry 0 is 0.
 * Between entries the normal is linear in the tail.
 */
export function normalTable(): number[] {
  const tails = [0.5];
  for (let octave = 0; octave < OCTAVES; octave++) {
    for (let segment = SEGMENTS_PER_OCTAVE - 1; segment >= 0; segment--) {
      tails.push(2 ** (-2 - octave) * (1 + segment / SEGMENTS_PER_OCTAVE));
    }
  }
  const nodes = tails.map(inverseNormalTail);
  const chordErrors = nodes.slice(1).map((right, i) => {
    const left = nodes[i];
    // The error is extreme where the curve is parallel to the chord: dx/dtail = −1/φ(x).
    const density = (tails[i] - tails[i + 1]) / (right - left);
    const x = Math.sqrt(-2 * Math.log(density * Math.sqrt(2 * Math.PI)));
    return left + (tails[i] - normalTail(x)) / density - x;
  });
  return balance(nodes, chordErrors).map((x) => Math.round(Q12 * x));
}

/** S, 97 entries: entry i is 65536 · σ(i/8) − 32768. */
export function sigmoidTable(): number[] {
  const nodes = Array.from({ length: SIGMOID_SEGMENTS + 1 }, (_, i) => logistic(i * SIGMOID_STEP) - 0.5);
  const chordErrors = nodes.slice(1).map((right, i) => {
    const left = nodes[i];
    const slope = (right - left) / SIGMOID_STEP;
    // Extreme where σ' = σ · (1 − σ) equals the chord's slope; h is σ − 1/2 there.
    const h = Math.sqrt(0.25 - slope);
    const x = Math.log((0.5 + h) / (0.5 - h));
    return left + slope * (x - i * SIGMOID_STEP) - h;
  });
  return balance(nodes, chordErrors).map((h) => Math.round(Q16 * h));
}

/** c, 16 entries in Q12: entry k weighs a spike k steps before the last in the readout. */
export function coefficientTable(): number[] {
  return Array.from({ length: MAX_TIME_STEPS }, (_, k) => Math.round(Q12 * READOUT_DECAY ** k));
}

/** Lines of at most 110 columns, as many numbers on each as fit: Biome's layout. */
function fillLines(values: readonly number[]): string {
  const lines: string[] = [];
  let line = " ";
  for (const value of values) {
    const item = ` ${value},`;
    if (line.length + item.length > 110) {
      lines.push(line);
      line = " ";
    }
    line += item;
  }
  return [...lines, line].join("\n");
}

interface Table {
  readonly name: string;
  readonly doc: string;
  readonly element: "u16" | "i16";
  readonly values: readonly number[];
}

const ARRAY_CLASS = { u16: "Uint16Array", i16: "Int16Array" } as const;

function source(tables: readonly Table[], opening: (table: Table) => string): string {
  const head =
    "// Generated by `npx tsx scripts/make-tables.ts`; docs/numerics.md says how the tables are used.\n";
  const constants = tables.map((table) => {
    return `\n/** ${table.doc} */\nexport const ${table.name} = ${opening(table)}([\n${fillLines(table.values)}\n]);\n`;
  });
  return head + constants.join("");
}

/** The text of assembly/tables.ts and of src/tables.ts. */
export function tableSources(): { readonly assembly: string; readonly oracle: string } {
  const tables: readonly Table[] = [
    {
      name: "NORMAL_TABLE",
      doc: "N: standard normals in Q12 at tails of eight steps an octave, from 1/2 to 2^−21.",
      element: "u16",
      values: normalTable(),
    },
    {
      name: "SIGMOID_TABLE",
      doc: "S: the sigmoid less one half, in Q16, at 0, 1/8 … 12.",
      element: "u16",
      values: sigmoidTable(),
    },
    {
      name: "COEFFICIENT_TABLE",
      doc: "c: readout coefficients 0.8^k in Q12.",
      element: "i16",
      values: coefficientTable(),
    },
  ];
  return {
    assembly: source(tables, ({ element }) => `memory.data<${element}>`),
    oracle: source(tables, ({ element }) => `new ${ARRAY_CLASS[element]}`),
  };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { assembly, oracle } = tableSources();
  writeFileSync(new URL("../assembly/tables.ts", import.meta.url), assembly);
  writeFileSync(new URL("../src/tables.ts", import.meta.url), oracle);
}
