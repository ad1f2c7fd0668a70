import { formatCount, formatShare } from "../../src/numbers.js";
import type { OpenedModel } from "../protocol.js";
import { byId, make } from "./dom.js";

const HEADS = ["Layer", "Bits", "Weights", "Bytes", "Error of weights", "Error of inputs"];

/** The quantization report of the open model, if it was quantized here. */
export class Rounding {
  readonly #place = byId("rounding", HTMLElement);
  readonly #title = byId("rounding-subtitle", HTMLElement);
  readonly #help = byId("rounding-help", HTMLElement);
  readonly #untouched = this.#help.textContent;

  show({ report, source, bits }: OpenedModel): void {
    this.#place.hidden = !report;
    if (!report) {
      this.#title.textContent = "Not here";
      this.#help.textContent = this.#untouched;
      return;
    }
    this.#title.textContent = `To ${bits} bits`;
    const origin =
      source === "checkpoint" ? "the checkpoint's weights" : "the weights of the model as it came";
    this.#help.textContent = `Errors are relative to ${origin}: of the weights themselves, and of what they add up to in a layer when pictures are made. The second is what matters.`;
    const rows = report.layers.map((layer, i) => [
      // A model file keeps no names.
      source === "checkpoint" ? layer.name : `Layer ${i + 1}`,
      String(layer.bits),
      formatCount(layer.weights),
      formatCount(layer.bytes),
      formatShare(layer.relativeError),
      formatShare(layer.relativeOutputError),
    ]);
    this.#place.replaceChildren(
      make(
        "table",
        {},
        make("thead", {}, make("tr", {}, ...HEADS.map((head) => make("th", { scope: "col" }, head)))),
        make(
          "tbody",
          {},
          ...rows.map(([name, ...cells]) =>
            make("tr", {}, make("th", { scope: "row" }, name), ...cells.map((text) => make("td", {}, text))),
          ),
        ),
      ),
    );
  }
}
