import { readNetwork } from "../checkpoint/architecture.js";
import { readMetadata, readSafetensors } from "../checkpoint/safetensors.js";
import { writeSafetensors } from "../checkpoint/safetensors-writer.js";
import { stateDict } from "../checkpoint/state-dict.js";
import { SpikeletError } from "../errors.js";
import type { Network } from "../network.js";

// A run that can be gone on with, in one file: the network's tensors by the reference's names, AdamW's moments, and what
// the run is. One file, so that it is whole or not there.

const FIRST_MOMENTS = "optimizer.first_moments";
const SECOND_MOMENTS = "optimizer.second_moments";
const RUN = "spikelet_run";
const STEPS = "spikelet_steps";

/** State of AdamW, as the parameters lie in memory. */
export interface OptimizerState {
  readonly steps: number;
  readonly firstMoments: Float32Array;
  readonly secondMoments: Float32Array;
}

/** What has to be the same for a run to go on as it would have. */
export type TrainingDescription = Readonly<Record<string, string | number>>;

export interface SavedRun {
  readonly network: Network;
  readonly optimizer: OptimizerState;
  readonly run: TrainingDescription;
}

export function encodeSavedRun({ network, optimizer, run }: SavedRun): Uint8Array {
  const tensors = stateDict(network, optimizer.steps);
  const { firstMoments, secondMoments } = optimizer;
  tensors.set(FIRST_MOMENTS, { shape: [firstMoments.length], data: firstMoments });
  tensors.set(SECOND_MOMENTS, { shape: [secondMoments.length], data: secondMoments });
  return writeSafetensors(tensors, { [RUN]: JSON.stringify(run), [STEPS]: String(optimizer.steps) });
}

/** @throws SpikeletError "bad-checkpoint" if the file is damaged or no saved run */
export function decodeSavedRun(bytes: Uint8Array): SavedRun {
  const tensors = readSafetensors(bytes);
  const metadata = readMetadata(bytes);
  const run = parseRun(metadata.get(RUN));
  const steps = Number(metadata.get(STEPS));
  const first = tensors.get(FIRST_MOMENTS);
  const second = tensors.get(SECOND_MOMENTS);
  if (run === undefined || !Number.isSafeInteger(steps) || first === undefined || second === undefined) {
    throw new SpikeletError(
      "bad-checkpoint",
      "Found a checkpoint without the optimizer's state, expected one that `spikelet train` saved. Start from it with --from instead.",
    );
  }
  return {
    network: readNetwork(tensors),
    optimizer: { steps, firstMoments: first.data, secondMoments: second.data },
    run,
  };
}

function parseRun(text: string | undefined): TrainingDescription | undefined {
  try {
    const run: unknown = JSON.parse(text ?? "");
    return typeof run === "object" && run !== null ? (run as TrainingDescription) : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a run is that which is expected: fields that this one lacks may be any. */
export function isSameTraining(found: TrainingDescription, expected: TrainingDescription): boolean {
  return Object.entries(expected).every(([name, value]) => found[name] === value);
}

/** @throws SpikeletError "bad-option" that names what differs */
export function checkSameTraining(found: TrainingDescription, expected: TrainingDescription): void {
  for (const [name, value] of Object.entries(expected)) {
    if (found[name] === value) continue;
    throw new SpikeletError(
      "bad-option",
      `--resume: the run was started with ${name} ${found[name]}, found ${value}; give the same options, or start anew without --resume`,
    );
  }
}
