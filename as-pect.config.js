// The core's arithmetic, tested inside Wasm: `npx asp --summary`.
export default {
  entries: ["assembly/__tests__/*.spec.ts"],
  include: [],
  disclude: [/node_modules/],
  async instantiate(memory, createImports, instantiate, binary) {
    /** Where tests put what the core is to find in flash. */
    const FLASH = 65536;
    const read = (offset, destination, length) => {
      new Uint8Array(memory.buffer).copyWithin(destination, FLASH + offset, FLASH + offset + length);
      return 0;
    };
    return instantiate(binary, createImports({ env: { memory }, flash: { read } }));
  },
  outputBinary: false,
};
