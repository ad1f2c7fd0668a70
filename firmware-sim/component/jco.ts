import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";

/** What is used of jco; written out here so that the type check needs no install in this folder. */
export interface Jco {
  componentEmbed(options: {
    readonly binary: Uint8Array;
    readonly witSource: string;
    readonly world: string;
  }): Promise<Uint8Array>;
  componentNew(
    core: Uint8Array,
    adapters: readonly (readonly [name: string, adapter: Uint8Array])[],
  ): Promise<Uint8Array>;
  transpile(
    component: Uint8Array,
    options: { readonly name: string; readonly instantiation: "async" },
  ): Promise<{ readonly files: Readonly<Record<string, Uint8Array>> }>;
  preview1AdapterCommandPath(): URL;
}

const require = createRequire(import.meta.url);

/** Whether `npm ci --prefix firmware-sim/component` has been run. */
export function isJcoInstalled(): boolean {
  try {
    require.resolve("@bytecodealliance/jco");
    return true;
  } catch {
    return false;
  }
}

export async function loadJco(): Promise<Jco> {
  return import(pathToFileURL(require.resolve("@bytecodealliance/jco")).href);
}
