// The training module: layers of an ESVAE with forward and backward passes in float32, on memory that its host lays out
// (src/training/memory-plan.ts) and all threads share. The host calls them in turn (src/training/pass.ts).
export { adamW, clear } from "./adamw";
export { addMoments, clearMoments, normalize, normalizeBackward, normalizeGradients } from "./batch-norm";
export { convolveImage, imageWeightGradient } from "./image-conv";
export { inputGradient, packWeights } from "./input-gradient";
export { fire, fireBackward } from "./lif";
export { readOut } from "./readout";
export { roundWeights } from "./rounding";
export { meanRates, sample, sampleBackward } from "./sampler";
export { integrate, weightGradient } from "./synapses";
export { enterThread } from "./thread";
