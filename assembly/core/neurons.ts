import { runNeurons as runPlain } from "./neurons-plain";
import { runNeurons as runSimd } from "./neurons-simd";

/** The neurons of this build. */
export function runNeurons(
  spikes: u32,
  spikeStep: u32,
  run: u32,
  rows: u32,
  rowBytes: u32,
  weights: u32,
  rowWeights: u32,
  from: u32,
  fromStep: u32,
  sums: u32,
  output: u32,
  outputStep: u32,
  steps: u32,
): void {
  if (ASC_FEATURE_SIMD)
    runSimd(
      spikes,
      spikeStep,
      run,
      rows,
      rowBytes,
      weights,
      rowWeights,
      from,
      fromStep,
      sums,
      output,
      outputStep,
      steps,
    );
  else
    runPlain(
      spikes,
      spikeStep,
      run,
      rows,
      rowBytes,
      weights,
      rowWeights,
      from,
      fromStep,
      sums,
      output,
      outputStep,
      steps,
    );
}
