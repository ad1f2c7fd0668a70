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

/** The posterior's rates of one image. */
export function meanRates(sampler: Sampler, image: u32): void {
  const timeSteps = sampler.timeSteps;
  const latentSize = sampler.latentSize;
  const stepBytes = latentSize >> 3;
  const posterior = sampler.posterior + image * timeSteps * stepBytes;
  for (let i: u32 = 0; i < latentSize; i++) {
    let count: u32 = 0;
    for (let t: u32 = 0; t < timeSteps; t++) {
      count += (load<u8>(posterior + t * stepBytes + (i >> 3)) >> (i & 7)) & 1;
    }
    store<f32>(sampler.rates + ((image * latentSize + i) << 2), <f32>count / <f32>timeSteps);
  }
}

/** Latent spikes of one image. */
export function sample(sampler: Sampler, image: u32): void {
  const latentSize = sampler.latentSize;
  const frame = image * sampler.timeSteps;
  const rates = sampler.rates + ((image * latentSize) << 2);
  for (let t: u32 = 0; t < sampler.timeSteps; t++) {
    const first = (frame + t) * latentSize;
    for (let i: u32 = 0; i < latentSize; i += 8) {
      let byte: u32 = 0;
      for (let bit: u32 = 0; bit < 8; bit++) {
        const rate = load<f32>(rates + ((i + bit) << 2));
        byte |= u32(rate > load<f32>(sampler.uniforms + ((first + i + bit) << 2))) << bit;
      }
      store<u8>(sampler.latent + ((first + i) >> 3), byte);
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
