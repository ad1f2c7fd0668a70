import { readdirSync, readFileSync } from "node:fs";
import type { Metafile } from "esbuild";

/** Packages whose code gets into dist without being bundled: the compiler's library in the Wasm, the C that wasm2c writes. */
const COMPILED = ["assemblyscript", "wabt"];

/** The folder, node_modules/NAME, of the package that a bundled file comes from. */
function packageOf(input: string): string | undefined {
  return /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(input)?.[0];
}

function licenceOf(folder: string): string {
  const file = readdirSync(folder).find((name) => /^licen[cs]e(\.\w+)?$/i.test(name));
  if (!file) throw new Error(`${folder} has no licence file; its notice cannot be written.`);
  return readFileSync(`${folder}/${file}`, "utf8").trim();
}

/** Name, version and licence of every package that has code in dist, from what esbuild says that it has bundled. */
export function thirdPartyNotices(bundles: readonly Metafile[]): string {
  const bundled = bundles.flatMap(({ outputs }) =>
    Object.values(outputs).flatMap(({ inputs }) =>
      Object.entries(inputs).flatMap(([input, { bytesInOutput }]) =>
        bytesInOutput > 0 ? (packageOf(input) ?? []) : [],
      ),
    ),
  );
  const folders = new Set([...bundled, ...COMPILED.map((name) => `node_modules/${name}`)]);
  const notices = [...folders].sort().map((folder) => {
    const { name, version, license } = JSON.parse(readFileSync(`${folder}/package.json`, "utf8"));
    return `${name} ${version} (${license})\n\n${licenceOf(folder)}\n`;
  });
  const rule = `\n${"-".repeat(80)}\n\n`;
  return ["Spikelet contains code of these packages, under their licences.\n", ...notices].join(rule);
}
