import * as v from "valibot";

/**
 * How sure a figure is. "printed": it stands in the named source. "derived": arithmetic on such. "weak": the source was not
 * read, or is no authority; never to be shown as fact.
 */
const GradeSchema = v.picklist(["printed", "derived", "weak"]);
export type Grade = v.InferOutput<typeof GradeSchema>;

/** How whoever published a figure got it. */
const HowSchema = v.picklist(["measured", "specified", "simulated", "unstated"]);
export type How = v.InferOutput<typeof HowSchema>;

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

/** One number of a data file, with its origin. */
export interface Figure<Unit extends string = string> {
  readonly value: number;
  readonly unit: Unit;
  readonly source: string;
  readonly grade: Grade;
  readonly how: How;
  readonly scope?: string;
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
  core: v.picklist(["cortex-m0+", "cortex-m3", "cortex-m4", "cortex-m7", "cortex-m33", "rv32imc", "lx7"]),
  cores: sizeSchema("cores"),
  clock: sizeSchema("MHz", PositiveSchema),
  flash: sizeSchema("B"),
  /** External flash is reached over SPI, through a cache if there is one. */
  flashKind: v.picklist(["internal", "external"]),
  ram: sizeSchema("B"),
  /** In mA: at `clock`. */
  activeCurrent: v.exactOptional(v.variant("unit", [priceSchema("µA/MHz"), priceSchema("mA")])),
  /** At which `activeCurrent` flows. */
  supply: v.exactOptional(sizeSchema("V", PositiveSchema)),
  coremarkPerMhz: v.exactOptional(sizeSchema("CoreMark/MHz", PositiveSchema)),
});
export type Microcontroller = v.InferOutput<typeof MicrocontrollerSchema>;

const price = v.exactOptional(priceSchema("pJ"));
const time = v.exactOptional(priceSchema("ns"));

/** Energies of single events. What is absent was not published: it is not priced, and never zero. */
const PricesSchema = v.strictObject({
  /** Everything that the chip does, by synaptic operation: no other term is added to it. */
  synapticOperationAllIn: price,
  synapticOperation: price,
  /** Of linear layers, where they have a price of their own. */
  synapticOperationLinear: price,
  /** Of any neuron, where active ones and others have the same price. */
  neuronUpdate: price,
  neuronUpdateActive: price,
  neuronUpdateInactive: price,
  /** One spike fired, wherever it goes. */
  spikeOut: price,
  /** One spike sent to one core. */
  message: price,
  hopEastWest: price,
  hopNorthSouth: price,
  randomNumber: price,
  /** Of one chip. */
  staticPower: v.exactOptional(priceSchema("mW")),
});
export type Prices = v.InferOutput<typeof PricesSchema>;

/** Durations of single events in one core; those of a core follow one another. */
const TimesSchema = v.strictObject({
  synapticOperation: time,
  neuronUpdateActive: time,
  neuronUpdateInactive: time,
  spikeOut: time,
  /** Between two time steps. */
  barrier: time,
});

const NeuromorphicSchema = v.strictObject({
  family: v.literal("neuromorphic"),
  ...identity,
  process: v.exactOptional(sizeSchema("nm")),
  /** Of one chip. */
  cores: v.exactOptional(sizeSchema("cores")),
  neuronsPerCore: v.exactOptional(sizeSchema("neurons")),
  /** Inputs of a crossbar, that all neurons of a core share. */
  axonsPerCore: v.exactOptional(sizeSchema("axons")),
  /** Where the number of synapses is fixed, whatever their width. */
  synapsesPerCore: v.exactOptional(sizeSchema("synapses")),
  /** Bytes a core for weights. */
  synapseMemory: v.exactOptional(sizeSchema("B")),
  /** Bits of one weight, with its sign. */
  weightBits: v.exactOptional(v.strictObject({ least: sizeSchema("bit"), most: sizeSchema("bit") })),
  /** "shared": neurons of one core that belong to one channel use one copy of their kernel. If absent, each synapse is stored. */
  convolutionWeights: v.exactOptional(
    v.strictObject({ value: v.literal("shared"), source: SourceSchema, grade: GradeSchema }),
  ),
  /** If absent, layers of any kind. */
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
export type Neuromorphic = v.InferOutput<typeof NeuromorphicSchema>;

/** One device file, docs/devices.md. */
export const DeviceSchema = v.variant("family", [MicrocontrollerSchema, NeuromorphicSchema]);
export type Device = v.InferOutput<typeof DeviceSchema>;

/** Energies of single arithmetic operations and memory accesses in one process. */
export const ArithmeticSchema = v.strictObject({
  ...identity,
  process: sizeSchema("nm"),
  multiplyInt8: priceSchema("pJ"),
  addInt8: priceSchema("pJ"),
  addInt32: priceSchema("pJ"),
  /** Smallest first; `capacity` in bytes, `energy` of one access to 4 bytes. */
  sramAccess: v.array(v.strictObject({ capacity: CountSchema, energy: priceSchema("pJ") })),
});
export type ArithmeticTable = v.InferOutput<typeof ArithmeticSchema>;
