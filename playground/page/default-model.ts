import type { OpenedFile } from "../protocol.js";

/** Beside the page, as `spikelet playground` puts it; and where it lies in the npm package. */
const PLACES = ["model.spk", "../../models/esvae-mnist.spk"];

/**
 * The model that comes with the page.
 * @throws Error with a message for people if there is none
 */
export async function fetchDefaultModel(): Promise<OpenedFile> {
  for (const place of PLACES) {
    const response = await fetch(new URL(place, document.baseURI)).catch(() => undefined);
    // Some servers answer with a page of their own where they have no file.
    if (!response?.ok || response.headers.get("content-type")?.startsWith("text/html")) continue;
    return { name: place, bytes: new Uint8Array(await response.arrayBuffer()) };
  }
  throw new Error(
    "No model lies beside this page. Open one: a .spk file, or a checkpoint (.pth, .safetensors).",
  );
}
