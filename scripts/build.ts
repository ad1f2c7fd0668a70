// Builds everything that is published into dist/: the core, the library for Node and for browsers, the command line, types.
import { spawnSync } from "node:child_process";
import { chmodSync, rmSync } from "node:fs";
import { type BuildOptions, build } from "esbuild";

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
};
await build({
  ...common,
  platform: "browser",
  entryPoints: { browser: "src/index.ts" },
  // Leaves out what only Node can do (src/source.ts).
  define: { "globalThis.process": "undefined" },
  external: ["node:*"],
});
await build({
  ...common,
  platform: "node",
  target: "node20",
  entryPoints: {
    index: "src/index.ts",
    cli: "cli/main.ts",
    worker: "cli/worker.ts",
    "evaluate-worker": "cli/evaluate-worker.ts",
    "training-worker": "src/training/worker.ts",
  },
  splitting: true,
  // Bundled CommonJS packages call require, which ES modules lack.
  banner: { js: 'import{createRequire}from"node:module";const require=createRequire(import.meta.url);' },
});
chmodSync("dist/cli.js", 0o755);

const types = spawnSync("npx", ["tsc", "-p", "tsconfig.types.json"], { stdio: "inherit", shell: true });
process.exit(types.status ?? 1);
