import type { Tensor } from "../network.js";

// The authors' ESVAE has two modules of FSVAE that it never calls, and PyTorch's load_state_dict wants their tensors.

/** Bernoulli channels of FSVAE for each latent neuron. */
const CHANNELS_PER_LATENT = 20;

/** Tensors `prior.*` and `posterior.*` of the shapes that the authors' module has; nothing depends on their values. */
export function fsvaeLeftovers(latentSize: number): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>();
  const add = (name: string, shape: readonly number[], value: number) => {
    const length = shape.reduce((product, size) => product * size, 1);
    tensors.set(name, { shape, data: new Float32Array(length).fill(value) });
  };
  for (const [part, inputs] of [
    ["prior", 1],
    ["posterior", 2],
  ] as const) {
    add(`${part}.initial_input`, [1, latentSize, 1], 0);
    const widths = [inputs, 2, 4, CHANNELS_PER_LATENT].map((factor) => factor * latentSize);
    for (let layer = 0; layer < 3; layer++) {
      const name = `${part}.layers.${layer}`;
      const outputs = widths[layer + 1];
      add(`${name}.weight`, [outputs, widths[layer]], 0);
      add(`${name}.bias`, [outputs], 0);
      add(`${name}.bn.weight`, [outputs], 1);
      add(`${name}.bn.bias`, [outputs], 0);
      add(`${name}.bn.running_mean`, [outputs], 0);
      add(`${name}.bn.running_var`, [outputs], 1);
      add(`${name}.bn.num_batches_tracked`, [], 0);
    }
  }
  return tensors;
}
