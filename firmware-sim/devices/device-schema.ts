// What may stand in a device file, as firmware-sim/devices/device.ts has it in types.

import * as v from "valibot";
import type { ArithmeticTable, Device } from "./device.js";

const GradeSchema = v.picklist(["printed", "derived", "weak"]);

const HowSchema = v.picklist(["measured", "specified", "simulated", "unstated"]);

const TextSchema = v.pipe(v.string(), v.trim(), v.nonEmpty(), v.maxLength(400));
const SourceSchema = v.pipe(TextSchema, v.description("document, and table or page, or URL"));
// Zero is no figure: what nobody published is left out.
const PositiveSchema = v.pipe(v.number(), v.finite(), v.gtValue(0));
const CountSchema = v.pipe(v.number(), v.safeInteger(), v.minValue(1));

/** A figure that sizes a device; `scope` says what is counted where that could be mistaken. */
function sizeSchema<const Unit extends string>(unit: Unit, value: v.GenericSchema<number> = CountSchema) {
  return v.strictObject({
    value,
    unit: v.literal(unit),
    source: SourceSchema,
    grade: GradeSchema,
    how: HowSchema,
    scope: v.exactOptional(TextSchema),
  });
}

/** A figure that results are computed with: its scope has to be said, such as "one term" or "all-in". */
function priceSchema<const Unit extends string>(unit: Unit) {
  return v.strictObject({ ...sizeSchema(unit, PositiveSchema).entries, scope: TextSchema });
}

const identity = {
  id: v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9-]{0,31}$/)),
  name: v.pipe(v.string(), v.trim(), v.nonEmpty(), v.maxLength(60)),
  note: v.exactOptional(TextSchema),
};

const MicrocontrollerSchema = v.strictObject({
  family: v.literal("microcontroller"),
  ...identity,
  core: v.picklist(["cortex-m0+", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "rv32imc", "lx7"]),
  cores: sizeSchema("cores"),
  clock: sizeSchema("MHz", PositiveSchema),
  flash: sizeSchema("B"),
  flashKind: v.picklist(["internal", "external"]),
  ram: sizeSchema("B"),
  activeCurrent: v.exactOptional(v.variant("unit", [priceSchema("µA/MHz"), priceSchema("mA")])),
  supply: v.exactOptional(sizeSchema("V", PositiveSchema)),
  coremarkPerMhz: v.exactOptional(sizeSchema("CoreMark/MHz", PositiveSchema)),
});

const price = v.exactOptional(priceSchema("pJ"));
const time = v.exactOptional(priceSchema("ns"));

const PricesSchema = v.strictObject({
  synapticOperationAllIn: price,
  synapticOperation: price,
  synapticOperationLinear: price,
  neuronUpdate: price,
  neuronUpdateActive: price,
  neuronUpdateInactive: price,
  spikeOut: price,
  message: price,
  hopEastWest: price,
  hopNorthSouth: price,
  randomNumber: price,
  staticPower: v.exactOptional(priceSchema("mW")),
});

const TimesSchema = v.strictObject({
  synapticOperation: time,
  neuronUpdateActive: time,
  neuronUpdateInactive: time,
  spikeOut: time,
  barrier: time,
});

const NeuromorphicSchema = v.strictObject({
  family: v.literal("neuromorphic"),
  ...identity,
  process: v.exactOptional(sizeSchema("nm")),
  cores: v.exactOptional(sizeSchema("cores")),
  neuronsPerCore: v.exactOptional(sizeSchema("neurons")),
  axonsPerCore: v.exactOptional(sizeSchema("axons")),
  synapsesPerCore: v.exactOptional(sizeSchema("synapses")),
  synapseMemory: v.exactOptional(sizeSchema("B")),
  weightBits: v.exactOptional(v.strictObject({ least: sizeSchema("bit"), most: sizeSchema("bit") })),
  convolutionWeights: v.exactOptional(
    v.strictObject({ value: v.literal("shared"), source: SourceSchema, grade: GradeSchema }),
  ),
  supportedLayers: v.exactOptional(
    v.strictObject({
      value: v.pipe(
        v.array(v.picklist(["linear", "transposedConv", "conv"])),
        v.minLength(1),
        v.maxLength(3),
      ),
      source: SourceSchema,
      grade: GradeSchema,
    }),
  ),
  prices: v.exactOptional(PricesSchema),
  times: v.exactOptional(TimesSchema),
});

export const DeviceSchema: v.GenericSchema<unknown, Device> = v.variant("family", [
  MicrocontrollerSchema,
  NeuromorphicSchema,
]);

export const ArithmeticSchema: v.GenericSchema<unknown, ArithmeticTable> = v.strictObject({
  ...identity,
  process: sizeSchema("nm"),
  multiplyInt8: priceSchema("pJ"),
  addInt8: priceSchema("pJ"),
  addInt32: priceSchema("pJ"),
  sramAccess: v.array(v.strictObject({ capacity: CountSchema, energy: priceSchema("pJ") })),
});
