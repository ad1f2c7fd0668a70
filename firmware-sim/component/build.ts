// Builds the components into firmware-sim/component/build/, and what jco makes of them for JavaScript:
//   npm ci --prefix firmware-sim/component && node --import tsx firmware-sim/component/build.ts
// Run it at the top of the repository after `npm run build`.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import asc from "assemblyscript/asc";
import { renameExports } from "./exports.js";
import { loadJco } from "./jco.js";

const FOLDER = fileURLToPath(new URL("build/", import.meta.url));
const EDGE_CORE = join(FOLDER, "edge.core.wasm");
const GENERATOR = "spikelet:edge/generator@0.1.0";

function write(path: string, bytes: Uint8Array): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, bytes);
}

/** findPrior as find-prior. */
function kebab(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
}

/** The core as a guest of spikelet-edge.wit. AssemblyScript cannot write the names that the component model gives to exports. */
async function edgeCore(): Promise<Uint8Array> {
  const target = ["--config", "asconfig.json", "--target", "edge", "--outFile", EDGE_CORE];
  const { error, stderr } = await asc.main(["assembly/edge.ts", ...target]);
  if (error) throw new Error(stderr.toString());
  return renameExports(readFileSync(EDGE_CORE), (name) =>
    name === "memory" || name === "cabi_realloc" ? name : `${GENERATOR}#${kebab(name)}`,
  );
}

rmSync(FOLDER, { recursive: true, force: true });
mkdirSync(FOLDER, { recursive: true });
const { componentEmbed, componentNew, preview1AdapterCommandPath, transpile } = await loadJco();

const firmware = await componentNew(readFileSync("dist/firmware.wasm"), [
  ["wasi_snapshot_preview1", readFileSync(preview1AdapterCommandPath())],
]);
const witSource = readFileSync(new URL("spikelet-edge.wit", import.meta.url), "utf8");
const edge = await componentNew(
  await componentEmbed({ binary: await edgeCore(), witSource, world: "device" }),
  [],
);

for (const [name, component] of [
  ["firmware", firmware],
  ["edge", edge],
] as const) {
  write(join(FOLDER, `${name}.component.wasm`), component);
  const { files } = await transpile(component, { name, instantiation: "async" });
  for (const [path, bytes] of Object.entries(files)) write(join(FOLDER, name, path), bytes);
  console.log(`${name}.component.wasm: ${component.length} bytes`);
}
