/** How the learning rate goes over a run: up in a straight line, then constant or down to 0. */
export interface RateSchedule {
  /** The highest. */
  readonly peak: number;
  /** Steps before it is reached: AdamW's second moments are rough at first. */
  readonly warmUpSteps: number;
  /** Whether it falls in a straight line to 0 at the end of the run. */
  readonly decays: boolean;
}

/**
 * The learning rate of a step.
 * @param step - from 0
 * @param done - the part of the run before it, 0 … 1
 */
export function learningRateAt(
  { peak, warmUpSteps, decays }: RateSchedule,
  step: number,
  done: number,
): number {
  const risen = Math.min(1, (step + 1) / (warmUpSteps + 1));
  return peak * risen * (decays ? 1 - done : 1);
}
