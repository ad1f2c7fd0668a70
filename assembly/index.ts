export { decode, generate, open, rates, sample } from "./decoder";
