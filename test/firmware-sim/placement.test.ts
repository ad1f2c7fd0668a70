import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { before, describe, test } from "node:test";
import { denseInt8Cost, spikingInt8Cost } from "../../firmware-sim/cost/arithmetic.js";
import {
  decoderConnectivity,
  type LayerConnectivity,
  layerConnectivity,
  readoutConnectivity,
} from "../../firmware-sim/cost/connectivity.js";
import { type Estimate, isPriced, type Priced } from "../../firmware-sim/cost/estimate.js";
import { type MeanLedger, meanLedger } from "../../firmware-sim/cost/mean-ledger.js";
import { type Placement, place } from "../../firmware-sim/cost/placement.js";
import { priceLedger } from "../../firmware-sim/cost/pricing.js";
import { findDevice, readDevice } from "../../firmware-sim/devices/catalog.js";
import type { Neuromorphic } from "../../firmware-sim/devices/device.js";
import { outlineModel } from "../../src/model/file.js";
import { Generator } from "../../src/runtime/generator.js";

const MODEL = readFileSync(new URL("../../models/esvae-mnist.spk", import.meta.url));

function chip(id: string): Neuromorphic {
  const device = findDevice(id);
  assert.equal(device.family, "neuromorphic");
  return device as Neuromorphic;
}

const figure = (value: number, unit: string) => ({
  value,
  unit,
  source: "this test",
  grade: "printed",
  how: "measured",
  scope: "one",
});

/** A chip with round figures. */
function invented(parts: Record<string, unknown>): Neuromorphic {
  const device = { family: "neuromorphic", id: "mine", name: "Mine", ...parts };
  return readDevice(JSON.stringify(device), "mine.json") as Neuromorphic;
}

function need(estimate: Estimate): Priced {
  assert.ok(isPriced(estimate), `expected a price, not ${JSON.stringify(estimate)}`);
  return estimate;
}

function assertJoules(estimate: Estimate, picojoules: number): void {
  const { value } = need(estimate);
  assert.ok(
    Math.abs(value / 1e-12 - picojoules) < 1e-6 * picojoules,
    `${value} J, expected ${picojoules} pJ`,
  );
}

function coresOf(placement: Placement): number[] {
  assert.equal(placement.outcome, "placed");
  return "layers" in placement ? placement.layers.map((l) => ("cores" in l ? l.cores : NaN)) : [];
}

const linear = layerConnectivity("first", { kind: "linear", inputSize: 1, inChannels: 4, outChannels: 8 }, 8);
// 2×2 → 4×4 positions: 1 with 4 taps, 6 with 2, 9 with 1; times 2 input channels.
const transposed = layerConnectivity(
  "second",
  { kind: "transposedConv", inputSize: 2, inChannels: 2, outChannels: 3 },
  8,
);

describe("connectivity", () => {
  test("of a transposed convolution, by hand", () => {
    assert.deepEqual(transposed.positions, [
      { fanIn: 8, count: 1 },
      { fanIn: 4, count: 6 },
      { fanIn: 2, count: 9 },
    ]);
    assert.equal(transposed.neurons, 48);
    // (1·8 + 6·4 + 9·2) · 3 channels; (3n − 1)² = 25 taps · 2 · 3 gives the same.
    assert.equal(transposed.synapses, 150);
    assert.equal(transposed.weights, 9 * 2 * 3);
  });

  test("of a convolution of stride 2, by hand", () => {
    const conv = layerConnectivity("c", { kind: "conv", inputSize: 4, inChannels: 1, outChannels: 1 }, 8);
    // Outputs 0 and 1 have 2 and 3 taps inside along each axis.
    assert.deepEqual(conv.positions, [
      { fanIn: 9, count: 1 },
      { fanIn: 6, count: 2 },
      { fanIn: 4, count: 1 },
    ]);
  });

  test("a map where every neuron fires once costs one operation a synapse", async () => {
    const generator = await Generator.load(MODEL);
    const latent = generator.info.latentSize;
    const { ledgers } = generator.decode({
      spikeTrains: new Uint8Array(latent).fill(1),
      timeSteps: 1,
      ledger: true,
    });
    const [first] = decoderConnectivity(outlineModel(MODEL));
    assert.equal(ledgers[0].layers[0].synapticOperations, first.synapses);
  });
});

describe("placement", () => {
  test("is limited by neurons", () => {
    const device = invented({ cores: figure(4, "cores"), neuronsPerCore: figure(16, "neurons") });
    const placement = place(device, [linear, transposed]);
    assert.deepEqual(coresOf(placement), [1, 3]);
    assert.ok(placement.outcome === "placed" && placement.chips === 1, "4 cores are one chip");
  });

  test("needs a second chip when the first is full", () => {
    const device = invented({ cores: figure(3, "cores"), neuronsPerCore: figure(16, "neurons") });
    const placement = place(device, [linear, transposed]);
    assert.ok(placement.outcome === "placed" && placement.chips === 2, "4 cores of 3 a chip");
  });

  test("is limited by memory for every synapse", () => {
    const device = invented({ synapseMemory: figure(15, "B") });
    // Fan-ins of the four positions of a row: 2 4 2 2, 4 8 4 4, 2 4 2 2, 2 4 2 2, three channels of each. Core after core:
    // 2 2 2 4 4; 4 2 2 2 2 2; 2 4 4 4; 8; 8; 8 4; 4 4 4; 4 4 2 2 2; 4 4 4 2; 2 2 2 2 2 2 2; 2 4 4 4; 2 2 2 2 2 2.
    assert.deepEqual(coresOf(place(device, [transposed])), [12]);
    const fewBits = { ...transposed, bits: 4 };
    // 30 weights a core: the first row; 4 4 4 8 8; 8 and five 4; 4, then 26 of the third row; 30 of what is left; 2 2 2.
    assert.deepEqual(coresOf(place(device, [fewBits])), [6]);
  });

  test("stores weights no narrower than the chip can", () => {
    const device = invented({
      synapseMemory: figure(15, "B"),
      weightBits: { least: figure(8, "bit"), most: figure(8, "bit") },
    });
    assert.deepEqual(coresOf(place(device, [{ ...transposed, bits: 4 }])), [12]);
  });

  test("shares kernels only if the file says so", () => {
    // A kernel of one channel has 18 weights: 36 bytes hold two channels, 8 of their positions fill 16 neurons.
    const device = invented({
      neuronsPerCore: figure(16, "neurons"),
      synapseMemory: figure(36, "B"),
      convolutionWeights: { value: "shared", source: "this test", grade: "printed" },
    });
    assert.deepEqual(coresOf(place(device, [transposed])), [3]);
  });

  test("is limited by the neurons that a core hears, and by those that hear it", () => {
    const shape = { kind: "transposedConv", inputSize: 2, inChannels: 2, outChannels: 1 } as const;
    const next = layerConnectivity("next", shape, 8);
    const before = layerConnectivity(
      "before",
      { kind: "linear", inputSize: 1, inChannels: 3, outChannels: 8 },
      8,
    );
    const chip = (input: number, output: number) =>
      invented({ inputAxonsPerCore: figure(input, "axons"), outputAxonsPerCore: figure(output, "axons") });
    const of = (device: Neuromorphic) => {
      const placement = place(device, [before, next]);
      assert.equal(placement.outcome, "placed");
      return "layers" in placement
        ? placement.layers.map((layer) =>
            "cores" in layer ? [layer.cores, layer.inputAxons, layer.outputAxons] : [],
          )
        : [];
    };
    // Room for all: two layers on a core each. Eight neurons send to one core.
    assert.deepEqual(of(chip(8, 8)), [
      [1, 3, 8],
      [1, 8, 0],
    ]);
    // Four axons a core: the first row of outputs hears inputs 0 and 1 (two channels each). The second hears all four inputs at
    // its second output, which alone has 8 inputs: too many.
    const refused = place(chip(4, 8), [before, next]);
    assert.deepEqual("problems" in refused && refused.problems, [
      "next: has neurons with 8 inputs; a core has 4",
    ]);
    // Outgoing axons: with 4 a core, the eight neurons need two cores.
    assert.deepEqual(of(chip(8, 4)), [
      [2, 3, 4],
      [1, 8, 0],
    ]);
  });

  test("gives each position of a crossbar cores of its own", () => {
    const device = invented({
      axonsPerCore: figure(8, "axons"),
      neuronsPerCore: figure(2, "neurons"),
      synapsesPerCore: figure(16, "synapses"),
    });
    // 16 positions of three channels, two neurons a core.
    assert.deepEqual(coresOf(place(device, [transposed])), [32]);
  });

  test("names every reason why a layer cannot be placed", () => {
    const device = invented({
      cores: figure(1, "cores"),
      axonsPerCore: figure(4, "axons"),
      neuronsPerCore: figure(4, "neurons"),
      weightBits: { least: figure(1, "bit"), most: figure(3, "bit") },
      supportedLayers: { value: ["linear"], source: "this test", grade: "printed" },
    });
    const placement = place(device, [transposed]);
    assert.equal(placement.outcome, "impossible");
    assert.deepEqual("problems" in placement && placement.problems, [
      "second: is a transposedConv layer; Mine runs linear",
      "second: has weights of 8 bits; a core holds 3 at most",
      "second: has neurons with 8 inputs; a core has 4",
      "the decoder has 48 neurons; a chip holds 4",
    ]);
    const tiny = place(invented({ synapseMemory: figure(7, "B") }), [transposed]);
    assert.deepEqual("problems" in tiny && tiny.problems, [
      "second: has neurons with 8 weights; a core holds 7",
    ]);
  });

  test("is unknown where nothing is published", () => {
    assert.equal(place(invented({}), [linear]).outcome, "unknown");
  });
});

describe("prices", () => {
  const ledger: MeanLedger = {
    images: 1,
    layers: [
      { name: "first", spikesIn: 5, spikesOut: 20, synapticOperations: 50, neuronUpdates: 32 },
      { name: "second", spikesIn: 20, spikesOut: 10, synapticOperations: 500, neuronUpdates: 192 },
      { name: "readout", spikesIn: 10, spikesOut: 0, synapticOperations: 90, neuronUpdates: 0 },
    ],
    synapticOperations: 550,
    standardError: null,
    readout: { additions: 100, multiplications: 90 },
    randomWords: 8,
  };
  const layers = [linear, transposed];
  const prices = {
    synapticOperation: figure(2, "pJ"),
    neuronUpdateActive: figure(10, "pJ"),
    neuronUpdateInactive: figure(1, "pJ"),
    message: figure(3, "pJ"),
    hopEastWest: figure(5, "pJ"),
    hopNorthSouth: figure(7, "pJ"),
    randomNumber: figure(4, "pJ"),
  };
  const term = (report: ReturnType<typeof priceLedger>, name: string): Estimate => {
    const found = report.terms.find((t) => t.name === name);
    assert.ok(found, `${name} is a term`);
    return found.energy;
  };

  test("each term by hand; the total is the sum of what is priced", () => {
    const report = priceLedger(invented({ prices }), ledger, layers);
    assertJoules(term(report, "synaptic operations"), 1100);
    // 30 spikes from active neurons, 194 other updates.
    assertJoules(term(report, "neuron updates"), 30 * 10 + 194);
    assertJoules(term(report, "random numbers"), 32);
    assertJoules(report.total, 1100 + 494 + 32);
    assertJoules(report.layers[0].energy, 100 + 20 * 10 + 12);
    assert.deepEqual(report.notPriced, [
      "spikes out: no price of a spike out was found",
      "messages: where spikes travel depends on the routing",
      "hops, east and west: where spikes travel depends on the routing",
      "hops, north and south: where spikes travel depends on the routing",
      "static power: no static power was found",
      "readout: its 100 additions and 90 multiplications run beside the cores",
    ]);
    assert.equal(need(report.total).basis, "simulated");
  });

  test("messages and hops under a stated routing", () => {
    const routing = { coresPerSpike: 2, hopsEastWest: 3, hopsNorthSouth: 1 };
    const report = priceLedger(invented({ prices }), ledger, layers, { routing });
    // 5 + 20 + 10 spikes to two cores each.
    assertJoules(term(report, "messages"), 70 * 3);
    assertJoules(term(report, "hops, east and west"), 70 * 3 * 5);
    assertJoules(term(report, "hops, north and south"), 70 * 7);
    assert.match(need(term(report, "messages")).note ?? "", /assumes 2 cores a spike, 3 \+ 1 hops/);
  });

  test("a linear layer may have a price of its own, and all neurons one", () => {
    const device = invented({
      prices: {
        synapticOperation: figure(2, "pJ"),
        synapticOperationLinear: figure(3, "pJ"),
        neuronUpdate: figure(1, "pJ"),
      },
    });
    assertJoules(priceLedger(device, ledger, layers).total, 50 * 3 + 500 * 2 + 224);
  });

  test("an all-in price takes nothing beside it but static power that stands apart", () => {
    const all = { ...prices, synapticOperationAllIn: figure(20, "pJ") };
    const report = priceLedger(invented({ prices: all }), ledger, layers);
    assert.equal(report.terms.length, 1);
    assertJoules(report.total, 550 * 20);
    const apart = priceLedger(invented({ prices: { ...all, staticPower: figure(1, "mW") } }), ledger, layers);
    assert.deepEqual(
      apart.terms.map(({ name }) => name),
      ["synaptic operations, all-in", "static power"],
    );
    assert.match(JSON.stringify(apart.terms[1]), /1 mW a chip, for a time that is not known/);
  });

  test("static power flows for the run time, on every chip", () => {
    const device = invented({
      cores: figure(2, "cores"),
      neuronsPerCore: figure(16, "neurons"),
      clock: figure(5, "MHz"),
      prices: { staticPower: figure(1, "mW"), clockPower: figure(200, "µW/MHz") },
      times: {
        synapticOperation: figure(1, "ns"),
        neuronUpdateActive: figure(10, "ns"),
        neuronUpdateInactive: figure(2, "ns"),
        barrier: figure(100, "ns"),
      },
    });
    const placement = place(device, layers);
    const report = priceLedger(device, ledger, layers, { placement });
    // First: 50 + 200 + 24 = 274 ns on one core. Second: (500 + 100 + 364) / 3 = 321⅓ ns. 4 + 1 steps.
    const nanoseconds = 964 / 3 + 500;
    assert.ok(
      Math.abs(need(report.time).value * 1e9 - nanoseconds) < 1e-9,
      "the slowest layer sets the pace",
    );
    // 4 cores are two chips; 1 mW is 1 pJ a nanosecond, and 5 MHz take as much again.
    assertJoules(term(report, "static power"), 2 * 2 * nanoseconds);
    assert.match(JSON.stringify(priceLedger(device, ledger, layers).time), /there is no placement/);
  });

  test("a weak figure marks the total", () => {
    const weak = { ...figure(2, "pJ"), grade: "weak" };
    const report = priceLedger(invented({ prices: { ...prices, randomNumber: weak } }), ledger, layers);
    assert.equal(need(report.total).grade, "weak");
    assert.equal(need(term(report, "synaptic operations")).grade, "derived");
  });

  test("without any price there is no total", () => {
    assert.ok(
      !isPriced(priceLedger(chip("akida"), ledger, layers).total),
      "nothing is known of Akida's prices",
    );
  });

  test("dense and spiking cost in one table, by hand", () => {
    // 32 + 150 synapses, 32 + 54 weights in the smallest memory of 8 KB: 10 pJ for 4 bytes.
    const dense = denseInt8Cost(layers);
    assert.deepEqual([dense.additions, dense.multiplications, dense.weights], [182, 182, 86]);
    assertJoules(dense.lowest, 182 * 0.3 + (86 / 4) * 10);
    assertJoules(dense.highest, 182 * 0.3 + (182 / 4) * 10);
    const spiking = spikingInt8Cost(layers, ledger);
    // The readout's 90 products cost as 32-bit ones.
    assertJoules(spiking.lowest, 650 * 0.1 + 90 * 3.1 + (86 / 4) * 10);
    assertJoules(spiking.highest, 650 * 0.1 + 90 * 3.1 + 160 * 10);
    const vast: LayerConnectivity = { ...linear, weights: 2 ** 21 };
    assert.match(JSON.stringify(denseInt8Cost([vast]).lowest), /no memory of the 45 nm arithmetic table/);
  });
});

test("a mean needs a ledger", () => {
  assert.throws(() => meanLedger([]), { code: "bad-option", message: /no ledger to average/ });
});

describe("the shipped model", () => {
  const model = outlineModel(MODEL);
  const layers = decoderConnectivity(model);
  let ledger: MeanLedger;
  before(async () => {
    const generator = await Generator.load(MODEL);
    ledger = meanLedger(generator.generate({ seed: 1, count: 4, ledger: true }).ledgers);
  });

  test("its ledger and its shapes agree", () => {
    layers.forEach(({ name, neurons }, i) => {
      assert.equal(ledger.layers[i].name, name);
      assert.equal(ledger.layers[i].neuronUpdates, neurons * model.timeSteps);
      if (i) assert.equal(ledger.layers[i].spikesIn, ledger.layers[i - 1].spikesOut);
    });
    assert.equal(readoutConnectivity(model).name, ledger.layers[layers.length].name);
    // 94² taps inside a 32×32 map, 32 channels.
    assert.equal(readoutConnectivity(model).synapses, 94 ** 2 * 32);
  });

  test("fits one Loihi, one SpiNNaker2, and neither ODIN, TrueNorth, Speck nor Akida", () => {
    assert.deepEqual(coresOf(place(chip("loihi"), layers)), [2, 7, 8, 9, 32]);
    const loihi = place(chip("loihi"), layers);
    for (const layer of "layers" in loihi ? loihi.layers : []) {
      assert.ok("cores" in layer && layer.inputAxons! <= 4096 && layer.outputAxons! <= 4096, layer.name);
    }
    const spinnaker = place(chip("spinnaker2"), layers);
    assert.ok(spinnaker.outcome === "placed" && spinnaker.chips === 1, "43 of 152 cores");
    const reason = (id: string) => {
      const placement = place(chip(id), layers);
      return placement.outcome === "impossible" ? placement.problems.join("; ") : placement.outcome;
    };
    assert.match(reason("odin"), /the decoder has 48128 neurons; a chip holds 256/);
    assert.match(reason("truenorth"), /decoder\.0: has neurons with 1024 inputs; a core has 256/);
    assert.match(reason("speck"), /decoder\.0: is a transposedConv layer/);
    assert.match(reason("akida"), /decoder\.0: is a transposedConv layer/);
    assert.equal(reason("seneca"), "unknown");
  });

  test("a price for a chip that cannot hold it is marked", () => {
    const odin = chip("odin");
    const report = priceLedger(odin, ledger, layers, { placement: place(odin, layers) });
    assert.match(need(report.total).note ?? "", /the chip cannot hold this decoder/);
  });

  test("takes about three times as many additions as a dense pass has multiplications", () => {
    const all = [...layers, readoutConnectivity(model)];
    const ratio = spikingInt8Cost(all, ledger).additions / denseInt8Cost(all).multiplications;
    assert.ok(ratio > 2 && ratio < 4, `${ratio} synaptic operations a multiply-accumulate`);
  });
});
