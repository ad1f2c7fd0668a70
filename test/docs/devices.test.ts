// The tables of docs/devices.md and docs/profile.md against the device files and what `spikelet profile` counts.
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { before, test } from "node:test";
import { formatProfile } from "../../cli/report/profile-report.js";
import { isPriced } from "../../firmware-sim/cost/estimate.js";
import { type Profile, profile } from "../../firmware-sim/cost/profile.js";
import { listDevices } from "../../firmware-sim/devices/catalog.js";
import type { Microcontroller, Neuromorphic } from "../../firmware-sim/devices/device.js";
import { claim, numberIn, readPage, type Table, tableUnder } from "../support/markdown.js";

const page = readPage("docs/devices.md");
const devices = listDevices();
const microcontrollers = devices.filter((d): d is Microcontroller => d.family === "microcontroller");
const chips = devices.filter((d): d is Neuromorphic => d.family === "neuromorphic");
const spk = new Uint8Array(readFileSync("models/esvae-mnist.spk"));

/** A table's row for a device, whose names may stand together in the first cell. */
function rowOf(table: Table, id: string): Readonly<Record<string, string>> {
  return table.find((row) => Object.values(row)[0].includes(`\`${id}\``)) ?? assert.fail(`no row for ${id}`);
}

function roundTo3(value: number): number {
  return Number(value.toPrecision(3));
}

function powerText(milliwatts: number): string {
  return milliwatts < 0.1 ? `${roundTo3(milliwatts * 1e3)} µW` : `${milliwatts} mW`;
}

function sizeText(bytes: number): string {
  const kibibytes = bytes / 1024;
  return kibibytes < 1024 ? `${kibibytes} KiB` : `${kibibytes / 1024} MiB`;
}

test("every device has a row, and no other", () => {
  const idsOf = (heading: string) => tableUnder(page, heading).map((row) => row["`id`"].replaceAll("`", ""));
  assert.deepEqual(
    idsOf("Shipped microcontrollers"),
    microcontrollers.map((d) => d.id),
  );
  assert.deepEqual(idsOf("Shipped neuromorphic chips").sort(), chips.map((d) => d.id).sort());
});

for (const device of microcontrollers) {
  test(`${device.id}: its row is its file`, () => {
    const row = rowOf(tableUnder(page, "Shipped microcontrollers"), device.id);
    const cores = device.cores.value > 1 ? `${device.cores.value} × ` : "";
    const core = { "cortex-m0+": "Cortex-M0+", rv32imc: "RV32IMC", lx7: "LX7" }[device.core as string];
    const name = core ?? device.core.replace("cortex-m", "Cortex-M");
    assert.equal(row["core, clock"], `${cores}${name}, ${device.clock.value} MHz`);
    const packaged = `${sizeText(device.flash.value)} in the package`;
    const places = device.flashKind === "internal" ? [sizeText(device.flash.value)] : ["external", packaged];
    assert.ok(places.includes(row.flash), row.flash);
    assert.equal(row.RAM, sizeText(device.ram.value));
    assert.equal(row.latency !== "not priced", device.coremarkPerMhz !== undefined);
    const { activeCurrent: current, supply } = device;
    if (!current || !supply) assert.match(row.energy, /^not priced/);
    else {
      assert.ok(row.energy.includes(`${current.value} ${current.unit} at ${supply.value} V`), row.energy);
      assert.equal(
        row.energy.startsWith("weak"),
        [current, supply].some(({ grade }) => grade === "weak"),
      );
    }
  });
}

for (const device of chips) {
  test(`${device.id}: its prices are those of its file`, () => {
    const row = rowOf(tableUnder(page, "Shipped neuromorphic chips"), device.id);
    const { prices = {} } = device;
    if (row["holds the shipped model"] === "the same") return;
    const operation = prices.synapticOperationAllIn ?? prices.synapticOperation;
    if (operation) assert.equal(numberIn(row["synaptic operation"]), operation.value);
    else assert.equal(row["synaptic operation"], "–");
    assert.equal(row["synaptic operation"].includes("all-in"), prices.synapticOperationAllIn !== undefined);
    const update = prices.neuronUpdateActive ?? prices.neuronUpdate;
    if (update) assert.equal(numberIn(row["neuron update"]), update.value);
    if (prices.staticPower) assert.match(row.static, new RegExp(`^${powerText(prices.staticPower.value)}`));
    else assert.equal(row.static, "–");
    const { clockPower } = prices;
    if (clockPower) assert.ok(row.static.endsWith(` + ${clockPower.value} ${clockPower.unit}`), row.static);
  });
}

test("docs/profile.md: the table of stages is what the command prints", async () => {
  const [stages] = readPage("docs/profile.md").codeBlocks.filter((block) => block.startsWith("stage"));
  const printed = formatProfile(await profile(spk, { devices: [], count: 10, seed: 1 }));
  assert.ok(printed.includes(stages), printed);
});

test("README: code and memory of the firmware on a Cortex-M4", async () => {
  const claimed = claim(
    readPage("README.md"),
    /for an image, ([\d,]+) bytes of code and ([\d,]+) bytes of RAM/,
  );
  const { microcontrollers: found, model } = await profile(spk, {
    devices: microcontrollers.filter((device) => device.core === "cortex-m4"),
    count: 1,
  });
  const compiled = found[0].engines.find(({ engine }) => engine === "wasm2c") ?? assert.fail();
  assert.deepEqual(claimed.map(numberIn), [compiled.flashBytes - model.deviceBytes, compiled.ramBytes]);
});

let result: Profile;
before(async () => {
  result = await profile(spk, { devices: chips, count: 100, seed: 1 });
});

test("docs/devices.md: events of the mean image", () => {
  const claimed = claim(
    page,
    /\(`spikelet profile --count 100`: ([\d,]+) synaptic operations in the spiking layers, ([\d,]+) neuron updates, ([\d,]+) spikes\)/,
  );
  const [term] = result.neuromorphic[0].price.terms;
  assert.equal(numberIn(claimed[0]), Math.round(term.count ?? Number.NaN));
  const layers = result.stages.filter(({ neuronUpdates }) => neuronUpdates > 0);
  const sum = (of: (layer: (typeof layers)[number]) => number) =>
    Math.round(layers.reduce((total, layer) => total + of(layer), 0));
  assert.equal(
    numberIn(claimed[1]),
    sum((layer) => layer.neuronUpdates),
  );
  assert.equal(
    numberIn(claimed[2]),
    sum((layer) => layer.firingRate * layer.neuronUpdates),
  );
});

test("docs/devices.md: places on chips, energies and times", () => {
  const shipped = tableUnder(page, "Shipped neuromorphic chips");
  const priced = tableUnder(page, "How a run is priced", 1);
  for (const { device, placement, price } of result.neuromorphic) {
    const place = rowOf(shipped, device.id)["holds the shipped model"];
    if (place !== "the same") {
      const outcome = { placed: /^yes/, impossible: /^no[: ]/, unknown: /^not known$/ }[placement.outcome];
      assert.match(place, outcome, device.id);
      if (placement.outcome === "placed") {
        assert.equal(place, `yes, ${placement.cores} of ${device.cores?.value} cores`);
      }
    }
    if (!isPriced(price.total)) continue;
    const row = rowOf(priced, device.id);
    const names = Object.values(row)[0].split(", ");
    const energy = row["energy an image"].split(/, (?=[\d(])/)[names.indexOf(`\`${device.id}\``)];
    const [microjoules] = energy.match(/[\d,.]+/) ?? assert.fail(energy);
    assert.equal(numberIn(microjoules), roundTo3(price.total.value * 1e6), device.id);
    if (isPriced(price.time)) assert.equal(row.time, `≥ ${roundTo3(price.time.value * 1e3)} ms`, device.id);
    else assert.equal(row.time, "–", device.id);
  }
});

test("docs/devices.md: the dense network beside the spiking one", () => {
  const { dense, spiking } = result.arithmetic;
  const claimed = claim(
    page,
    /takes ([\d,]+) multiply-accumulates; the spiking one takes ([\d,]+) additions and ([\d,]+) multiplications/,
  );
  assert.deepEqual(
    claimed.map(numberIn),
    [dense.multiplications, spiking.additions, spiking.multiplications].map(Math.round),
  );
  const rows = tableUnder(page, "What these figures cannot tell");
  for (const [i, { lowest, highest }] of [dense, spiking].entries()) {
    for (const [column, energy] of [
      ["weights fetched once", lowest],
      ["fetched at each use", highest],
    ] as const) {
      assert.ok(isPriced(energy));
      assert.equal(numberIn(rows[i][column]), roundTo3(energy.value * 1e6), column);
    }
  }
});
