import { byId, make } from "./dom.js";

interface Receivers {
  onModel(file: File): void;
  onPicture(file: File): void;
}

/** Takes files that somebody chooses, or drops anywhere on the page: pictures by their type, all others as models. */
export function takeFiles({ onModel, onPicture }: Receivers): void {
  const take = (file: File | undefined) => {
    if (file?.type.startsWith("image/")) onPicture(file);
    else if (file) onModel(file);
  };
  const input = byId("model-file", HTMLInputElement);
  input.addEventListener("change", () => {
    take(input.files?.[0]);
    // So that the same file can be chosen again.
    input.value = "";
  });
  const root = document.documentElement;
  let depth = 0;
  const hover = (change: number) => {
    depth += change;
    root.classList.toggle("dropping", depth > 0);
  };
  addEventListener("dragenter", () => hover(1));
  addEventListener("dragleave", () => hover(-1));
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    hover(-depth);
    take(event.dataTransfer?.files[0]);
  });
}

/** Lets the browser save a file. */
export function save(name: string, content: Blob | Uint8Array): void {
  const blob = content instanceof Blob ? content : new Blob([new Uint8Array(content)]);
  const url = URL.createObjectURL(blob);
  make("a", { href: url, download: name }).click();
  // Once the browser has begun to read it.
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
