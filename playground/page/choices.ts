import { make } from "./dom.js";

export interface Choice {
  readonly value: string;
  readonly label: string;
}

/** Radio buttons in a row, of which one is always chosen. */
export class Choices {
  readonly #place: HTMLElement;
  readonly #name: string;

  /** @param onChange - is told what somebody chooses */
  constructor(place: HTMLElement, onChange: (value: string) => void) {
    this.#place = place;
    this.#name = `choice-${place.id}`;
    place.addEventListener("change", () => onChange(this.value));
  }

  /** Offers these. Those that are there already stay, and with them the focus. */
  show(choices: readonly Choice[], chosen: string): void {
    const inputs = [...this.#place.querySelectorAll("input")];
    if (inputs.map(({ value }) => value).join() === choices.map(({ value }) => value).join()) {
      this.value = chosen;
      return;
    }
    this.#place.replaceChildren(
      ...choices.map(({ value, label }) =>
        make(
          "label",
          {},
          make("input", { type: "radio", name: this.#name, value, checked: value === chosen }),
          make("span", {}, label),
        ),
      ),
    );
  }

  get value(): string {
    return this.#place.querySelector<HTMLInputElement>("input:checked")?.value ?? "";
  }

  set value(value: string) {
    for (const input of this.#place.querySelectorAll("input")) input.checked = input.value === value;
  }
}
