/**
 * How sure a figure is. "printed": it stands in the named source. "derived": arithmetic on such. "weak": known from hearsay, or
 * the source is no authority; never to be shown as fact.
 */
export type Grade = "printed" | "derived" | "weak";

/** How whoever published a figure got it. */
export type How = "measured" | "specified" | "simulated" | "unstated";

/** One number of a data file, with its origin. */
export interface Figure<Unit extends string = string> {
  /** Above 0. */
  readonly value: number;
  readonly unit: Unit;
  readonly source: string;
  readonly grade: Grade;
  readonly how: How;
  /** What is in it, such as "one term" or "all-in". */
  readonly scope?: string;
}

/** A figure that results are computed with: its scope is always said. */
export interface Price<Unit extends string = string> extends Figure<Unit> {
  readonly scope: string;
}

interface Identity {
  /** What the command line calls it. */
  readonly id: string;
  readonly name: string;
  readonly note?: string;
}

export interface Microcontroller extends Identity {
  readonly family: "microcontroller";
  readonly core: "cortex-m0+" | "cortex-m3" | "cortex-m4" | "cortex-m7" | "cortex-m33" | "rv32imc" | "lx7";
  readonly cores: Figure<"cores">;
  /** Highest. */
  readonly clock: Figure<"MHz">;
  readonly flash: Figure<"B">;
  /** External flash is reached over SPI, through a cache if there is one. */
  readonly flashKind: "internal" | "external";
  readonly ram: Figure<"B">;
  /** In mA: at `clock`. */
  readonly activeCurrent?: Price<"µA/MHz"> | Price<"mA">;
  /** At which `activeCurrent` flows. */
  readonly supply?: Figure<"V">;
  readonly coremarkPerMhz?: Figure<"CoreMark/MHz">;
}

/** Energies of single events. What is absent was not published: it is not priced, and never zero. */
export interface Prices {
  /** Everything that the chip does, by synaptic operation: no other term is added to it. */
  readonly synapticOperationAllIn?: Price<"pJ">;
  readonly synapticOperation?: Price<"pJ">;
  /** Of linear layers, where they have a price of their own. */
  readonly synapticOperationLinear?: Price<"pJ">;
  /** Of any neuron, where active ones and others have the same price. */
  readonly neuronUpdate?: Price<"pJ">;
  readonly neuronUpdateActive?: Price<"pJ">;
  readonly neuronUpdateInactive?: Price<"pJ">;
  /** One spike fired, wherever it goes. */
  readonly spikeOut?: Price<"pJ">;
  /** One spike sent to one core. */
  readonly message?: Price<"pJ">;
  readonly hopEastWest?: Price<"pJ">;
  readonly hopNorthSouth?: Price<"pJ">;
  readonly randomNumber?: Price<"pJ">;
  /** Of one chip. */
  readonly staticPower?: Price<"mW">;
}

/** Durations of single events in one core; those of a core follow one another. */
export interface Times {
  readonly synapticOperation?: Price<"ns">;
  readonly neuronUpdateActive?: Price<"ns">;
  readonly neuronUpdateInactive?: Price<"ns">;
  readonly spikeOut?: Price<"ns">;
  /** Between two time steps. */
  readonly barrier?: Price<"ns">;
}

/** Something that is not a number, with its origin. */
export interface Fact<Value> {
  readonly value: Value;
  readonly source: string;
  readonly grade: Grade;
}

export interface Neuromorphic extends Identity {
  readonly family: "neuromorphic";
  readonly process?: Figure<"nm">;
  /** Of one chip. */
  readonly cores?: Figure<"cores">;
  readonly neuronsPerCore?: Figure<"neurons">;
  /** Inputs of a crossbar, that all neurons of a core share. */
  readonly axonsPerCore?: Figure<"axons">;
  /** Where the number of synapses is fixed, whatever their width. */
  readonly synapsesPerCore?: Figure<"synapses">;
  /** Bytes a core for weights. */
  readonly synapseMemory?: Figure<"B">;
  /** Bits of one weight, with its sign. */
  readonly weightBits?: { readonly least: Figure<"bit">; readonly most: Figure<"bit"> };
  /** "shared": neurons of one core that belong to one channel use one copy of their kernel. If absent, each synapse is stored. */
  readonly convolutionWeights?: Fact<"shared">;
  /** If absent, layers of any kind. */
  readonly supportedLayers?: Fact<readonly ("linear" | "transposedConv" | "conv")[]>;
  readonly prices?: Prices;
  readonly times?: Times;
}

/** One device file, docs/devices.md. */
export type Device = Microcontroller | Neuromorphic;

/** Energies of single arithmetic operations and memory accesses in one process. */
export interface ArithmeticTable extends Identity {
  readonly process: Figure<"nm">;
  readonly multiplyInt8: Price<"pJ">;
  readonly addInt8: Price<"pJ">;
  readonly addInt32: Price<"pJ">;
  /** Smallest first; `capacity` in bytes, `energy` of one access to 4 bytes. */
  readonly sramAccess: readonly { readonly capacity: number; readonly energy: Price<"pJ"> }[];
}
