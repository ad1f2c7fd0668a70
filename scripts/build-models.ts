// Makes the shipped models again, byte for byte, from their checkpoints: `npm run build:models [FOLDER OF THE DATA SETS]`.
import { writeFileSync } from "node:fs";
import { makeShippedModel, SHIPPED_MODELS } from "./shipped-models.js";

for (const name of Object.keys(SHIPPED_MODELS)) {
  const bytes = await makeShippedModel(name, process.argv[2] ?? "../shared/data");
  writeFileSync(`models/${name}.spk`, bytes);
  console.log(`models/${name}.spk: ${bytes.length} bytes`);
}
