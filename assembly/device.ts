// The core for a device without a host that knows the model: it chooses a mixture's component by itself.

export { decode, generate, open } from "./core/decoder";
export { draw } from "./core/mixture";
