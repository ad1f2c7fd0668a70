// Pieces of SVG that stands in a page: colours are the page's (report/style.ts), sizes are its units.

/** Text with what means something in HTML and SVG escaped. */
export function escapeText(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;");
}

export interface Drawing {
  /** Unique in the page. */
  readonly id: string;
  readonly width: number;
  readonly height: number;
  /** What it is, in a few words. */
  readonly title: string;
  /** What it shows, for those who do not see it. */
  readonly description: string;
  readonly parts: readonly string[];
}

/** A drawing as an image with a name and a description. */
export function drawing({ id, width, height, title, description, parts }: Drawing): string {
  return [
    `<svg viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="${id}-title ${id}-description">`,
    `<title id="${id}-title">${escapeText(title)}</title>`,
    `<desc id="${id}-description">${escapeText(description)}</desc>`,
    ...parts,
    "</svg>",
  ].join("\n");
}

/** @param attributes - such as `class="quiet"` */
export function label(
  x: number,
  y: number,
  anchor: "start" | "middle" | "end",
  text: string,
  attributes = "",
): string {
  return `<text x="${round(x)}" y="${round(y)}" text-anchor="${anchor}" ${attributes}>${escapeText(text)}</text>`;
}

export function line(path: string, attributes: string): string {
  return `<path d="${path}" ${attributes}/>`;
}

/** Rectangles of one look, as one path. */
export function cells(
  places: readonly { readonly x: number; readonly y: number }[],
  width: number,
  height: number,
  attributes: string,
): string {
  const path = places
    .map(({ x, y }) => `M${round(x)} ${round(y)}h${round(width)}v${round(height)}h${round(-width)}z`)
    .join("");
  return places.length ? line(path, attributes) : "";
}

/** Units of a drawing need no more digits. */
export function round(units: number): number {
  return Number(units.toFixed(1));
}
