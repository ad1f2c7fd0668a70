import { EXIT_ARGUMENT } from "./exit";
import { clear, put, putZeroTerminated } from "./line";
import { stop } from "./stream";
import { args_get, args_sizes_get } from "./wasi";

// What is asked for: [SEED [COUNT [FIRST [PRIOR]]]], and among these --raw and --model=FILE.

export let seed: u64 = 0;
export let count: u64 = 1;
/** Index of the first image. */
export let first: u64 = 0;
/** Address of the prior's name, with a zero after it; 0 for the model's first. */
export let prior: u32 = 0;
/** Address of the model's file name, with a zero after it; 0 for model.spk. */
export let model: u32 = 0;
/** Whether frames are pixels alone, without the head of a PGM or PPM file. */
export let raw: bool = false;

const MAX_ARGUMENTS: u32 = 16;
const MAX_BYTES: u32 = 256;
const POINTERS: u32 = <u32>memory.data(4 * MAX_ARGUMENTS, 4);
const BYTES: u32 = <u32>memory.data(MAX_BYTES);
/** How many arguments, and how many bytes they take. */
const SIZES: u32 = <u32>memory.data(8, 4);

/** The argument after a prefix that it begins with; 0 if it does not. */
function after(argument: u32, prefix: string): u32 {
  const characters = <u32>prefix.length;
  for (let i: u32 = 0; i < characters; i++) {
    if (<u32>load<u8>(argument + i) != <u32>load<u16>(changetype<u32>(prefix) + (i << 1))) return 0;
  }
  return argument + characters;
}

function refuse(argument: u32, expected: string): void {
  clear();
  put("spikelet: found ");
  putZeroTerminated(argument);
  put(expected);
  stop(EXIT_ARGUMENT);
}

function numberOf(argument: u32): u64 {
  let n: u64 = 0;
  let p = argument;
  do {
    const digit = <u32>load<u8>(p) - 48;
    if (digit > 9 || n > (u64.MAX_VALUE - digit) / 10) {
      refuse(argument, ", expected a whole number below 2^64");
    }
    n = n * 10 + digit;
  } while (load<u8>(++p));
  return n;
}

function take(argument: u32, place: u32): void {
  if (place == 0) seed = numberOf(argument);
  else if (place == 1) count = numberOf(argument);
  else if (place == 2) first = numberOf(argument);
  else if (place == 3) prior = argument;
  else refuse(argument, ", expected SEED COUNT FIRST PRIOR --raw --model=FILE");
}

/** Reads the arguments; ends the firmware if one is wrong. */
export function readArguments(): void {
  if (args_sizes_get(SIZES, SIZES + 4)) return;
  const argumentCount = load<u32>(SIZES);
  if (argumentCount > MAX_ARGUMENTS || load<u32>(SIZES, 4) > MAX_BYTES) {
    clear();
    put("spikelet: too many arguments");
    stop(EXIT_ARGUMENT);
  }
  args_get(POINTERS, BYTES);
  let place: u32 = 0;
  // The first is the program's name.
  for (let i: u32 = 1; i < argumentCount; i++) {
    const argument = load<u32>(POINTERS + (i << 2));
    const name = after(argument, "--model=");
    if (name) model = name;
    else if (after(argument, "--raw")) raw = true;
    else take(argument, place++);
  }
  if (count && first + (count - 1) < first) {
    clear();
    put("spikelet: the last image's index is not below 2^64");
    stop(EXIT_ARGUMENT);
  }
}
