// AdamW (Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019), as PyTorch computes it.

const BETA_1: f32 = 0.9;
const BETA_2: f32 = 0.999;
/** Added to the root of the second moment. */
const EPSILON: f32 = 1e-8;

/**
 * One step of the parameters between two addresses, 16 bytes apart or a multiple. Gradients, of `threads` threads to be summed, and both
 * moments lie where the parameters do, but so many bytes further.
 * @param firstCorrection - 1 − 0.9^step, the part of its value that the first moment has by now
 * @param secondCorrection - 1 − 0.999^step
 */
export function adamW(
  start: u32,
  end: u32,
  gradientOffset: u32,
  gradientStride: u32,
  threads: u32,
  firstMomentOffset: u32,
  secondMomentOffset: u32,
  learningRate: f32,
  weightDecay: f32,
  firstCorrection: f32,
  secondCorrection: f32,
): void {
  const rate = f32x4.splat(learningRate / firstCorrection);
  const correction = f32x4.splat(sqrt(secondCorrection));
  const decay = f32x4.splat(1 - learningRate * weightDecay);
  const beta1 = f32x4.splat(BETA_1);
  const beta2 = f32x4.splat(BETA_2);
  const rest1 = f32x4.splat(1 - BETA_1);
  const rest2 = f32x4.splat(1 - BETA_2);
  const epsilon = f32x4.splat(EPSILON);
  for (let at = start; at < end; at += 16) {
    let gradient = v128.load(at + gradientOffset);
    for (let k: u32 = 1; k < threads; k++) {
      gradient = f32x4.add(gradient, v128.load(at + gradientOffset + k * gradientStride));
    }
    const oldFirst = v128.load(at + firstMomentOffset);
    const oldSecond = v128.load(at + secondMomentOffset);
    const first = f32x4.add(f32x4.mul(beta1, oldFirst), f32x4.mul(rest1, gradient));
    const second = f32x4.add(f32x4.mul(beta2, oldSecond), f32x4.mul(rest2, f32x4.mul(gradient, gradient)));
    v128.store(at + firstMomentOffset, first);
    v128.store(at + secondMomentOffset, second);
    const root = f32x4.add(f32x4.div(f32x4.sqrt(second), correction), epsilon);
    const decayed = f32x4.mul(v128.load(at), decay);
    v128.store(at, f32x4.sub(decayed, f32x4.mul(rate, f32x4.div(first, root))));
  }
}

/** Sets the bytes of a range to zero. */
export function clear(address: u32, bytes: u32): void {
  memory.fill(address, 0, bytes);
}
