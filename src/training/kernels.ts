import { setFlagsFromString } from "node:v8";
import { PAGE_BYTES } from "../../assembly/core/memory";
import { TRAINING_BASE64, TRAINING_RELAXED_BASE64 } from "../generated/training-wasm.js";

/** The exports of assembly/training/index.ts; addresses and sizes are unsigned 32-bit, whatever JavaScript makes of them. */
export interface Kernels {
  enterThread(number: number, workspace: number, gradientOffset: number): void;
  clear(address: number, bytes: number): void;
  clearMoments(layer: number): void;
  integrate(layer: number, image: number): void;
  convolveImage(layer: number, image: number): void;
  addMoments(layer: number, image: number): void;
  normalize(layer: number, threads: number, images: number, frozen: boolean): void;
  fire(layer: number, image: number): void;
  fireBackward(layer: number, image: number, penalty: number): void;
  normalizeGradients(layer: number, threads: number, images: number, frozen: boolean): void;
  normalizeBackward(layer: number, image: number): void;
  weightGradient(layer: number, image: number): void;
  imageWeightGradient(layer: number, image: number): void;
  roundWeights(layer: number): void;
  packWeights(layer: number, first: number, threads: number): void;
  inputGradient(layer: number, firstFrame: number, frames: number): void;
  meanRates(sampler: number, image: number): void;
  sample(sampler: number, image: number): void;
  sampleBackward(sampler: number, image: number): void;
  readOut(readout: number, image: number, gradientScale: number): void;
  adamW(
    start: number,
    end: number,
    gradientOffset: number,
    gradientStride: number,
    threads: number,
    firstMomentOffset: number,
    secondMomentOffset: number,
    learningRate: number,
    weightDecay: number,
    firstCorrection: number,
    secondCorrection: number,
  ): void;
}

/** Pages that 32-bit addresses reach; the module declares the same. */
const MAX_PAGES = 65536;

export function createMemory(bytes: number): WebAssembly.Memory {
  return new WebAssembly.Memory({ initial: Math.ceil(bytes / PAGE_BYTES), maximum: MAX_PAGES, shared: true });
}

/** An instance of the training module for one thread: that with relaxed SIMD where the engine has it. */
export async function instantiateKernels(memory: WebAssembly.Memory): Promise<Kernels> {
  const relaxed = decode(TRAINING_RELAXED_BASE64);
  const bytes = hasRelaxedSimd(relaxed) ? relaxed : decode(TRAINING_BASE64);
  const { instance } = await WebAssembly.instantiate(bytes, { env: { memory } });
  return instance.exports as unknown as Kernels;
}

function decode(base64: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
}

/** Node 20 has relaxed SIMD as it came to be the standard, but has to be told to use it. */
function hasRelaxedSimd(module: Uint8Array<ArrayBuffer>): boolean {
  if (WebAssembly.validate(module)) return true;
  setFlagsFromString("--experimental-wasm-relaxed-simd");
  return WebAssembly.validate(module);
}
