import { SpikeletError } from "../../src/errors.js";
import { nearestHint } from "../../src/nearest.js";

/** Largest 64-bit seed and image index. */
const U64_MAX = 2n ** 64n - 1n;

export interface NumberRange {
  readonly min: number;
  readonly max: number;
  /** A value to show in the message. */
  readonly example: number;
}

/** A parser for commander that takes a whole number in a range. */
export function integerOption(flag: string, { min, max, example }: NumberRange): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new SpikeletError(
      "bad-option",
      `${flag}: found "${text}", expected a whole number from ${min} to ${max}; for example ${flag} ${example}`,
    );
  };
}

/** A parser for commander that takes a decimal number in a range. */
export function numberOption(flag: string, { min, max, example }: NumberRange): (text: string) => number {
  return (text) => {
    const value = /^\d*\.?\d+(e-?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    throw new SpikeletError(
      "bad-option",
      `${flag}: found "${text}", expected a number from ${min} to ${max}; for example ${flag} ${example}`,
    );
  };
}

const BYTES_PER_UNIT: Readonly<Record<string, number>> = { "": 1, K: 1024, M: 1024 ** 2 };

/** A parser for commander that takes a number of bytes, with K or M for 1,024 or 1,024² of them. */
export function bytesOption(
  flag: string,
  { min, max }: { min: number; max: number },
): (text: string) => number {
  return (text) => {
    const [, digits, unit] = /^(\d+)([KM]?)$/i.exec(text) ?? [];
    const value = digits === undefined ? Number.NaN : Number(digits) * BYTES_PER_UNIT[unit.toUpperCase()];
    if (value >= min && value <= max) return value;
    throw new SpikeletError(
      "bad-option",
      `${flag}: found "${text}", expected ${min} to ${max} bytes; for example ${flag} 64K`,
    );
  };
}

/** A parser for commander that takes an unsigned 64-bit number. */
export function u64Option(flag: string): (text: string) => bigint {
  return (text) => {
    // The length is checked first, so that a megabyte of digits is not turned into a number.
    const value = /^\d{1,20}$/.test(text) ? BigInt(text) : -1n;
    if (value >= 0n && value <= U64_MAX) return value;
    throw new SpikeletError(
      "bad-option",
      `${flag}: found "${text}", expected a whole number from 0 to ${U64_MAX}; for example ${flag} 42`,
    );
  };
}

/** A parser for commander that takes one of a few words. */
export function choiceOption<T extends string>(flag: string, choices: readonly T[]): (text: string) => T {
  return (text) => {
    const choice = choices.find((candidate) => candidate === text);
    if (choice !== undefined) return choice;
    throw new SpikeletError(
      "bad-option",
      `${flag}: found "${text}", expected one of ${choices.join(", ")}${nearestHint(text, choices)}`,
    );
  };
}

/** Throws if image indices `start` … `start + count − 1` do not fit in 64 bits, where each takes `draws` of the seed's. */
export function checkIndexRange(start: bigint, count: number, draws = 1): void {
  const last = (start + BigInt(count)) * BigInt(draws) - 1n;
  if (last <= U64_MAX) return;
  throw new SpikeletError(
    "bad-option",
    `--start: found ${start} with --count ${count}, expected the last image's index to be at most ${U64_MAX}; lower one of them`,
  );
}
