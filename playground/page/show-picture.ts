import type { OpenedModel, Picture, Reconstruction } from "../protocol.js";
import { byId } from "./dom.js";
import { latest } from "./latest.js";
import { Pad } from "./pad.js";
import { imageData, paint } from "./paint.js";
import { pictureOf, readPicture } from "./picture-file.js";

interface Needs {
  /** The network's answer to a picture. */
  reconstruct(picture: Picture): Promise<Reconstruction>;
  /** The picture that is held. */
  held(): ImageData | undefined;
  onError(error: unknown): void;
}

/** A picture drawn, dropped or chosen, and what the network makes of it. */
export class ShowPicture {
  readonly #needs: Needs;
  readonly #pad: Pad;
  readonly #original = byId("original", HTMLCanvasElement);
  readonly #reconstruction = byId("reconstruction", HTMLCanvasElement);
  readonly #update: (picture: Picture) => void;
  #model: OpenedModel | undefined;
  /** Whether nobody has shown anything yet. */
  #isUntouched = true;
  /** What the network was last shown: not the pad, which is smaller than a photograph. */
  #picture: Picture;

  constructor(needs: Needs) {
    this.#needs = needs;
    this.#update = latest((picture) => this.#show(picture), needs.onError);
    this.#pad = new Pad(() => this.#take(this.#pad.picture));
    this.#picture = this.#pad.picture;
    byId("picture-file", HTMLInputElement).addEventListener("change", ({ target }) => {
      const input = target as HTMLInputElement;
      const [file] = input.files ?? [];
      if (file) this.open(file).catch(needs.onError);
      // So that the same file can be chosen again.
      input.value = "";
    });
    byId("use-held", HTMLButtonElement).addEventListener("click", () => {
      const held = needs.held();
      if (held) this.#put(held).catch(needs.onError);
    });
    byId("invert", HTMLButtonElement).addEventListener("click", () => {
      this.#pad.invert();
      this.#take(this.#pad.picture);
    });
    byId("clear", HTMLButtonElement).addEventListener("click", () => {
      this.#pad.clear();
      this.#take(this.#pad.picture);
    });
  }

  /** @throws Error if it is no picture */
  async open(file: File): Promise<void> {
    await this.#put(await readPicture(file));
  }

  /** Shows the same picture to another model; at first, the one that is held. */
  async use(model: OpenedModel): Promise<void> {
    this.#model = model;
    byId("picture-tool", HTMLElement).inert = !model.hasEncoder;
    byId("picture-buttons", HTMLElement).inert = !model.hasEncoder;
    byId("no-encoder", HTMLElement).hidden = model.hasEncoder;
    const held = this.#needs.held();
    if (this.#isUntouched && held) await this.#put(held, true);
    else this.refresh();
  }

  refresh(): void {
    this.#update(this.#picture);
  }

  async #put(data: ImageData, isExample = false): Promise<void> {
    await this.#pad.put(data, isExample);
    this.#take(pictureOf(data));
    this.#isUntouched = isExample;
  }

  #take(picture: Picture): void {
    this.#isUntouched = false;
    this.#picture = picture;
    this.#update(picture);
  }

  async #show(picture: Picture): Promise<void> {
    const model = this.#model;
    if (!model?.hasEncoder) return;
    const { original, reconstruction } = await this.#needs.reconstruct(picture);
    // Another model may have another size by now.
    if (model !== this.#model) return;
    paint(this.#original, imageData(original, model.info));
    paint(this.#reconstruction, imageData(reconstruction, model.info));
  }
}
