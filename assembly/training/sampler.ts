// Reparameterizable Poisson spiking sampling between encoder and decoder: rates r_q = mean over the steps of the posterior's spikes,
// z[t] = r_q > U[t] with U uniform on 0 … 1, and the gradient of z[t] with respect to r_q is 1 where |r_q − U[t]| < 1/2.

const WINDOW: f32 = 0.5;

@unmanaged
export class Sampler {
  timeSteps: u32;
  /** A multiple of 32. */
  latentSize: u32;
  /** Spikes of the posterior, (frames, latentSize). */
  posterior: u32;
  /** (images, latentSize) r_q */
  rates: u32;
  /** (frames, latentSize) U */
  uniforms: u32;
  /** Spikes z, (frames, latentSize). */
  latent: u32;
  /** (frames, latentSize) ∂L/∂z */
  latentGradient: u32;
  /** (images, latentSize) the loss's own ∂L/∂r_q, from the MMD. */
  rateGradient: u32;
  /** (frames, latentSize) ∂L/∂(posterior's spikes) */
  posteriorGradient: u32;
}

/** Rates and latent spikes of one image. */
export function sample(sampler: Sampler, image: u32): void {
  const timeSteps = sampler.timeSteps;
  const latentSize = sampler.latentSize;
  const frame = image * timeSteps;
  const stepBytes = latentSize >> 3;
  const rates = sampler.rates + ((image * latentSize) << 2);
  const posterior = sampler.posterior + frame * stepBytes;
  const latent = sampler.latent + frame * stepBytes;
  const uniforms = sampler.uniforms + ((frame * latentSize) << 2);
  for (let i: u32 = 0; i < latentSize; i++) {
    const byte = i >> 3;
    const bit: u32 = i & 7;
    let count: u32 = 0;
    for (let t: u32 = 0; t < timeSteps; t++) {
      count += (load<u8>(posterior + t * stepBytes + byte) >> bit) & 1;
    }
    const rate = <f32>count / <f32>timeSteps;
    store<f32>(rates + (i << 2), rate);
    for (let t: u32 = 0; t < timeSteps; t++) {
      const address = latent + t * stepBytes + byte;
      const spike: u32 = u32(rate > load<f32>(uniforms + ((t * latentSize + i) << 2)));
      const others: u32 = bit ? load<u8>(address) : 0;
      store<u8>(address, others | (spike << bit));
    }
  }
}

/** ∂L/∂(posterior's spikes) of one image: each of the steps has the T-th part of ∂L/∂r_q. */
export function sampleBackward(sampler: Sampler, image: u32): void {
  const timeSteps = sampler.timeSteps;
  const latentSize = sampler.latentSize;
  const first = image * timeSteps * latentSize;
  for (let i: u32 = 0; i < latentSize; i++) {
    const neuron = (image * latentSize + i) << 2;
    const rate = load<f32>(sampler.rates + neuron);
    let gradient = load<f32>(sampler.rateGradient + neuron);
    for (let t: u32 = 0; t < timeSteps; t++) {
      const at = (first + t * latentSize + i) << 2;
      if (abs(rate - load<f32>(sampler.uniforms + at)) < WINDOW)
        gradient += load<f32>(sampler.latentGradient + at);
    }
    for (let t: u32 = 0; t < timeSteps; t++) {
      const at = (first + t * latentSize + i) << 2;
      store<f32>(sampler.posteriorGradient + at, gradient / <f32>timeSteps);
    }
  }
}
