import { Cursor, leb, SECTION, sectionsOf, sized } from "../wasm/wasm-binary.js";

/** A module whose exports have other names; all else, custom sections included, stays. */
export function renameExports(binary: Uint8Array, rename: (name: string) => string): Uint8Array {
  const out: number[] = Array.from(binary.subarray(0, 8));
  for (const { id, bytes } of sectionsOf(binary)) {
    out.push(id, ...sized(id === SECTION.export ? renamed(bytes, rename) : bytes));
  }
  return Uint8Array.from(out);
}

function renamed(section: Uint8Array, rename: (name: string) => string): number[] {
  const c = new Cursor(section);
  const count = c.leb();
  const out = leb(count);
  for (let i = 0; i < count; i++) {
    out.push(...sized(new TextEncoder().encode(rename(c.text()))), c.byte(), ...leb(c.leb()));
  }
  return out;
}
