import { MAX_LATENT_SIZE } from "../../core/format";
import { RATES } from "../../core/memory";

// Where the host may write the lists and strings that it passes. Nothing is allocated: bytes from flash go straight to where the
// core wants them, and a string, which comes between two images, to where an image's firing rates will be.

const STRING_BYTES: u32 = 4 * MAX_LATENT_SIZE;

/** Where the bytes that were asked for have to lie, and how many they are; 0 if none are awaited. */
let destination: u32 = 0;
let room: u32 = 0;

/** The next list has to lie at `address`, and be no longer than `bytes`. */
export function landAt(address: u32, bytes: u32): void {
  destination = address;
  room = bytes;
}

/**
 * The canonical ABI's allocator: always the same place, so that a list may also grow in it. Traps, as the ABI asks of an allocator
 * that cannot give what is wanted, for a list that is longer than what was asked for.
 */
export function cabi_realloc(_old: u32, _oldBytes: u32, _alignment: u32, bytes: u32): u32 {
  if (bytes > (room || STRING_BYTES)) unreachable();
  return room ? destination : RATES;
}
