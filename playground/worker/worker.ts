// Runs a model away from the page, so that the page stays responsive. One such worker looks into single images, others fill the wall.
import { SpikeletError } from "../../src/index.js";
import type { CallName, Input, Output, Reply, Request } from "../protocol.js";
import { Session } from "./session.js";

type Handlers = {
  readonly [K in CallName]: (
    input: Input<K>,
    onProgress: (share: number) => void,
  ) => Output<K> | Promise<Output<K>>;
};

const session = new Session();
const handlers: Handlers = {
  open: (file, onProgress) => session.open(file, onProgress),
  load: (spk) => session.load(spk),
  quantize: (bits, onProgress) => session.quantize(bits, onProgress),
  generate: (batch) => session.generate(batch),
  look: (look) => session.look(look),
  reconstruct: (request) => session.reconstruct(request),
  profile: (request, onProgress) => session.profile(request, onProgress),
  firmware: (target) => session.firmware(target),
};

function reply(message: Reply): void {
  postMessage(message);
}

async function answer<K extends CallName>({ id, name, input }: Request<K>): Promise<void> {
  try {
    const output = await handlers[name](input, (progress) => reply({ id, progress }));
    reply({ id, output });
  } catch (error) {
    const { message } = error instanceof Error ? error : new Error(String(error));
    reply({ id, error: error instanceof SpikeletError ? message : `unexpected: ${message}` });
  }
}

addEventListener("message", ({ data }: MessageEvent<Request>) => answer(data));
