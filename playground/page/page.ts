// The page: what it shows follows from a model, and from what somebody chose.
import type { WeightBits } from "../../src/index.js";
import { formatCount } from "../../src/numbers.js";
import type { ImageChoice, OpenedFile, OpenedModel } from "../protocol.js";
import { Choices } from "./choices.js";
import { Cost } from "./cost.js";
import { fetchDefaultModel } from "./default-model.js";
import { byId, make } from "./dom.js";
import { save, takeFiles } from "./files.js";
import { Filling } from "./filling.js";
import { Held } from "./held.js";
import { latest } from "./latest.js";
import { Makers } from "./makers.js";
import { Notices } from "./notices.js";
import { Remote } from "./remote.js";
import { Rounding } from "./rounding.js";
import { Seed } from "./seed.js";
import { Sharpening } from "./sharpening.js";
import { ShowPicture } from "./show-picture.js";
import { COUNTS, Wall } from "./wall.js";

/** Images that devices are priced for. */
const PRICED_IMAGES = 4;

const notices = new Notices();
/** Looks into single images; others make those of the wall, and price them. */
const looker = new Remote();
const accountant = new Remote();
const makers = new Makers();
let model: OpenedModel;

const main = byId("main", HTMLElement);
const timeSteps = byId("time-steps", HTMLInputElement);
const timeStepsValue = byId("time-steps-value", HTMLOutputElement);
const target = byId("target", HTMLSelectElement);

const wall = new Wall(
  (index) => hold(index),
  () => fill(),
);
const filling = new Filling(makers, wall);
const seed = new Seed(() => fill(), notices.fail);
const priors = new Choices(byId("priors", HTMLElement), (prior) => {
  fill();
  cost.use(prior);
});
const counts = new Choices(byId("counts", HTMLElement), () => fill());
const bits = new Choices(byId("bits", HTMLElement), (width) => quantize(Number(width) as WeightBits));
const held = new Held({
  look: (look) => looker.call("look", look),
  shape: () => model.info,
  timeSteps: () => timeSteps.valueAsNumber,
  onError: notices.fail,
});
const showPicture = new ShowPicture({
  reconstruct: (picture) => looker.call("reconstruct", { picture, timeSteps: timeSteps.valueAsNumber }),
  held: () => held.shown,
  onError: notices.fail,
});
const cost = new Cost({
  profile: (prior) => accountant.call("profile", { count: PRICED_IMAGES, prior }),
  onError: notices.fail,
});
const rounding = new Rounding();

/** An image of the wall. */
function choice(index: number): ImageChoice {
  return { seed: seed.value, index, prior: priors.value };
}

function markHeld(): void {
  for (const slot of ["a", "b"] as const) {
    const image = held.imageIn(slot);
    const isHere = image?.seed === seed.value && image.prior === priors.value;
    wall.mark(slot, isHere ? image.index : undefined);
  }
}

async function hold(index: number): Promise<void> {
  await held.hold({ [held.slot]: choice(index) }).catch(notices.fail);
  markHeld();
}

async function fill(): Promise<void> {
  timeStepsValue.value = timeSteps.value;
  const task = {
    seed: seed.value,
    prior: priors.value,
    count: Number(counts.value),
    timeSteps: timeSteps.valueAsNumber,
  };
  const filled = filling.fill(task, model.info);
  markHeld();
  try {
    const speed = await filled;
    if (speed) cost.showSpeed(speed);
  } catch (error) {
    notices.fail(error);
  }
}

/** Shows everything of a model; `isNew` if it is another one, not the same in another width. */
async function use(opened: OpenedModel, isNew: boolean): Promise<void> {
  model = opened;
  const { info, spk, widths } = opened;
  const loading = Promise.all([makers.open(spk), accountant.call("load", spk)]);
  if (isNew) {
    priors.show(
      info.priors.map((name) => ({ value: name, label: name })),
      info.priors[0],
    );
    timeSteps.max = String(info.timeSteps);
    timeSteps.valueAsNumber = info.timeSteps;
  }
  bits.show(
    widths.map((width) => ({ value: String(width), label: String(width) })),
    String(opened.bits),
  );
  const holding = isNew ? held.hold({ a: choice(0), b: choice(1) }) : held.refresh();
  await Promise.all([loading, holding]);
  const filled = fill();
  describe(opened);
  rounding.show(opened);
  cost.showSize(spk.length);
  cost.use(priors.value);
  await Promise.all([filled, showPicture.use(opened)]);
}

function describe({ info, build }: OpenedModel): void {
  const { name, imageSize, imageChannels, latentSize, bytes } = info;
  byId("model-facts", HTMLElement).replaceChildren(
    make("b", {}, name),
    ` ${imageSize}×${imageSize} pixels${imageChannels === 3 ? " in colour" : ""}, ${latentSize} latent neurons, ${formatCount(bytes)} bytes`,
  );
  byId("engine", HTMLElement).textContent =
    build === "simd"
      ? "Runs as integer WebAssembly with SIMD. The same seed gives the same bits on every machine."
      : "This browser has no WebAssembly SIMD: the plain build runs instead. It takes longer and makes the very same pictures.";
}

async function open(file: OpenedFile): Promise<void> {
  // What is asked of one model must not reach the next.
  main.inert = true;
  try {
    const opened = await notices.during(`Opening ${file.name}`, (onProgress) =>
      looker.call("open", file, onProgress),
    );
    notices.clear();
    await use(opened, true);
  } finally {
    main.inert = model === undefined;
  }
}

async function quantize(width: WeightBits): Promise<void> {
  try {
    const opened = await notices.during(`Rounding to ${width} bits`, (onProgress) =>
      looker.call("quantize", width, onProgress),
    );
    await use(opened, false);
  } catch (error) {
    bits.value = String(model.bits);
    notices.fail(error);
  }
}

/** Looks again, for other time steps, at all that is seen one by one. */
const lookAgain = latest(async () => {
  showPicture.refresh();
  await held.refresh();
  markHeld();
}, notices.fail);

const sharpening = new Sharpening(fill, () => lookAgain());
timeSteps.addEventListener("input", () => {
  sharpening.stop();
  fill();
  lookAgain();
});

takeFiles({
  onModel: async (file) => {
    const bytes = new Uint8Array(await file.arrayBuffer());
    await open({ name: file.name, bytes }).catch(notices.fail);
  },
  onPicture: (file) => showPicture.open(file).catch(notices.fail),
});
byId("save-wall", HTMLButtonElement).addEventListener("click", async () => {
  save(`${model.info.name}-wall.png`, await wall.toPng());
});
byId("save-model", HTMLButtonElement).addEventListener("click", () => {
  save(`${model.info.name}.spk`, model.spk);
});
byId("save-firmware", HTMLButtonElement).addEventListener("click", async () => {
  try {
    const zip = await accountant.call("firmware", target.value);
    save(`${model.info.name}-${target.value}.zip`, zip);
  } catch (error) {
    notices.fail(error);
  }
});

counts.show(
  COUNTS.map((count) => ({ value: String(count), label: formatCount(count) })),
  String(COUNTS[0]),
);
try {
  await open(await fetchDefaultModel());
} catch (error) {
  notices.fail(error);
}
