import type { Frame } from "../../firmware-sim/simulator/frames.js";

/** From dark to light. */
const SHADES = " .:-=+*#%@";
/** Columns between two pictures. */
const GAP = 2;

type Colour = readonly [red: number, green: number, blue: number];

function pixelAt({ pixels, width, height, channels }: Frame, x: number, y: number): Colour {
  if (y >= height) return [0, 0, 0];
  const at = (y * width + x) * channels;
  return channels === 1 ? [pixels[at], pixels[at], pixels[at]] : [pixels[at], pixels[at + 1], pixels[at + 2]];
}

/** One line of text for rows 2 · line and the one below, as coloured half blocks. */
function colouredLine(frame: Frame, line: number): string {
  let text = "";
  for (let x = 0; x < frame.width; x++) {
    const upper = pixelAt(frame, x, 2 * line).join(";");
    const lower = pixelAt(frame, x, 2 * line + 1).join(";");
    text += `\x1b[38;2;${upper}m\x1b[48;2;${lower}m▀`;
  }
  return `${text}\x1b[0m`;
}

/** The same in characters that are darker or lighter: for files and pipes. */
function shadedLine(frame: Frame, line: number): string {
  let text = "";
  for (let x = 0; x < frame.width; x++) {
    const colours = [...pixelAt(frame, x, 2 * line), ...pixelAt(frame, x, 2 * line + 1)];
    const mean = colours.reduce((sum, value) => sum + value, 0) / colours.length;
    text += SHADES[Math.min(SHADES.length - 1, Math.floor((mean * SHADES.length) / 256))];
  }
  return text;
}

/**
 * Images as text, side by side as far as there is room.
 * @param columns - of the terminal
 * @param inColour - for a terminal that shows colours; else characters of different darkness
 */
export function drawAsText(frames: readonly Frame[], columns: number, inColour: boolean): string {
  const lines: string[] = [];
  const lineOf = inColour ? colouredLine : shadedLine;
  for (let from = 0; from < frames.length; ) {
    let to = from + 1;
    let width = frames[from].width;
    while (to < frames.length && width + GAP + frames[to].width <= columns) width += GAP + frames[to++].width;
    const row = frames.slice(from, to);
    const height = Math.max(...row.map((frame) => Math.ceil(frame.height / 2)));
    for (let line = 0; line < height; line++) {
      lines.push(
        row
          .map((frame) => lineOf(frame, line))
          .join(" ".repeat(GAP))
          .trimEnd(),
      );
    }
    from = to;
  }
  return lines.join("\n");
}
