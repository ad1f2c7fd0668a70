import * as v from "valibot";
import table45nm from "../arithmetic-45nm.json" with { type: "json" };
import { ArithmeticSchema, type ArithmeticTable, type Figure } from "../devices/device.js";
import type { LayerConnectivity } from "./connectivity.js";
import { type Estimate, priced } from "./estimate.js";
import type { MeanLedger } from "./mean-ledger.js";

/** Energy of arithmetic and weight fetches alone, in joules an image. Potentials, activations and control are not in it. */
export interface ArithmeticCost {
  /** An image. */
  readonly additions: number;
  readonly multiplications: number;
  /** Different weights. */
  readonly weights: number;
  /** If each weight is fetched once an image. */
  readonly lowest: Estimate;
  /** If each weight is fetched as often as it is used, four of 8 bits at a time. */
  readonly highest: Estimate;
}

/** @returns the 45 nm table that both costs below are computed with */
export function arithmeticTable(): ArithmeticTable {
  return v.parse(ArithmeticSchema, table45nm);
}

/**
 * What the same decoder would cost as a dense network of 8-bit weights in one pass: one multiplication and one 32-bit addition
 * for each synapse. In 45 nm arithmetic, which is none of the chips: to be compared with `spikingInt8Cost` only.
 */
export function denseInt8Cost(
  layers: readonly LayerConnectivity[],
  table: ArithmeticTable = arithmeticTable(),
): ArithmeticCost {
  const synapses = layers.reduce((sum, layer) => sum + layer.synapses, 0);
  const counts = { additions: synapses, multiplications: synapses, uses: synapses };
  return cost(counts, { add: table.addInt32, multiply: table.multiplyInt8 }, layers, table);
}

/**
 * What the spiking decoder costs in the same arithmetic: one 32-bit addition for each synaptic operation, and the readout as the
 * core does it. Its products are of 16 bits, for which the table has no price: that of 32 bits is too high.
 */
export function spikingInt8Cost(
  layers: readonly LayerConnectivity[],
  { synapticOperations, readout }: Pick<MeanLedger, "synapticOperations" | "readout">,
  table: ArithmeticTable = arithmeticTable(),
): ArithmeticCost {
  const { additions, multiplications } = readout;
  const counts = {
    additions: synapticOperations + additions,
    multiplications,
    uses: synapticOperations + multiplications,
  };
  return cost(counts, { add: table.addInt32, multiply: table.multiplyInt32 }, layers, table);
}

function cost(
  counts: { readonly additions: number; readonly multiplications: number; readonly uses: number },
  prices: { readonly add: Figure; readonly multiply: Figure },
  layers: readonly LayerConnectivity[],
  table: ArithmeticTable,
): ArithmeticCost {
  const { additions, multiplications, uses } = counts;
  const weights = layers.reduce((sum, layer) => sum + layer.weights, 0);
  const sram = table.sramAccess.find(({ capacity }) => capacity >= weights);
  if (!sram) {
    const missing = { notPriced: `no memory of the ${table.name} table holds ${weights} bytes of weights` };
    return { additions, multiplications, weights, lowest: missing, highest: missing };
  }
  const arithmetic = additions * prices.add.value + multiplications * prices.multiply.value;
  const joules = (fetches: number, note: string): Estimate =>
    priced(
      (arithmetic + (fetches / 4) * sram.energy.value) * 1e-12,
      "J",
      [prices.add, prices.multiply, sram.energy],
      { note: `${table.name}, none of the chips; ${note}` },
    );
  return {
    additions,
    multiplications,
    weights,
    lowest: joules(weights, "each weight is fetched once an image"),
    highest: joules(uses, "each weight is fetched whenever it is used"),
  };
}
