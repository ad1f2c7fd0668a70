import { Barrier } from "./barrier.js";
import { instantiateKernels, type Kernels } from "./kernels.js";
import type { TrainingPlan } from "./memory-plan.js";
import { type BackwardSettings, type BatchSettings, type OptimizerSettings, Pass } from "./pass.js";

// How the first thread, which is the caller's own, has the others do what it does: it writes a command into shared memory,
// and they wait for the next.

/** What all threads do together. */
export type Command =
  | { readonly name: "pack" }
  | { readonly name: "forward" | "generate"; readonly settings: BatchSettings }
  | { readonly name: "backward"; readonly settings: BackwardSettings }
  | { readonly name: "optimize"; readonly settings: OptimizerSettings };
const NAMES: readonly Command["name"][] = ["pack", "forward", "generate", "backward", "optimize"];
/** Numbers that the settings of a command take at most. */
const SETTINGS = 4;

// Words at `plan.control`: the barrier's two, then the number of commands so far, and the last one.
const ARRIVALS = 0;
const COMMAND_COUNT = 2;
const COMMAND = 3;

/** What a worker thread is started with. */
export interface WorkerSetup {
  readonly memory: WebAssembly.Memory;
  readonly plan: TrainingPlan;
  readonly thread: number;
}

/** Where the last command is written. */
class Slot {
  readonly #name: Int32Array;
  readonly #settings: Float64Array;

  constructor(memory: WebAssembly.Memory, plan: TrainingPlan) {
    this.#name = new Int32Array(memory.buffer, plan.control + COMMAND * 4, 1);
    this.#settings = new Float64Array(memory.buffer, plan.step, SETTINGS);
  }

  write(command: Command): void {
    this.#name[0] = NAMES.indexOf(command.name);
    this.#settings.set(numbersOf(command));
  }

  read(): Command {
    const name = NAMES[this.#name[0]];
    const [a, b, c, d] = this.#settings;
    switch (name) {
      case "pack":
        return { name };
      case "forward":
      case "generate":
        return { name, settings: { images: a, frozen: b === 1 } };
      case "backward":
        return { name, settings: { images: a, frozen: b === 1, penalty: c } };
      case "optimize":
        return { name, settings: { learningRate: a, priorLearningRate: b, weightDecay: c, step: d } };
    }
  }
}

/** The settings of a command in the order in which `Slot.read` takes them. */
function numbersOf(command: Command): number[] {
  switch (command.name) {
    case "pack":
      return [];
    case "forward":
    case "generate":
      return [command.settings.images, Number(command.settings.frozen)];
    case "backward":
      return [command.settings.images, Number(command.settings.frozen), command.settings.penalty];
    case "optimize": {
      const { learningRate, priorLearningRate, weightDecay, step } = command.settings;
      return [learningRate, priorLearningRate, weightDecay, step];
    }
  }
}

/** The first thread's end: it does its part of each command itself. */
export class Conductor {
  readonly #pass: Pass;
  readonly #barrier: Barrier;
  readonly #words: Int32Array;
  readonly #slot: Slot;
  readonly #control: number;

  private constructor(kernels: Kernels, memory: WebAssembly.Memory, plan: TrainingPlan) {
    this.#words = new Int32Array(memory.buffer);
    this.#slot = new Slot(memory, plan);
    this.#control = plan.control / 4;
    this.#barrier = new Barrier(memory, plan.control + ARRIVALS * 4, plan.threads);
    this.#pass = new Pass(kernels, plan, 0, this.#barrier);
  }

  static async create(memory: WebAssembly.Memory, plan: TrainingPlan): Promise<Conductor> {
    return new Conductor(await instantiateKernels(memory), memory, plan);
  }

  run(command: Command): void {
    this.#slot.write(command);
    Atomics.add(this.#words, this.#control + COMMAND_COUNT, 1);
    Atomics.notify(this.#words, this.#control + COMMAND_COUNT);
    perform(this.#pass, command);
  }
}

/** Does what the first thread commands, until the worker thread is terminated. Says when it can. */
export async function follow({ memory, plan, thread }: WorkerSetup, onReady: () => void): Promise<never> {
  const words = new Int32Array(memory.buffer);
  const control = plan.control / 4;
  const slot = new Slot(memory, plan);
  const barrier = new Barrier(memory, plan.control + ARRIVALS * 4, plan.threads);
  try {
    const pass = new Pass(await instantiateKernels(memory), plan, thread, barrier);
    onReady();
    for (let done = 0; ; done++) {
      Atomics.wait(words, control + COMMAND_COUNT, done);
      perform(pass, slot.read());
    }
  } catch (error) {
    barrier.fail();
    throw error;
  }
}

function perform(pass: Pass, command: Command): void {
  switch (command.name) {
    case "pack":
      pass.pack();
      break;
    case "forward":
      pass.forward(command.settings);
      break;
    case "generate":
      pass.generate(command.settings);
      break;
    case "backward":
      pass.backward(command.settings);
      break;
    case "optimize":
      pass.optimize(command.settings);
      break;
  }
}
