import { once } from "node:events";
import { Worker } from "node:worker_threads";
import { type FloatLayer, type Network, outputSize } from "../network.js";
import { Conductor, type WorkerSetup } from "./control.js";
import { createMemory } from "./kernels.js";
import { type LayerPlan, type PlanOptions, planMemory, type TrainingPlan, writePlan } from "./memory-plan.js";
import { discrepancy } from "./mmd.js";
import type { OptimizerSettings } from "./pass.js";
import { addPriorGradient, type PriorParameters, priorRates } from "./prior.js";
import type { OptimizerState, SavedRun } from "./saved-run.js";
import { bestScaleParts } from "./scale-parts.js";

/** Weight λ of MMD² in the loss (authors' code). */
export const DISCREPANCY_WEIGHT = 0.001;

/** Images with the random numbers that a step on them takes. */
export interface Batch {
  /** (images, rows, columns, channels), −1 … 1 */
  readonly images: Float32Array;
  /** (images, latentSize) standard normals of the prior */
  readonly normals: Float32Array;
  /** (images, timeSteps, latentSize) uniforms on 0 … 1 of the Poisson sampler */
  readonly uniforms: Float32Array;
}

export interface LossOptions {
  /** Weight of the mean firing rate, over all neurons and steps, in the loss. */
  readonly firingPenalty?: number;
}

export interface Losses {
  /** reconstruction + λ · discrepancy, and the firing-rate penalty */
  readonly loss: number;
  /** Mean squared error on −1 … 1 */
  readonly reconstruction: number;
  /** MMD² of the rates */
  readonly discrepancy: number;
  /** Spikes per neuron and step of each layer, in the order of the forward pass. */
  readonly firingRates: readonly number[];
}

export interface TrainerOptions extends PlanOptions {
  /** Module of worker.ts; only needed for several threads. */
  readonly workerUrl?: URL;
}

/** A network in training: its parameters, gradients and optimizer, in memory that several threads work on. */
export class Trainer {
  readonly plan: TrainingPlan;
  readonly #network: Network;
  readonly #memory: WebAssembly.Memory;
  readonly #conductor: Conductor;
  readonly #workers: readonly Worker[];
  #steps = 0;

  private constructor(
    network: Network,
    plan: TrainingPlan,
    memory: WebAssembly.Memory,
    conductor: Conductor,
    workers: readonly Worker[],
  ) {
    this.#network = network;
    this.plan = plan;
    this.#memory = memory;
    this.#conductor = conductor;
    this.#workers = workers;
  }

  /**
   * @param network - what training starts from; it is copied
   * @throws SpikeletError "bad-option" if the batch does not fit in memory
   */
  static async create(network: Network, { workerUrl, ...options }: TrainerOptions): Promise<Trainer> {
    const plan = planMemory(network, options);
    const memory = createMemory(plan.bytes);
    writePlan(plan, memory);
    const workers = Array.from({ length: plan.threads - 1 }, (_, i) => {
      const setup: WorkerSetup = { memory, plan, thread: i + 1 };
      return new Worker(workerUrl!, { workerData: setup, execArgv: [] });
    });
    // A worker cannot start while this thread waits for it at a barrier.
    await Promise.all(workers.map((worker) => once(worker, "message")));
    const conductor = await Conductor.create(memory, plan);
    const trainer = new Trainer(network, plan, memory, conductor, workers);
    trainer.#chooseScaleParts(network);
    trainer.#write(network);
    return trainer;
  }

  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()));
  }

  /** Steps of the optimizer so far. */
  get steps(): number {
    return this.#steps;
  }

  /** Loss and gradients of a batch; also tdBN's running statistics, which in quantization-aware training are used and stay. */
  computeGradients(batch: Batch, { firingPenalty = 0 }: LossOptions = {}): Losses {
    const { plan } = this;
    const frozen = plan.bits !== undefined;
    const { latentSize } = plan;
    const images = batch.images.length / plan.imageValues;
    this.#view(plan.readout.images, batch.images.length).set(batch.images);
    this.#view(plan.sampler.uniforms, batch.uniforms.length).set(batch.uniforms);
    const layers = [...plan.encoder, ...plan.decoder];
    const events = layers.map(
      ({ shape }) => images * plan.timeSteps * outputSize(shape) ** 2 * shape.outChannels,
    );
    const allEvents = sumOf(events);
    this.#conductor.run({ name: "forward", settings: { images, frozen } });
    const posterior = this.#view(plan.sampler.rates, images * latentSize);
    const prior = priorRates(this.#priorAt(0), batch.normals);
    const mmd = discrepancy(posterior, prior, latentSize);
    this.#view(plan.sampler.rateGradient, posterior.length).set(scaled(mmd.posteriorGradient));
    const penalty = firingPenalty / allEvents;
    this.#conductor.run({ name: "backward", settings: { images, frozen, penalty } });
    addPriorGradient(this.#priorAt(plan.gradientOffset), batch.normals, prior, scaled(mmd.priorGradient));

    const reconstruction = this.#sumOfThreads(plan.readout.squaredErrors) / batch.images.length;
    const spikes = layers.map(({ spikeCounts }) => this.#sumOfThreads(spikeCounts));
    const rate = sumOf(spikes) / allEvents;
    return {
      loss: reconstruction + DISCREPANCY_WEIGHT * mmd.value + firingPenalty * rate,
      reconstruction,
      discrepancy: mmd.value,
      firingRates: spikes.map((count, i) => count / events[i]),
    };
  }

  /** A step of AdamW along the gradients of the last batch. */
  optimize(settings: Omit<OptimizerSettings, "step">): void {
    this.#steps++;
    this.#conductor.run({ name: "optimize", settings: { ...settings, step: this.#steps } });
  }

  /**
   * Images (images, rows, columns, channels), −1 … 1, of the prior, with tdBN's running statistics.
   * @param normals - (images, latentSize)
   * @param uniforms - (images, timeSteps, latentSize)
   */
  generate({ normals, uniforms }: Omit<Batch, "images">): Float32Array {
    const { sampler, latentSize } = this.plan;
    const images = normals.length / latentSize;
    this.#view(sampler.rates, normals.length).set(priorRates(this.#priorAt(0), normals));
    this.#view(sampler.uniforms, uniforms.length).set(uniforms);
    this.#conductor.run({ name: "generate", settings: { images, frozen: true } });
    return this.reconstructions(images);
  }

  /** A copy of the network as it is now. */
  network(): Network {
    const copy = (address: number, length: number) => this.#view(address, length).slice();
    return this.#networkOf(copy, copy);
  }

  /** The network with the weights that its layers compute with: rounded in quantization-aware training. */
  roundedNetwork(): Network {
    const network = this.network();
    const rounded = (layer: FloatLayer, { usedWeights }: LayerPlan): FloatLayer => ({
      ...layer,
      weights: this.#view(usedWeights, layer.weights.length).slice(),
    });
    return {
      ...network,
      encoder: network.encoder.map((layer, i) => rounded(layer, this.plan.encoder[i])),
      decoder: network.decoder.map((layer, i) => rounded(layer, this.plan.decoder[i])),
    };
  }

  /** The gradients of the last batch, in the places of the parameters; tdBN's statistics have none, hence 0. */
  gradients(): Network {
    const { gradientOffset, gradientStride, threads } = this.plan;
    return this.#networkOf(
      (address, length) => {
        const parts = Array.from({ length: threads }, (_, k) =>
          this.#view(address + gradientOffset + k * gradientStride, length),
        );
        return Float32Array.from({ length }, (_, i) => sumOf(parts.map((part) => part[i])));
      },
      (_, length) => new Float32Array(length),
    );
  }

  /** Posterior rates (images, latentSize) of the last batch. */
  posteriorRates(images: number): Float32Array {
    return this.#view(this.plan.sampler.rates, images * this.plan.latentSize).slice();
  }

  /** Reconstructions (images, rows, columns, channels) of the last batch, −1 … 1. */
  reconstructions(images: number): Float32Array {
    return this.#view(this.plan.readout.reconstructions, images * this.plan.imageValues).slice();
  }

  /** What AdamW remembers, to be gone on from with `restore`. */
  optimizerState(): OptimizerState {
    const [firstMoments, secondMoments] = this.#momentViews().map((view) => view.slice());
    return { steps: this.#steps, firstMoments, secondMoments };
  }

  /** Goes back to a network of the same shapes and to what AdamW remembered then. Scale parts stay as they were chosen. */
  restore({ network, optimizer }: Pick<SavedRun, "network" | "optimizer">): void {
    const [first, second] = this.#momentViews();
    first.set(optimizer.firstMoments);
    second.set(optimizer.secondMoments);
    this.#steps = optimizer.steps;
    this.#write(network);
  }

  #view(address: number, length: number): Float32Array {
    return new Float32Array(this.#memory.buffer, address, length);
  }

  #momentViews(): Float32Array[] {
    const { parameters, firstMomentOffset, secondMomentOffset } = this.plan;
    const length = (parameters.end - parameters.start) / Float32Array.BYTES_PER_ELEMENT;
    return [firstMomentOffset, secondMomentOffset].map((offset) =>
      this.#view(parameters.start + offset, length),
    );
  }

  /** The prior's parameters, or, with the offset of thread 0's gradients, these. */
  #priorAt(offset: number): PriorParameters {
    const { prior, latentSize } = this.plan;
    return {
      weights: this.#view(prior.weights + offset, latentSize ** 2),
      bias: this.#view(prior.bias + offset, latentSize),
    };
  }

  #sumOfThreads(address: number): number {
    return sumOf(new Float64Array(this.#memory.buffer, address, this.plan.threads));
  }

  /** The network with what `read` gives for the address and length of parameters, and `readRunning` for running statistics. */
  #networkOf(read: Read, readRunning: Read): Network {
    const { plan } = this;
    const network = this.#network;
    const layerOf = (layer: FloatLayer, at: LayerPlan): FloatLayer => ({
      ...layer,
      weights: read(at.weights, layer.weights.length),
      bias: read(at.bias, layer.outChannels),
      batchNorm: {
        weight: read(at.normWeight, layer.outChannels),
        bias: read(at.normBias, layer.outChannels),
        mean: readRunning(at.runningMean, layer.outChannels),
        variance: readRunning(at.runningVariance, layer.outChannels),
      },
    });
    return {
      ...network,
      encoder: network.encoder.map((layer, i) => layerOf(layer, plan.encoder[i])),
      decoder: network.decoder.map((layer, i) => layerOf(layer, plan.decoder[i])),
      prior: {
        weights: read(plan.prior.weights, network.prior.weights.length),
        bias: read(plan.prior.bias, network.prior.bias.length),
      },
      readout: {
        weights: read(plan.readout.weights, network.readout.weights.length),
        bias: read(plan.readout.bias, network.readout.bias.length),
      },
    };
  }

  #write(network: Network): void {
    const arrays = arraysOf(network);
    let next = 0;
    const write = (address: number, length: number) => {
      const values = this.#view(address, length);
      values.set(arrays[next++]);
      return values;
    };
    // Visits the arrays in the order of `arraysOf`.
    this.#networkOf(write, write);
    this.#conductor.run({ name: "pack" });
  }

  #chooseScaleParts(network: Network): void {
    const { encoder, decoder, bits } = this.plan;
    if (bits === undefined) return;
    [...network.encoder, ...network.decoder].forEach((layer, i) => {
      const { scaleParts, largestInteger, outChannels } = [...encoder, ...decoder][i];
      if (largestInteger !== 0)
        this.#view(scaleParts, outChannels).set(bestScaleParts(layer, largestInteger));
    });
  }
}

type Read = (address: number, length: number) => Float32Array;

function arraysOf({ encoder, decoder, prior, readout }: Network): Float32Array[] {
  const ofLayers = [...encoder, ...decoder].flatMap(({ weights, bias, batchNorm }) => [
    weights,
    bias,
    batchNorm.weight,
    batchNorm.bias,
    batchNorm.mean,
    batchNorm.variance,
  ]);
  return [...ofLayers, prior.weights, prior.bias, readout.weights, readout.bias];
}

function sumOf(values: ArrayLike<number> & Iterable<number>): number {
  let sum = 0;
  for (const value of values) sum += value;
  return sum;
}

function scaled(gradient: Float64Array): Float64Array {
  return gradient.map((g) => DISCREPANCY_WEIGHT * g);
}
