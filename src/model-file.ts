// The one writer and the one reader of .spk files outside the core.
export { crc32 } from "./model-file/crc32.js";
export { decodeModel, type ModelOutline, outlineModel } from "./model-file/decode.js";
export { encodeModel } from "./model-file/encode.js";
