// Runs the firmware's component under jco's preview2 shim: frames to standard output, telemetry to standard error.
//   node --import tsx firmware-sim/component/run.ts FOLDER [SEED [COUNT [FIRST [PRIOR]]]] [--raw] [--model=FILE]
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [folder, ...args] = process.argv.slice(2);
const build = new URL("build/firmware/", import.meta.url);
const require = createRequire(import.meta.url);

const shimModule = require.resolve("@bytecodealliance/preview2-shim/instantiation");
const { WASIShim } = await import(pathToFileURL(shimModule).href);
const { instantiate } = await import(new URL("firmware.js", build).href);
const shim = new WASIShim({
  sandbox: { args: ["firmware", ...args], preopens: { "/flash": resolve(folder) }, enableNetwork: false },
});
const { run } = await instantiate(
  (path: string) => WebAssembly.compile(readFileSync(new URL(path, build))),
  shim.getImportObject(),
);
run.run();
