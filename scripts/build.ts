// Builds everything that is published into dist/: the core, the library and the simulator for Node and for browsers, the
// command line, the playground, types.
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, existsSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import { type BuildOptions, build, type Plugin } from "esbuild";

rmSync("dist", { recursive: true, force: true });
await import("./build-wasm.js");
await import("./build-firmware.js");
await import("./build-training.js");

const common: BuildOptions = {
  bundle: true,
  format: "esm",
  target: "es2022",
  legalComments: "none",
  minify: true,
  outdir: "dist",
  logLevel: "warning",
  splitting: true,
};

/**
 * Modules that the build for Node takes from the one for browsers, by the file that hands them out: those that are large and in
 * which both builds are alike. What they import comes along.
 */
const SHARED: Readonly<Record<string, readonly string[]>> = {
  "playground/shared/library": [
    "src/checkpoint/architecture",
    "src/checkpoint/checkpoint",
    "src/runtime/core",
    "src/data/fit-image",
    "src/errors",
    "src/quantize/dequantize",
    "src/model/mixture",
    "src/model/file",
    "src/quantize/quantize",
    "src/math/random",
  ],
  "playground/shared/simulator": [
    "firmware-sim/cost/arithmetic",
    "firmware-sim/cost/connectivity",
    "firmware-sim/wasm/counted-core",
    "firmware-sim/devices/catalog",
    "firmware-sim/cost/engines",
    "firmware-sim/cost/estimate",
    "firmware-sim/firmware/files",
    "firmware-sim/firmware/targets",
    "firmware-sim/wasm/instrument",
    "firmware-sim/cost/placement",
    "firmware-sim/cost/pricing",
  ],
};

/** Makes the files that hand out shared modules. */
const handOut: Plugin = {
  name: "hand-out",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^playground\/shared\// }, ({ path }) => ({ path, namespace: "shared" }));
    onLoad({ filter: /./, namespace: "shared" }, ({ path }) => ({
      contents: SHARED[path].map((module) => `export * from "./${module}.js";`).join("\n"),
      resolveDir: process.cwd(),
    }));
  },
};

/** Takes shared modules from those files. */
const takeShared: Plugin = {
  name: "take-shared",
  setup({ onResolve }) {
    onResolve({ filter: /^\.\.?\// }, ({ path, resolveDir }) => {
      const module = relative(process.cwd(), resolve(resolveDir, path.replace(/\.js$/, "")));
      const file = Object.keys(SHARED).find((name) => SHARED[name].includes(module));
      return file ? { path: `./${file}.js`, external: true, sideEffects: false } : undefined;
    });
  },
};

/** What is used of fflate, here and by fast-png. */
const FFLATE = ["Gunzip", "Unzlib", "unzipSync", "unzlibSync", "zipSync", "zlibSync"];

/**
 * fflate fills tables of 100 KB when it is loaded. So it is loaded when something is first inflated or packed, which a program that
 * generates images never does.
 */
const lazyFflate: Plugin = {
  name: "lazy-fflate",
  setup({ onResolve, onLoad }) {
    onResolve({ filter: /^fflate$/ }, () => ({ path: "fflate", namespace: "lazy" }));
    onResolve({ filter: /^fflate-itself$/ }, () => ({ path: "fflate-itself", namespace: "lazy" }));
    onLoad({ filter: /^fflate$/, namespace: "lazy" }, () => ({
      contents: FFLATE.map(
        (name) => `export function ${name}(...args) {
          const { ${name}: itself } = require("fflate-itself");
          return new.target ? new itself(...args) : itself(...args);
        }`,
      ).join("\n"),
    }));
    onLoad({ filter: /^fflate-itself$/, namespace: "lazy" }, async () => {
      const { outputFiles } = await build({
        // Its build for Node loads worker threads, which nothing here uses.
        stdin: { contents: `export { ${FFLATE} } from "fflate/browser";`, resolveDir: process.cwd() },
        bundle: true,
        format: "cjs",
        minify: true,
        write: false,
      });
      return { contents: outputFiles[0].text };
    });
  },
};

// What the browser entries have in common lies in playground/, so that this folder is whole by itself: any server can give it out.
await build({
  ...common,
  platform: "browser",
  entryPoints: {
    browser: "src/index.ts",
    "browser-simulator": "firmware-sim/index.ts",
    "playground/page": "playground/page/page.ts",
    "playground/worker": "playground/worker/worker.ts",
    "playground/style": "playground/style.css",
    ...Object.fromEntries(Object.keys(SHARED).map((file) => [file, file])),
  },
  chunkNames: "playground/[name]-[hash]",
  plugins: [handOut, lazyFflate],
  // Leaves out what only Node can do (src/runtime/source.ts).
  define: { "globalThis.process": "undefined" },
  external: ["node:*"],
});
cpSync("playground/index.html", "dist/playground/index.html");

await build({
  ...common,
  platform: "node",
  target: "node20",
  entryPoints: {
    index: "src/index.ts",
    simulator: "firmware-sim/index.ts",
    cli: "cli/main.ts",
    worker: "cli/run/worker.ts",
    "evaluate-worker": "cli/commands/evaluate/worker.ts",
    "training-worker": "src/training/worker.ts",
  },
  plugins: [takeShared, lazyFflate],
  alias: {
    "emoji-regex": "./scripts/no-emoji.ts",
  },
  // Bundled CommonJS packages call require, which ES modules lack.
  banner: { js: 'import{createRequire}from"node:module";const require=createRequire(import.meta.url);' },
});
chmodSync("dist/cli.js", 0o755);

const types = spawnSync("npx", ["tsc", "-p", "tsconfig.types.json"], { stdio: "inherit", shell: true });
if (types.status !== 0) process.exit(types.status ?? 1);

/** The declarations that a public one refers to; the compiler writes those of every module. */
function reachableTypes(entries: readonly string[]): Set<string> {
  const reached = new Set<string>();
  const visit = (file: string) => {
    if (reached.has(file) || !existsSync(file)) return;
    reached.add(file);
    for (const [, path] of readFileSync(file, "utf8").matchAll(/(?:from|import) ?\(?"(\.[^"]+)"/g)) {
      visit(`${resolve(dirname(file), path.replace(/\.js$/, ""))}.d.ts`);
    }
  };
  for (const entry of entries) visit(resolve(entry));
  return reached;
}

const reachable = reachableTypes(["dist/types/src/index.d.ts", "dist/types/firmware-sim/index.d.ts"]);
for (const path of readdirSync("dist/types", { recursive: true, encoding: "utf8" })) {
  const file = resolve("dist/types", path);
  if (file.endsWith(".d.ts") && !reachable.has(file)) rmSync(file);
}
