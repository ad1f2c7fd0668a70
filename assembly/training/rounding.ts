import { kernelSize } from "./geometry";
import { Layer, THRESHOLD } from "./layer";

// Quantization-aware training: the synapses use weights that are rounded as those of the model file, an integer times a
// channel's scale, and potentials are integers of a unit as in docs/numerics.md, "Spiking layers". Gradients pass
// rounding as if it were not there (the straight-through estimator).

/** Rounds the weights to `usedWeights`, with the scales at which a part of each channel's largest weight just fits. */
export function roundWeights(layer: Layer): void {
  const largest = <f32>layer.largestInteger;
  const outChannels = layer.outChannels;
  const kernel = kernelSize(layer.kind);
  const rows = kernel * kernel * layer.inChannels;
  for (let channel: u32 = 0; channel < outChannels; channel++) {
    let most: f32 = 0;
    for (let row: u32 = 0; row < rows; row++) {
      most = max(most, abs(load<f32>(layer.weights + ((row * outChannels + channel) << 2))));
    }
    const part = load<f32>(layer.scaleParts + (channel << 2));
    // With weights of zero any scale serves.
    const scale: f32 = most > 0 ? (part * most) / largest : 1;
    store<f32>(layer.scales + (channel << 2), scale);
    for (let row: u32 = 0; row < rows; row++) {
      const at = (row * outChannels + channel) << 2;
      const integer = max(-largest, min(largest, nearest(load<f32>(layer.weights + at) / scale)));
      store<f32>(layer.usedWeights + at, integer * scale);
    }
  }
}

/** The unit of a channel's potentials: the scale of its folded weights, but not so small that bias and threshold need more than 16 bits. */
export function roundingUnit(gain: f32, scale: f32, bias: f32): f32 {
  return max(abs(gain) * scale, max(abs(bias), THRESHOLD) / 16384);
}
