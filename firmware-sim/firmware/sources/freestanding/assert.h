/* The firmware needs no C library. wasm2c includes this header for a check that is always true here. */
#define assert(condition) ((void)0)
