export { decode, generate, open, rates, sample } from "./core/decoder";
