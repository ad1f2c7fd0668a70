/* The firmware needs no C library, and allocates nothing. wasm2c includes this header before every module. */
