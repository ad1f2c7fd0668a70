// The one writer and the one reader of .spk files outside the core.
export { crc32 } from "./crc32.js";
export { decodeModel, type ModelOutline, outlineModel } from "./decode.js";
export { encodeModel } from "./encode.js";
