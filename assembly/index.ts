export { decode, generate, open } from "./core/decoder";
