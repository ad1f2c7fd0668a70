// The prior's firing rates of a batch, r_p = sigmoid(W n + b), (W, b) = sample_layer.0, and their gradient.

/** Weights (d, d), one row for each output, and bias (d). */
export interface PriorParameters {
  readonly weights: Float32Array;
  readonly bias: Float32Array;
}

/** Rates (N, d) of standard normals (N, d). */
export function priorRates({ weights, bias }: PriorParameters, normals: Float32Array): Float64Array {
  const size = bias.length;
  return Float64Array.from(normals, (_, at) => {
    const neuron = at % size;
    let logit = bias[neuron];
    for (let j = 0; j < size; j++) logit += weights[neuron * size + j] * normals[at - neuron + j];
    return 1 / (1 + Math.exp(-logit));
  });
}

/** Adds to `gradient` what ∂L/∂r_p (N, d) gives for weights and bias. */
export function addPriorGradient(
  gradient: PriorParameters,
  normals: Float32Array,
  rates: Float64Array,
  rateGradient: Float64Array,
): void {
  const size = gradient.bias.length;
  rates.forEach((rate, at) => {
    const neuron = at % size;
    const ofLogit = rateGradient[at] * rate * (1 - rate);
    gradient.bias[neuron] += ofLogit;
    for (let j = 0; j < size; j++) gradient.weights[neuron * size + j] += ofLogit * normals[at - neuron + j];
  });
}
