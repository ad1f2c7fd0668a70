#include "generator.h"

#include <string.h>

#include "board.h"
#include "memory-map.h"
#include "spikelet.h"

/* The model file, in flash (model.S). */
extern const uint8_t model[];
extern const uint32_t model_bytes;

void (*generator_on_layer)(uint32_t layer);

static w2c_spikelet core;

/* The layer whose first read from flash comes next. */
static uint32_t next_layer;

static uint32_t word_at(const uint8_t* bytes) {
  uint32_t word;
  memcpy(&word, bytes, sizeof word);
  return word;
}

static uint32_t core_word(uint32_t address) { return word_at(core.w2c_memory.data + address); }

static void set_core_long(uint32_t address, uint64_t value) {
  memcpy(core.w2c_memory.data + address, &value, sizeof value);
}

static int lies_in(uint32_t offset, uint32_t start, uint32_t length) { return offset - start < length; }

/* The core comes to a layer when it first reads that layer's parameters or weights. */
static void watch_layers(uint32_t offset) {
  if (next_layer >= model[HEADER_DECODER_LAYERS]) return;
  const uint8_t* layer = model + HEADER_BYTES + next_layer * LAYER_BYTES;
  const uint32_t channels = word_at(layer + LAYER_OUT_CHANNELS) & 0xffff;
  if (lies_in(offset, word_at(layer + LAYER_PARAMETERS), channels * 4) ||
      lies_in(offset, word_at(layer + LAYER_WEIGHTS), word_at(layer + LAYER_WEIGHTS_LENGTH))) {
    generator_on_layer(next_layer++);
  }
}

/* The core's only import. It asks for no byte outside of the file, nor of its memory. */
u32 w2c_flash_read(struct w2c_flash* flash, u32 offset, u32 destination, u32 length) {
  (void)flash;
  if (generator_on_layer) watch_layers(offset);
  memcpy(core.w2c_memory.data + destination, model + offset, length);
  return 0;
}

void wasm_rt_trap(wasm_rt_trap_t trap) {
  board_log("The core trapped.\n");
  board_exit(100 + trap);
}

generator_status generator_open(void) {
  wasm2c_spikelet_instantiate(&core, 0);
  return w2c_spikelet_open(&core, model_bytes, 0);
}

generator_model generator_describe(void) {
  return (generator_model){
      .size = word_at(model + HEADER_IMAGE_SIZE) & 0xffff,
      .channels = model[HEADER_IMAGE_CHANNELS],
      .time_steps = model[HEADER_TIME_STEPS],
      .priors = model[HEADER_PRIORS],
      .layers = model[HEADER_DECODER_LAYERS],
  };
}

generator_status generator_draw(uint64_t seed, uint64_t index, uint32_t prior, uint32_t time_steps) {
  set_core_long(SEED, seed);
  set_core_long(IMAGE_INDEX, index);
  memset(core.w2c_memory.data + LEDGER_FETCHED, 0, sizeof(uint32_t));
  next_layer = 0;
  return w2c_spikelet_draw(&core, prior, time_steps, 0);
}

const uint8_t* generator_pixels(void) { return core.w2c_memory.data + core_word(PLAN_IMAGE); }

uint32_t generator_bytes_fetched(void) { return core_word(LEDGER_FETCHED); }
