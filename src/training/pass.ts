import type { Barrier } from "./barrier.js";
import type { Kernels } from "./kernels.js";
import type { LayerPlan, TrainingPlan } from "./memory-plan.js";

/** What a pass needs to know besides the parameters. */
export interface BatchSettings {
  /** Images in this batch. */
  readonly images: number;
  /** tdBN with its running statistics, which then stay as they are. */
  readonly frozen: boolean;
}

export interface BackwardSettings extends BatchSettings {
  /** ∂L/∂o of the firing-rate penalty, for each neuron and time step. */
  readonly penalty: number;
}

export interface OptimizerSettings {
  readonly learningRate: number;
  /** Of sample_layer. */
  readonly priorLearningRate: number;
  readonly weightDecay: number;
  /** From 1. */
  readonly step: number;
}

/**
 * One thread's part of a training step: the images that are its own, through all layers and back. Threads meet where tdBN
 * needs the sums over the batch. All of them must make the same calls in the same order.
 */
export class Pass {
  readonly #kernels: Kernels;
  readonly #plan: TrainingPlan;
  readonly #thread: number;
  readonly #barrier: Barrier;

  constructor(kernels: Kernels, plan: TrainingPlan, thread: number, barrier: Barrier) {
    this.#kernels = kernels;
    this.#plan = plan;
    this.#thread = thread;
    this.#barrier = barrier;
    kernels.enterThread(thread, plan.workspace + thread * plan.workspaceBytes, this.#gradientOffset);
  }

  get #gradientOffset(): number {
    return this.#plan.gradientOffset + this.#thread * this.#plan.gradientStride;
  }

  /** This thread's images: from the first to before the end. */
  #share(images: number): { readonly first: number; readonly end: number } {
    const { threads } = this.#plan;
    const boundary = (thread: number) => Math.floor((images * thread) / threads);
    return { first: boundary(this.#thread), end: boundary(this.#thread + 1) };
  }

  /** Calls `work` with the numbers of this thread's images. */
  #forImages(images: number, work: (image: number) => void): void {
    const { first, end } = this.#share(images);
    for (let image = first; image < end; image++) work(image);
  }

  /** Lets the first thread do something after all have come here, and before any goes on. */
  #once(work: () => void): void {
    this.#barrier.wait();
    if (this.#thread === 0) work();
    this.#barrier.wait();
  }

  /** Weights as the layers take them: rounded, if they are, and in the order of the input gradients. After every change. */
  pack(): void {
    const { encoder, decoder, threads } = this.#plan;
    const layers = [...encoder, ...decoder];
    this.#barrier.wait();
    layers.forEach((layer, i) => {
      if (layer.largestInteger !== 0 && i % threads === this.#thread)
        this.#kernels.roundWeights(layer.address);
    });
    this.#barrier.wait();
    for (const layer of layers) {
      if (layer.packedWeights !== 0) this.#kernels.packWeights(layer.address, this.#thread, threads);
    }
    this.#barrier.wait();
  }

  /** Images to reconstructions and loss, and the gradient of the last layer's spikes. */
  forward(settings: BatchSettings): void {
    const { encoder, sampler, parameters } = this.#plan;
    this.#kernels.clear(parameters.start + this.#gradientOffset, parameters.end - parameters.start);
    for (const layer of encoder) this.#forwardLayer(layer, settings);
    this.#forImages(settings.images, (image) => this.#kernels.meanRates(sampler.address, image));
    this.generate(settings);
  }

  /** From the sampler's rates on. */
  generate(settings: BatchSettings): void {
    const { decoder, sampler, readout, imageValues } = this.#plan;
    const { images } = settings;
    this.#forImages(images, (image) => this.#kernels.sample(sampler.address, image));
    for (const layer of decoder) this.#forwardLayer(layer, settings);
    this.#kernels.clear(readout.squaredErrors + this.#thread * 8, 8);
    const gradientScale = 2 / (images * imageValues);
    this.#forImages(images, (image) => this.#kernels.readOut(readout.address, image, gradientScale));
    this.#barrier.wait();
  }

  #forwardLayer(layer: LayerPlan, { images, frozen }: BatchSettings): void {
    const kernels = this.#kernels;
    const { address, shape } = layer;
    kernels.clearMoments(address);
    this.#forImages(images, (image) => {
      if (shape.kind === "imageConv") kernels.convolveImage(address, image);
      else kernels.integrate(address, image);
      if (!frozen) kernels.addMoments(address, image);
    });
    this.#once(() => kernels.normalize(address, this.#plan.threads, images, frozen));
    this.#forImages(images, (image) => kernels.fire(address, image));
  }

  /** Gradients of all parameters but the prior's, each thread's of its own images. The sampler has its gradient of the rates. */
  backward(settings: BackwardSettings): void {
    const { encoder, decoder, sampler } = this.#plan;
    for (const layer of decoder.toReversed()) this.#backwardLayer(layer, settings);
    this.#forImages(settings.images, (image) => this.#kernels.sampleBackward(sampler.address, image));
    for (const layer of encoder.toReversed()) this.#backwardLayer(layer, settings);
    this.#barrier.wait();
  }

  #backwardLayer(layer: LayerPlan, { images, penalty, frozen }: BackwardSettings): void {
    const kernels = this.#kernels;
    const { address, shape } = layer;
    this.#forImages(images, (image) => kernels.fireBackward(address, image, penalty));
    this.#once(() => kernels.normalizeGradients(address, this.#plan.threads, images, frozen));
    this.#forImages(images, (image) => {
      kernels.normalizeBackward(address, image);
      if (shape.kind === "imageConv") {
        kernels.imageWeightGradient(address, image);
      } else {
        kernels.weightGradient(address, image);
      }
    });
    if (shape.kind === "imageConv") return;
    const { timeSteps } = this.#plan;
    const { first, end } = this.#share(images);
    kernels.inputGradient(address, first * timeSteps, (end - first) * timeSteps);
  }

  /** AdamW on this thread's share of the parameters; the gradients of all threads are summed in their order. */
  optimize({ learningRate, priorLearningRate, weightDecay, step }: OptimizerSettings): void {
    const { parameters, prior } = this.#plan;
    this.#optimizeRange(parameters.start, prior.weights, learningRate, weightDecay, step);
    this.#optimizeRange(prior.weights, prior.end, priorLearningRate, weightDecay, step);
    this.pack();
  }

  #optimizeRange(start: number, end: number, learningRate: number, weightDecay: number, step: number): void {
    const plan = this.#plan;
    const blocks = (end - start) / 16;
    const boundary = (thread: number) => start + Math.floor((blocks * thread) / plan.threads) * 16;
    this.#kernels.adamW(
      boundary(this.#thread),
      boundary(this.#thread + 1),
      plan.gradientOffset,
      plan.gradientStride,
      plan.threads,
      plan.firstMomentOffset,
      plan.secondMomentOffset,
      learningRate,
      weightDecay,
      1 - 0.9 ** step,
      1 - 0.999 ** step,
    );
  }
}
