// The streams of Philox (docs/numerics.md, "Random numbers"), all of them: blocks of two streams never share a number. Read by
// both compilers.

/** Of an image, by its seed and index: the prior's draws, the spikes of the latent neurons, the choice of component and codes. */
export const STREAM_PRIOR: u32 = 0;
export const STREAM_SPIKES: u32 = 1;
export const STREAM_CHOICES: u32 = 2;

/** Of a training run, by its seed: the order of an epoch's images, normals and uniforms of a step, a tensor's first weights. */
export const STREAM_ORDER: u32 = 3;
export const STREAM_STEP_NORMALS: u32 = 4;
export const STREAM_STEP_UNIFORMS: u32 = 5;
export const STREAM_WEIGHTS: u32 = 6;

/** Of a robustness curve, by its seed and the image or the copy of the model: spikes turned over, steps silenced, bits flipped. */
export const STREAM_FLIPS: u32 = 16;
export const STREAM_SILENCE: u32 = 17;
export const STREAM_BITS: u32 = 18;

/** Of a simulated board: what it gives a firmware that asks for random bytes. */
export const STREAM_BOARD: u32 = 19;

/** Of the fit of a mixture or a book, by its seed. The shipped priors were fitted with the prior's stream, and no run draws from both. */
export const STREAM_FIT: u32 = STREAM_PRIOR;
