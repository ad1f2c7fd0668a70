import { ENGINES, type Engine } from "../cost/engines.js";

// Two values each, on light and on dark paper, all at least 3:1 against it.
const STAGES = [
  ["#3b6fb6", "#7aa7e8"],
  ["#1f8a8a", "#4fc0bd"],
  ["#4d8b31", "#8bc56a"],
  ["#a87400", "#e0b040"],
  ["#c8562b", "#ef8a62"],
  ["#a8478f", "#dd86c8"],
  ["#6d5bb8", "#a797ec"],
  ["#6b7280", "#a0a7b4"],
];
const KINDS = [
  ["#33475b", "#b7c6d6"],
  ["#748ba0", "#6f8aa3"],
  ["#a0521a", "#e0964f"],
  ["#c08040", "#a8713c"],
  ["#2f7d6b", "#63b7a3"],
  ["#8a4f7d", "#c58ab8"],
];
const ENGINE = [
  ["#33475b", "#b7c6d6"],
  ["#b5651d", "#e0964f"],
];
const STEPS = [
  ["#7090be", "#56789f"],
  ["#5580b8", "#6b93c4"],
  ["#3b6fb6", "#7aa7e8"],
  ["#1f4a85", "#b5d0f5"],
];

const PALETTES = { stage: STAGES, kind: KINDS, engine: ENGINE, steps: STEPS };

function colour(palette: keyof typeof PALETTES, index: number): string {
  return `var(--${palette}${index % PALETTES[palette].length})`;
}

/** Of a stage of an image, by its number, in every plot and table. */
export const stageColour = (index: number) => colour("stage", index);
/** Of a group of kinds of instruction. */
export const kindColour = (index: number) => colour("kind", index);
export const engineColour = (engine: Engine) => colour("engine", ENGINES.indexOf(engine));
/** Of the numbers of time steps, from few to many. */
export const stepsColour = (index: number) => colour("steps", index);

function variables(scheme: 0 | 1): string {
  return Object.entries(PALETTES)
    .flatMap(([name, palette]) => palette.map((pair, i) => `--${name}${i}:${pair[scheme]}`))
    .join(";");
}

/** The page's style sheet. */
export const STYLE = `
:root{color-scheme:light dark;--paper:#fcfcfa;--ink:#1d2127;--quiet:#59626c;--rule:#dfdfd9;--axis:#8a929b;${variables(0)}}
@media(prefers-color-scheme:dark){:root{--paper:#15181c;--ink:#e6e6e1;--quiet:#a2abb5;--rule:#2d333a;--axis:#747d87;${variables(1)}}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:1120px;padding:2.5rem 1.5rem 4rem;background:var(--paper);color:var(--ink);font:1rem/1.55 system-ui,sans-serif;overflow-wrap:break-word}
h1{font-size:2rem;line-height:1.2;margin:0 0 .25rem;font-weight:650}
h2{font-size:1.3rem;margin:3.5rem 0 .5rem;padding-top:1rem;border-top:1px solid var(--rule);font-weight:650}
h3{font-size:1rem;margin:1.75rem 0 .25rem;font-weight:650}
p{max-width:44rem;margin:.5rem 0}
a{color:inherit}
:focus-visible{outline:2px solid var(--stage0);outline-offset:2px}
.quiet,figcaption,.remark,footer,ol,dt{color:var(--quiet)}
figcaption,.remark,footer,ol,.marks{font-size:.875rem}
img,image{image-rendering:pixelated}
header img{display:block;width:100%;max-width:640px;margin-top:1.25rem}
dl{display:grid;grid-template-columns:repeat(auto-fit,minmax(9.5rem,1fr));gap:1rem 1.5rem;margin:1.5rem 0}
dt{font-size:.875rem}
dd{margin:0;font-size:1.3rem;font-variant-numeric:tabular-nums}
nav ul{display:flex;flex-wrap:wrap;gap:.25rem 1rem;font-size:.9375rem;list-style:none;margin:1rem 0 0;padding:0}
figure{margin:1.5rem 0 0;min-width:0}
figcaption{margin-top:.5rem;max-width:44rem}
.pair{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,23rem),1fr));gap:.5rem 3.5rem;align-items:start}
.maps{display:grid;grid-template-columns:repeat(auto-fill,minmax(9.25rem,1fr));gap:1rem 1.25rem}
.scroll{overflow-x:auto;margin-top:.75rem}
table{border-collapse:collapse;font-size:.875rem;font-variant-numeric:tabular-nums}
caption{text-align:left;font-weight:650;padding-bottom:.35rem}
th,td{padding:.3rem 0 .3rem 1.4rem;text-align:right;white-space:nowrap;font-weight:400;border-bottom:1px solid var(--rule)}
thead th{color:var(--quiet);vertical-align:bottom}
th:first-child{text-align:left;padding-left:0;position:sticky;left:0;background:var(--paper)}
h2+.scroll caption{position:absolute;clip-path:inset(50%);width:1px;height:1px;overflow:hidden;white-space:nowrap}
sup{color:var(--quiet);font-size:.7em;margin-left:.1em;line-height:0}
abbr{text-decoration:none}
.notes{font-size:.8em}
.swatch{display:inline-block;width:.65em;height:.65em;margin-right:.5em}
details{margin-top:.75rem}
summary{cursor:pointer}
ol{padding-left:2.25rem}
li{margin:.15rem 0}
svg{display:block;width:100%;height:auto;overflow:visible}
svg text{fill:var(--ink);font-size:12.5px}
svg .quiet{fill:var(--quiet);font-size:11.5px}
svg .strong{font-weight:650}
svg .halo{paint-order:stroke;stroke:var(--paper);stroke-width:3px}
svg .rule{stroke:var(--rule);fill:none}
svg .axis{stroke:var(--axis);fill:none}
@media(max-width:30rem){body{padding:1.5rem 1rem 3rem}.pair svg text{font-size:14px}.pair svg .quiet{font-size:13px}.maps{grid-template-columns:1fr 1fr}}
@media print{.scroll{overflow:visible}}
`;
