// Makes the shipped models again, byte for byte, from the checkpoints they came from: `npm run build:models [FOLDER]`.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { readNetwork } from "../src/checkpoint/architecture.js";
import { readCheckpoint } from "../src/checkpoint/checkpoint.js";
import { encodeModel } from "../src/model-file.js";
import { quantizeNetwork } from "../src/quantize.js";

const data = process.argv[2] ?? "../shared/data";
const network = readNetwork(readCheckpoint(readFileSync(join(data, "esvae-mnist/checkpoint.pth"))));
const { model } = quantizeNetwork(network, { bits: 8, name: "esvae-mnist" });
const bytes = encodeModel(model);
writeFileSync("models/esvae-mnist.spk", bytes);
console.log(`models/esvae-mnist.spk: ${bytes.length} bytes`);
