import * as v from "valibot";
import table45nm from "../arithmetic-45nm.json" with { type: "json" };
import { ArithmeticSchema, type ArithmeticTable, type Figure } from "../devices/device.js";
import type { LayerConnectivity } from "./connectivity.js";
import { type Estimate, priced } from "./estimate.js";
import type { MeanLedger } from "./mean-ledger.js";

/** Energy of arithmetic and weight fetches alone, in joules an image. Potentials, activations and control are not in it. */
export interface ArithmeticCost {
  /** Multiply-accumulates or additions an image. */
  readonly operations: number;
  /** Different weights. */
  readonly weights: number;
  /** If each weight is fetched once an image. */
  readonly lowest: Estimate;
  /** If each operation fetches its weight, four of 8 bits at a time. */
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
  const operations = layers.reduce((sum, layer) => sum + layer.synapses, 0);
  return cost(operations, [table.multiplyInt8, table.addInt32], layers, table);
}

/** What the spiking decoder costs in the same arithmetic: one 32-bit addition for each synaptic operation, no multiplication. */
export function spikingInt8Cost(
  layers: readonly LayerConnectivity[],
  ledger: Pick<MeanLedger, "synapticOperations">,
  table: ArithmeticTable = arithmeticTable(),
): ArithmeticCost {
  return cost(ledger.synapticOperations, [table.addInt32], layers, table);
}

function cost(
  operations: number,
  operationPrices: readonly Figure[],
  layers: readonly LayerConnectivity[],
  table: ArithmeticTable,
): ArithmeticCost {
  const weights = layers.reduce((sum, layer) => sum + layer.weights, 0);
  const sram = table.sramAccess.find(({ capacity }) => capacity >= weights);
  if (!sram) {
    const missing = { notPriced: `no memory of the ${table.name} table holds ${weights} bytes of weights` };
    return { operations, weights, lowest: missing, highest: missing };
  }
  const arithmetic = operations * operationPrices.reduce((sum, { value }) => sum + value, 0);
  const joules = (fetches: number, note: string): Estimate =>
    priced((arithmetic + (fetches / 4) * sram.energy.value) * 1e-12, "J", [...operationPrices, sram.energy], {
      note: `${table.name}, none of the chips; ${note}`,
    });
  return {
    operations,
    weights,
    lowest: joules(weights, "each weight is fetched once an image"),
    highest: joules(operations, "each operation fetches its weight"),
  };
}
