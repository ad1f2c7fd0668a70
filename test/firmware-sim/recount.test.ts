// An image counted anew, by what the profile does not use: from the spikes of a trace and the raw weights, output by output. The
// core, the reference and the cost model count input by input.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { before, test } from "node:test";
import { isPriced } from "../../firmware-sim/cost/estimate.js";
import { type Profile, profile } from "../../firmware-sim/cost/profile.js";
import { findDevice } from "../../firmware-sim/devices/catalog.js";
import { decodeModel } from "../../src/model/file.js";
import { Generator } from "../../src/runtime/generator.js";

const spk = new Uint8Array(readFileSync("models/esvae-mnist.spk"));
const model = decodeModel(spk);
const SEED = 1;

interface Recount {
  reached: number;
  effective: number;
  spikesIn: number;
  spikesOut: number;
}

/** (outputs per axis, inputs per axis, inputs and outputs per position, and which input a tap of an output sees, if any) */
interface Shape {
  readonly outSize: number;
  readonly inSize: number;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly source: (output: number, tap: number) => number;
  readonly taps: number;
  readonly weight: (tap: number, from: number, to: number) => number;
}

function recount(spikes: Uint8Array, steps: number, shape: Shape): Omit<Recount, "spikesOut"> {
  const { outSize, inSize, inChannels, outChannels, source, taps, weight } = shape;
  const found = { reached: 0, effective: 0, spikesIn: spikes.reduce((sum, spike) => sum + spike, 0) };
  const alive = Array.from({ length: taps * taps * inChannels }, (_, i) => {
    let count = 0;
    for (let to = 0; to < outChannels; to++) {
      if (weight(Math.floor(i / inChannels), i % inChannels, to) !== 0) count++;
    }
    return count;
  });
  for (let t = 0; t < steps; t++) {
    for (let y = 0; y < outSize; y++) {
      for (let x = 0; x < outSize; x++) {
        for (let tap = 0; tap < taps * taps; tap++) {
          const row = source(y, Math.floor(tap / taps));
          const column = source(x, tap % taps);
          if (!(row >= 0 && row < inSize && column >= 0 && column < inSize)) continue;
          const at = ((t * inSize + row) * inSize + column) * inChannels;
          for (let from = 0; from < inChannels; from++) {
            if (spikes[at + from] === 0) continue;
            found.reached += outChannels;
            found.effective += alive[tap * inChannels + from];
          }
        }
      }
    }
  }
  return found;
}

let layers: Recount[];
let result: Profile;
before(async () => {
  const { timeSteps, imageSize, imageChannels } = model;
  const generator = await Generator.load(spk, { trace: true });
  const trace = generator.trace({ seed: SEED });
  const maps = [trace.latentSpikes, ...trace.layers.map(({ spikes }) => spikes)];
  const spiking = model.decoder.map((layer, i) => {
    const { kind, inputSize, inChannels, outChannels, weights } = layer;
    const isLinear = kind === "linear";
    return recount(maps[i], timeSteps, {
      outSize: isLinear ? 1 : 2 * inputSize,
      inSize: inputSize,
      ...{ inChannels, outChannels, taps: isLinear ? 1 : 3 },
      // out = 2 in − 1 + tap; where that has no whole solution, a fraction matches no position.
      source: (output, tap) => {
        const twice = output + 1 - tap;
        return isLinear ? 0 : twice % 2 === 0 ? twice / 2 : -1;
      },
      weight: (tap, from, to) => weights[(tap * inChannels + from) * outChannels + to],
    });
  });
  const readout = recount(maps[model.decoder.length], timeSteps, {
    outSize: imageSize,
    inSize: imageSize,
    inChannels: 32,
    outChannels: imageChannels,
    taps: 3,
    source: (output, tap) => output + 1 - tap,
    weight: (tap, from, to) => model.readout.weights[(tap * imageChannels + to) * 32 + from],
  });
  const all = [...spiking, readout];
  layers = all.map((layer, i) => ({ ...layer, spikesOut: all[i + 1]?.spikesIn ?? 0 }));
  result = await profile(spk, {
    devices: [findDevice("loihi")],
    count: 1,
    seed: SEED,
    routing: { coresPerSpike: 3, hopsEastWest: 2, hopsNorthSouth: 1 },
  });
});

const sumOf = (of: (layer: Recount) => number, over: readonly Recount[]) =>
  over.reduce((sum, layer) => sum + of(layer), 0);

test("synaptic operations, spikes and the readout's work", () => {
  const { counts, stages } = result;
  const spiking = layers.slice(0, -1);
  assert.equal(
    counts.synapticOperations,
    sumOf(({ reached }) => reached, spiking),
  );
  spiking.forEach(({ reached }, i) => {
    assert.equal(stages[i + 1].synapticOperations, reached, stages[i + 1].name);
  });
  assert.equal(
    counts.spikes,
    sumOf(({ spikesOut }) => spikesOut, spiking),
  );
  // The core sums coefficients, one for each spike, then multiplies once for each tap inside the map: 94² × 32 of them.
  const { readout } = counts;
  assert.equal(readout.multiplications, 282_752);
  assert.equal(readout.additions, layers[layers.length - 1].spikesIn + 282_752);
  assert.equal(counts.standardError, null);
});

test("NeuroBench's and the ESVAE authors' counts", () => {
  const { neuroBench, esvaeCounter } = result.counts.conventions;
  assert.equal(
    neuroBench.accumulates,
    sumOf(({ effective }) => effective, layers),
  );
  const { timeSteps } = model;
  // Adds of the counter's source, layer by layer: spikes × taps × channels × stride², biases, neurons.
  const [first, ...convolutions] = layers;
  const neurons = [1024, 2048, 4096, 8192, 32768];
  const fired = sumOf(({ spikesOut }) => spikesOut, layers);
  const updates = neurons.reduce((sum, n) => sum + n, 0) * timeSteps;
  const connections = convolutions.reduce(
    (sum, { spikesIn }, i) => sum + spikesIn * 9 * ([128, 64, 32, 32, 1][i] * (i < 4 ? 4 : 1)),
    first.spikesIn * 1024,
  );
  assert.equal(esvaeCounter.additions, connections + updates + 1024 * timeSteps + updates);
  assert.equal(esvaeCounter.multiplications, updates - fired);
});

test("energy on Loihi, from its file's figures", () => {
  const { prices } = JSON.parse(readFileSync("firmware-sim/devices/loihi.json", "utf8"));
  const [{ price }] = result.neuromorphic;
  const spiking = layers.slice(0, -1);
  const fired = sumOf(({ spikesOut }) => spikesOut, spiking);
  const messages = 3 * (fired + layers[0].spikesIn);
  assert.ok(isPriced(price.time) && isPriced(price.total));
  const picojoules =
    sumOf(({ reached }) => reached, spiking) * prices.synapticOperation.value +
    fired * prices.neuronUpdateActive.value +
    (48_128 * model.timeSteps - fired) * prices.neuronUpdateInactive.value +
    messages * (prices.message.value + 2 * prices.hopEastWest.value + prices.hopNorthSouth.value) +
    prices.staticPower.value * price.time.value * 1e9;
  assert.ok(Math.abs(price.total.value * 1e12 - picojoules) < 1e-9 * picojoules, `${picojoules} pJ`);
});
