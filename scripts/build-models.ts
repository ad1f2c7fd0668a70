// Makes the shipped models again, byte for byte, from the checkpoints they came from: `npm run build:models [FOLDER]`.
import { writeFileSync } from "node:fs";
import { makeMnistModel } from "./mnist-model.js";

const bytes = await makeMnistModel(process.argv[2] ?? "../shared/data");
writeFileSync("models/esvae-mnist.spk", bytes);
console.log(`models/esvae-mnist.spk: ${bytes.length} bytes`);
