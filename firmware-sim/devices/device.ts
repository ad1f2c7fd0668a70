// What may stand in a device file (docs/devices.md): the types are what the schemas let through.

import * as v from "valibot";

/**
 * How sure a figure is. "printed": it stands in the named source. "derived": arithmetic on such. "weak": known from hearsay, or
 * the source is no authority; never to be shown as fact.
 */
export type Grade = v.InferOutput<typeof GradeSchema>;
const GradeSchema = v.picklist(["printed", "derived", "weak"]);

/**
 * How whoever published a figure got it. "fitted": chosen so that a simulation meets what was measured of whole runs; one such
 * figure alone was never measured.
 */
export type How = v.InferOutput<typeof HowSchema>;
const HowSchema = v.picklist(["measured", "specified", "simulated", "fitted", "unstated"]);

const TextSchema = v.pipe(v.string(), v.trim(), v.nonEmpty(), v.maxLength(400));
const SourceSchema = v.pipe(TextSchema, v.description("document, and table or page, or URL"));
// Zero is no figure: what nobody published is left out.
const PositiveSchema = v.pipe(v.number(), v.finite(), v.gtValue(0));
const CountSchema = v.pipe(v.number(), v.safeInteger(), v.minValue(1));

function figureSchema<const Unit extends string>(unit: Unit, value: v.GenericSchema<number> = CountSchema) {
  return v.strictObject({
    /** Above 0. */
    value,
    unit: v.literal(unit),
    source: SourceSchema,
    grade: GradeSchema,
    how: HowSchema,
    /** What is in it, where that could be mistaken, such as "one term" or "all-in". */
    scope: v.exactOptional(TextSchema),
  });
}

function priceSchema<const Unit extends string>(unit: Unit) {
  return v.strictObject({ ...figureSchema(unit, PositiveSchema).entries, scope: TextSchema });
}

/** One number of a data file, with its origin. */
export type Figure<Unit extends string = string> = v.InferOutput<ReturnType<typeof figureSchema<Unit>>>;

/** A figure that results are computed with: its scope is always said. */
export type Price<Unit extends string = string> = v.InferOutput<ReturnType<typeof priceSchema<Unit>>>;

/** Something that is not a number, with its origin. */
export interface Fact<Value> {
  readonly value: Value;
  readonly source: string;
  readonly grade: Grade;
}

function factSchema<Value>(value: v.GenericSchema<Value>) {
  return v.strictObject({ value, source: SourceSchema, grade: GradeSchema });
}

const identity = {
  /** What the command line calls it. */
  id: v.pipe(v.string(), v.regex(/^[a-z0-9][a-z0-9-]{0,31}$/)),
  name: v.pipe(v.string(), v.trim(), v.nonEmpty(), v.maxLength(60)),
  note: v.exactOptional(TextSchema),
};

const MicrocontrollerSchema = v.strictObject({
  family: v.literal("microcontroller"),
  ...identity,
  core: v.picklist([
    "cortex-m0+",
    "cortex-m3",
    "cortex-m4",
    "cortex-m7",
    "cortex-m33",
    "cortex-m55",
    "rv32imc",
    "lx7",
  ]),
  cores: figureSchema("cores"),
  /** Highest. */
  clock: figureSchema("MHz", PositiveSchema),
  flash: figureSchema("B"),
  /** External flash is reached over SPI, through a cache if there is one. */
  flashKind: v.picklist(["internal", "external"]),
  ram: figureSchema("B"),
  /** In mA: at `clock`. */
  activeCurrent: v.exactOptional(v.variant("unit", [priceSchema("µA/MHz"), priceSchema("mA")])),
  /** At which `activeCurrent` flows. */
  supply: v.exactOptional(figureSchema("V", PositiveSchema)),
  coremarkPerMhz: v.exactOptional(figureSchema("CoreMark/MHz", PositiveSchema)),
});

const energy = v.exactOptional(priceSchema("pJ"));
const time = v.exactOptional(priceSchema("ns"));

const PricesSchema = v.strictObject({
  /** Everything that events cost, by synaptic operation: only static and clock power are added to it, if the file has them. */
  synapticOperationAllIn: energy,
  synapticOperation: energy,
  /** Of linear layers, where they have a price of their own. */
  synapticOperationLinear: energy,
  /** Of any neuron, where active ones and others have the same price. */
  neuronUpdate: energy,
  neuronUpdateActive: energy,
  neuronUpdateInactive: energy,
  /** One spike fired, wherever it goes. */
  spikeOut: energy,
  /** One spike sent to one core. */
  message: energy,
  hopEastWest: energy,
  hopNorthSouth: energy,
  randomNumber: energy,
  /** Of one chip. */
  staticPower: v.exactOptional(priceSchema("mW")),
  /** Of one chip whose clock runs and that does nothing else: at `clock`, beside the static power. */
  clockPower: v.exactOptional(priceSchema("µW/MHz")),
});

const TimesSchema = v.strictObject({
  synapticOperation: time,
  neuronUpdateActive: time,
  neuronUpdateInactive: time,
  spikeOut: time,
  /** Between two time steps. */
  barrier: time,
});

const LayerKindsSchema = v.pipe(
  v.array(v.picklist(["linear", "transposedConv", "conv"])),
  v.minLength(1),
  v.maxLength(3),
);

const NeuromorphicSchema = v.strictObject({
  family: v.literal("neuromorphic"),
  ...identity,
  process: v.exactOptional(figureSchema("nm")),
  /** Of one chip. */
  cores: v.exactOptional(figureSchema("cores")),
  neuronsPerCore: v.exactOptional(figureSchema("neurons")),
  /** Needed with `clockPower`. */
  clock: v.exactOptional(figureSchema("MHz", PositiveSchema)),
  /** Neurons elsewhere whose spikes a core can receive; checked where each synapse is stored. */
  inputAxonsPerCore: v.exactOptional(figureSchema("axons")),
  /** One for each neuron of a core and each core that it sends spikes to; checked where each synapse is stored. */
  outputAxonsPerCore: v.exactOptional(figureSchema("axons")),
  /** Inputs of a crossbar, that all neurons of a core share. */
  axonsPerCore: v.exactOptional(figureSchema("axons")),
  /** Where the number of synapses is fixed, whatever their width. */
  synapsesPerCore: v.exactOptional(figureSchema("synapses")),
  /** Bytes a core for weights. */
  synapseMemory: v.exactOptional(figureSchema("B")),
  /** Bits of one weight, with its sign. */
  weightBits: v.exactOptional(v.strictObject({ least: figureSchema("bit"), most: figureSchema("bit") })),
  /** "shared": neurons of one core that belong to one channel use one copy of their kernel. If absent, each synapse is stored. */
  convolutionWeights: v.exactOptional(factSchema(v.literal("shared"))),
  /** If absent, layers of any kind. */
  supportedLayers: v.exactOptional(factSchema(LayerKindsSchema)),
  prices: v.exactOptional(PricesSchema),
  times: v.exactOptional(TimesSchema),
});

export interface Microcontroller extends v.InferOutput<typeof MicrocontrollerSchema> {}

/** Energies of single events. What is absent was not published: it is not priced, and never zero. */
export interface Prices extends v.InferOutput<typeof PricesSchema> {}

/** Durations of single events in one core; those of a core follow one another. */
export interface Times extends v.InferOutput<typeof TimesSchema> {}

export interface Neuromorphic extends v.InferOutput<typeof NeuromorphicSchema> {}

/** One device file, docs/devices.md. */
export type Device = Microcontroller | Neuromorphic;

export const DeviceSchema = v.variant("family", [MicrocontrollerSchema, NeuromorphicSchema]);

export const ArithmeticSchema = v.strictObject({
  ...identity,
  process: figureSchema("nm"),
  multiplyInt8: priceSchema("pJ"),
  multiplyInt32: priceSchema("pJ"),
  addInt8: priceSchema("pJ"),
  addInt32: priceSchema("pJ"),
  /** Smallest first; `capacity` in bytes, `energy` of one access to 4 bytes. */
  sramAccess: v.array(v.strictObject({ capacity: CountSchema, energy: priceSchema("pJ") })),
});

/** Energies of single arithmetic operations and memory accesses in one process. */
export interface ArithmeticTable extends v.InferOutput<typeof ArithmeticSchema> {}
