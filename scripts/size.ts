// The size report: `npm run size`.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const files = [
  "dist/spikelet.wasm",
  "dist/spikelet.simd.wasm",
  "dist/spikelet.encoder.wasm",
  "dist/spikelet.encoder.simd.wasm",
  "dist/spikelet.device.wasm",
  "dist/firmware.wasm",
  "models/esvae-mnist.spk",
];
console.log("| file | bytes | gzipped |\n|---|---|---|");
for (const file of files) {
  const bytes = readFileSync(file);
  console.log(
    `| ${file} | ${bytes.length.toLocaleString("en")} | ${gzipSync(bytes, { level: 9 }).length.toLocaleString("en")} |`,
  );
}
