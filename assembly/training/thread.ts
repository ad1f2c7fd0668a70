// Every thread has its own instance of this module on the one shared memory; these are its own places in it.

/** Number of this thread, from 0. */
export let thread: u32 = 0;
/** Scratch memory of this thread. */
export let workspace: u32 = 0;
/** What to add to the address of a parameter for that of its gradient, of which each thread has its own. */
export let gradientOffset: u32 = 0;

export function enterThread(number: u32, workspaceAddress: u32, offset: u32): void {
  thread = number;
  workspace = workspaceAddress;
  gradientOffset = offset;
}
