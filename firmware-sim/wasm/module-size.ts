// What a Wasm module takes on a device.
import { Cursor, leb, SECTION, type Section, sectionsOf } from "./wasm-binary.js";

const MEMORY_SECTION = 5;
const HAS_MAXIMUM = 1;
/** Of a memory with 32-bit addresses. */
const MOST_PAGES = 65536;

function join(binary: Uint8Array, sections: readonly Section[]): Uint8Array {
  const parts = sections.flatMap(({ id, bytes }) => [Uint8Array.of(id, ...leb(bytes.length)), bytes]);
  return new Uint8Array(Buffer.concat([binary.subarray(0, 8), ...parts]));
}

/** The module without its custom sections (names, say): what a device has to store. */
export function withoutCustomSections(binary: Uint8Array): Uint8Array {
  return join(
    binary,
    sectionsOf(binary).filter(({ id }) => id !== SECTION.custom),
  );
}

/** The limits of a module's own memory; undefined if it has none. */
function memoryLimits(binary: Uint8Array): { initial: number; maximum: number } | undefined {
  const section = sectionsOf(binary).find(({ id }) => id === MEMORY_SECTION);
  if (!section) return undefined;
  const c = new Cursor(section.bytes);
  if (!c.leb()) return undefined;
  const hasMaximum = c.byte() & HAS_MAXIMUM;
  const initial = c.leb();
  return { initial, maximum: hasMaximum ? c.leb() : Number.POSITIVE_INFINITY };
}

/** 64 KiB pages that the module has when it starts. */
export function memoryPages(binary: Uint8Array): number {
  return memoryLimits(binary)?.initial ?? 0;
}

/** The module with a memory that grows to `pages` at most, but not below what it starts with. */
export function withMemoryLimit(binary: Uint8Array, pages: number): Uint8Array {
  const limits = memoryLimits(binary);
  if (!limits) return binary;
  const { initial, maximum } = limits;
  const limit = Math.max(initial, Math.min(maximum, pages, MOST_PAGES));
  const bytes = Uint8Array.of(1, HAS_MAXIMUM, ...leb(initial), ...leb(limit));
  return join(
    binary,
    sectionsOf(binary).map((section) =>
      section.id === MEMORY_SECTION ? { id: MEMORY_SECTION, bytes } : section,
    ),
  );
}
