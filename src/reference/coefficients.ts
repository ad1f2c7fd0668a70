import { MAX_TIME_STEPS } from "../../assembly/core/format";

/** Q12 weights of a spike in the readout, k steps before the last one: about 4096 · 0.8^k (docs/numerics.md, "Readout"). */
export const COEFFICIENTS = new Int32Array(MAX_TIME_STEPS);

COEFFICIENTS[0] = 4096;
for (let k = 1; k < MAX_TIME_STEPS; k++) COEFFICIENTS[k] = Math.floor((4 * COEFFICIENTS[k - 1] + 2) / 5);

/** Sum of the coefficients of the first `timeSteps` steps. */
export function sumOfCoefficients(timeSteps: number): number {
  return COEFFICIENTS.subarray(0, timeSteps).reduce((a, b) => a + b, 0);
}
