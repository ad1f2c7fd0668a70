import * as format from "../core/format";
import { Layer } from "../core/layer-table";
import * as memory from "../core/memory";

describe("an entry of the layer table", () => {
  it("has the fields of the file where the file has them", () => {
    expect(offsetof<Layer>("kind")).toBe(format.LAYER_KIND);
    expect(offsetof<Layer>("bits")).toBe(format.LAYER_BITS);
    expect(offsetof<Layer>("inputSize")).toBe(format.LAYER_INPUT_SIZE);
    expect(offsetof<Layer>("inChannels")).toBe(format.LAYER_IN_CHANNELS);
    expect(offsetof<Layer>("outChannels")).toBe(format.LAYER_OUT_CHANNELS);
    expect(offsetof<Layer>("parameters")).toBe(format.LAYER_PARAMETERS);
    expect(offsetof<Layer>("scales")).toBe(format.LAYER_SCALES);
    expect(offsetof<Layer>("weights")).toBe(format.LAYER_WEIGHTS);
    expect(offsetof<Layer>("weightsLength")).toBe(format.LAYER_WEIGHTS_LENGTH);
    expect(offsetof<Layer>("lowest")).toBe(format.LAYER_LOWEST);
    expect(offsetof<Layer>("highest")).toBe(format.LAYER_HIGHEST);
    expect(offsetof<Layer>("shift")).toBe(format.LAYER_SHIFT);
  });

  it("has what the plan adds where the hosts read it", () => {
    expect(offsetof<Layer>("inputMap")).toBe(memory.LAYER_INPUT_MAP);
    expect(offsetof<Layer>("pixelBytes")).toBe(memory.LAYER_PIXEL_BYTES);
    expect(offsetof<Layer>("stepBytes")).toBe(memory.LAYER_STEP_BYTES);
    expect(offsetof<Layer>("sums")).toBe(memory.LAYER_SUMS);
    expect(offsetof<Layer>("unpacked")).toBe(memory.LAYER_UNPACKED);
    expect(offsetof<Layer>("sumsStep")).toBe(memory.LAYER_SUMS_STEP);
    expect(offsetof<Layer>()).toBe(memory.LAYER_STATE_BYTES);
  });
});
