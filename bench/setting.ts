import { existsSync, readFileSync } from "node:fs";
import { networkOf } from "../src/float-model.js";
import { decodeModel, encodeModel, type Model } from "../src/index.js";
import { encodeOnnx } from "./onnx-model.js";

/** What is measured. */
export interface Setting {
  readonly path: string;
  readonly spk: Uint8Array;
  readonly model: Model;
  /** Where the dense network comes from. */
  readonly onnxName: string;
  /** Whether it has the very weights of the .spk file. */
  readonly isBuilt: boolean;
  onnx(batch: number): Uint8Array;
}

/** The dense network of the shipped model's checkpoint, where the reference data lie beside the repository. */
const GIVEN_ONNX = "../shared/data/esvae-mnist/decoder-dense-n";

/**
 * @param onnx - "built" for a dense network with the weights of the .spk file, or the path of `N.onnx` files without `N.onnx`,
 *   N the batch; if not given, the reference data's for the shipped model where they are there
 */
export function openSetting(path: string, onnx?: string): Setting {
  const whole = decodeModel(new Uint8Array(readFileSync(path)));
  // One prior, so that the bare core and the library draw the same images, and no encoder.
  const learned = whole.priors.filter(({ name }) => name === "learned");
  const model = { ...whole, encoder: [], priors: learned.length ? learned : whole.priors.slice(0, 1) };
  const spk = encodeModel(model);
  const hasGiven = model.name === "esvae-mnist" && existsSync(`${GIVEN_ONNX}1.onnx`);
  const prefix = onnx ?? (hasGiven ? GIVEN_ONNX : "built");
  if (prefix !== "built") {
    return {
      path,
      spk,
      model,
      onnxName: `${prefix}N.onnx`,
      isBuilt: false,
      onnx: (batch) => new Uint8Array(readFileSync(`${prefix}${batch}.onnx`)),
    };
  }
  const network = networkOf(model);
  return {
    path,
    spk,
    model,
    onnxName: `built from the weights of ${path}`,
    isBuilt: true,
    onnx: (batch) => encodeOnnx(network, batch),
  };
}
