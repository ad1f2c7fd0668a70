import { readFileSync } from "node:fs";
import { decodeModel, encodeModel, type Model } from "../src/index.js";
import { dequantizeDecoder } from "../src/quantize/dequantize.js";
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

/**
 * @param onnx - the path of `N.onnx` files without `N.onnx`, N the batch; if not given, a dense network is built with the
 *   weights of the .spk file
 */
export function openSetting(path: string, onnx?: string): Setting {
  const whole = decodeModel(new Uint8Array(readFileSync(path)));
  // One prior, so that the bare core and the library draw the same images, and no encoder.
  const learned = whole.priors.filter(({ name }) => name === "learned");
  const model = { ...whole, encoder: [], priors: learned.length ? learned : whole.priors.slice(0, 1) };
  const spk = encodeModel(model);
  if (onnx !== undefined) {
    return {
      path,
      spk,
      model,
      onnxName: `${onnx}N.onnx`,
      isBuilt: false,
      onnx: (batch) => new Uint8Array(readFileSync(`${onnx}${batch}.onnx`)),
    };
  }
  const network = dequantizeDecoder(model);
  return {
    path,
    spk,
    model,
    onnxName: `built from the weights of ${path}`,
    isBuilt: true,
    onnx: (batch) => encodeOnnx(network, batch),
  };
}
