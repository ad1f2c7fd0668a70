import type { Job, JobFiles, MeasureRunner } from "../../src/evaluation/job.js";
import type { LoadOptions } from "../../src/runtime/core.js";
import { Generator } from "../../src/runtime/generator.js";
import { isTask, performTask, resultBytes } from "../../src/runtime/task.js";

/** What a thread works with, whatever its jobs; plain data, so that worker threads can be started with it. */
export interface RunnerSetup {
  /** A .spk file. */
  readonly model: Uint8Array;
  readonly load: LoadOptions;
  /** What measurements need besides. */
  readonly files?: JobFiles;
}

/** A job that can be done at once: a row of bytes for each image. */
export interface PreparedJob {
  readonly rowBytes: number;
  /** Writes the row of image `index`. */
  make(index: bigint, row: Uint8Array): void;
}

/** Does jobs, one after the other, in one thread. */
export class Runner {
  readonly #setup: RunnerSetup;
  readonly #generator: Promise<Generator>;
  #measures: MeasureRunner | undefined;

  /** @param generator - for the model and with the options of `setup`; loaded if not given */
  constructor(setup: RunnerSetup, generator?: Generator) {
    this.#setup = setup;
    this.#generator = generator ? Promise.resolve(generator) : Generator.load(setup.model, setup.load);
    // The failure is seen by the first job.
    this.#generator.catch(() => {});
  }

  async prepare(job: Job): Promise<PreparedJob> {
    const generator = await this.#generator;
    if (isTask(job)) {
      return {
        rowBytes: resultBytes(generator, job),
        make: (index, row) => performTask(generator, job, index, row),
      };
    }
    // Loaded when something is measured: threads that make images start without it.
    const { MeasureRunner } = await import("../../src/evaluation/job.js");
    this.#measures ??= new MeasureRunner(generator, this.#setup.model, this.#setup.load, this.#setup.files);
    const { width, measure } = await this.#measures.prepare(job);
    return {
      rowBytes: width * Float64Array.BYTES_PER_ELEMENT,
      make(index, row) {
        new Float64Array(row.buffer, row.byteOffset, width).set(measure(Number(index)));
      },
    };
  }
}
