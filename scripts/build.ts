// Builds everything that is published into dist/: the core, the library, the simulator and the command line, the playground, the
// notices of what is bundled, types.
import { spawnSync } from "node:child_process";
import { chmodSync, cpSync, rmSync, writeFileSync } from "node:fs";
import { type BuildOptions, build } from "esbuild";
import manifest from "../package.json" with { type: "json" };
import { thirdPartyNotices } from "./third-party-notices.js";

rmSync("dist", { recursive: true, force: true });
await import("./build-wasm.js");
await import("./build-firmware.js");
await import("./build-training.js");

const common = {
  bundle: true,
  format: "esm",
  target: "es2022",
  splitting: true,
  metafile: true,
  logLevel: "warning",
  // Beside the code that they belong to.
  legalComments: "inline",
} satisfies BuildOptions;

// Neither is minified: they are read where an error is thrown, and where someone wants to know what happens.
const readable = { ...common, platform: "neutral", outdir: "dist", sourcemap: true } satisfies BuildOptions;

// For every platform, and whole: it loads no package and no module of Node's.
const library = await build({
  ...readable,
  mainFields: ["module", "main"],
  entryPoints: { index: "src/index.ts", simulator: "firmware-sim/index.ts" },
});

const commandLine = await build({
  ...readable,
  entryPoints: {
    cli: "cli/main.ts",
    worker: "cli/run/worker.ts",
    "training-worker": "src/training/worker.ts",
  },
  external: ["node:*", ...Object.keys(manifest.dependencies)],
});
chmodSync("dist/cli.js", 0o755);

// A folder that is whole by itself: any server can give it out.
const playground = await build({
  ...common,
  platform: "browser",
  minify: true,
  entryPoints: {
    page: "playground/page/page.ts",
    worker: "playground/worker/worker.ts",
    style: "playground/style.css",
  },
  outdir: "dist/playground",
});
cpSync("playground/index.html", "dist/playground/index.html");

writeFileSync(
  "dist/THIRD-PARTY-NOTICES",
  thirdPartyNotices([library, commandLine, playground].map(({ metafile }) => metafile)),
);

const types = spawnSync("npx", ["tsc", "-p", "tsconfig.types.json"], { stdio: "inherit", shell: true });
if (types.status !== 0) process.exit(types.status ?? 1);
