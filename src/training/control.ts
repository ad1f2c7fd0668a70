import { Barrier } from "./barrier.js";
import { instantiateKernels, type Kernels } from "./kernels.js";
import type { TrainingPlan } from "./memory-plan.js";
import { type OptimizerSettings, Pass, type StepSettings } from "./pass.js";

// How the first thread, which is the caller's own, has the others do what it does: it writes a command into shared memory,
// and they wait for the next.

/** What all threads do together. */
export type Command = "pack" | "forward" | "generate" | "backward" | "optimize";
const COMMANDS: readonly Command[] = ["pack", "forward", "generate", "backward", "optimize"];

// Words at `plan.control`: the barrier's two, then the number of commands so far, and the last one.
const ARRIVALS = 0;
const COMMAND_COUNT = 2;
const COMMAND = 3;

export type Settings = StepSettings & OptimizerSettings;

/** What a worker thread is started with. */
export interface WorkerSetup {
  readonly memory: WebAssembly.Memory;
  readonly plan: TrainingPlan;
  readonly thread: number;
}

function settingsOf(memory: WebAssembly.Memory, plan: TrainingPlan): Float64Array {
  return new Float64Array(memory.buffer, plan.step, 7);
}

function writeSettings(at: Float64Array, settings: Settings): void {
  const { images, penalty, frozen, learningRate, priorLearningRate, weightDecay, step } = settings;
  at.set([images, penalty, Number(frozen), learningRate, priorLearningRate, weightDecay, step]);
}

function readSettings(at: Float64Array): Settings {
  const [images, penalty, frozen, learningRate, priorLearningRate, weightDecay, step] = at;
  return { images, penalty, frozen: frozen === 1, learningRate, priorLearningRate, weightDecay, step };
}

/** The first thread's end: it does its part of each command itself. */
export class Conductor {
  readonly #pass: Pass;
  readonly #barrier: Barrier;
  readonly #words: Int32Array;
  readonly #settings: Float64Array;
  readonly #control: number;

  private constructor(kernels: Kernels, memory: WebAssembly.Memory, plan: TrainingPlan) {
    this.#words = new Int32Array(memory.buffer);
    this.#settings = settingsOf(memory, plan);
    this.#control = plan.control / 4;
    this.#barrier = new Barrier(memory, plan.control + ARRIVALS * 4, plan.threads);
    this.#pass = new Pass(kernels, plan, 0, this.#barrier);
  }

  static async create(memory: WebAssembly.Memory, plan: TrainingPlan): Promise<Conductor> {
    return new Conductor(await instantiateKernels(memory), memory, plan);
  }

  run(command: Command, settings: Settings): void {
    writeSettings(this.#settings, settings);
    this.#words[this.#control + COMMAND] = COMMANDS.indexOf(command);
    Atomics.add(this.#words, this.#control + COMMAND_COUNT, 1);
    Atomics.notify(this.#words, this.#control + COMMAND_COUNT);
    perform(this.#pass, command, settings);
  }
}

/** Does what the first thread commands, until the worker thread is terminated. Says when it can. */
export async function follow({ memory, plan, thread }: WorkerSetup, onReady: () => void): Promise<never> {
  const words = new Int32Array(memory.buffer);
  const control = plan.control / 4;
  const barrier = new Barrier(memory, plan.control + ARRIVALS * 4, plan.threads);
  try {
    const pass = new Pass(await instantiateKernels(memory), plan, thread, barrier);
    onReady();
    for (let done = 0; ; done++) {
      Atomics.wait(words, control + COMMAND_COUNT, done);
      const command = COMMANDS[words[control + COMMAND]];
      perform(pass, command, readSettings(settingsOf(memory, plan)));
    }
  } catch (error) {
    barrier.fail();
    throw error;
  }
}

function perform(pass: Pass, command: Command, settings: Settings): void {
  switch (command) {
    case "pack":
      pass.pack();
      break;
    case "forward":
      pass.forward(settings);
      break;
    case "generate":
      pass.generate(settings);
      break;
    case "backward":
      pass.backward(settings);
      break;
    case "optimize":
      pass.optimize(settings);
      break;
  }
}
