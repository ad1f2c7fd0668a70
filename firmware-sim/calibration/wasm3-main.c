/* The device's core in the interpreter wasm3, on the firmware's board: instructions of each stage of image 0 of seed 1. The
 * interpreter needs a C library for malloc and strings; only what it executes is counted. */
#include <string.h>

#include "board.h"
#include "log-number.h"
#include "m3_env.h"
#include "memory-map.h"
#include "wasm3.h"

extern const uint8_t model[], core[];
extern const uint32_t model_bytes, core_bytes;

/* wasm3-library.c */
uint32_t heap_used(void);

static uint32_t starts[10];
static uint32_t stages;

static uint32_t word_at(const uint8_t* bytes) {
  uint32_t word;
  memcpy(&word, bytes, sizeof word);
  return word;
}

static int lies_in(uint32_t offset, uint32_t start, uint32_t length) { return offset - start < length; }

static void watch_layers(uint32_t offset) {
  const uint32_t next = stages - 1;
  if (next >= model[HEADER_DECODER_LAYERS]) return;
  const uint8_t* layer = model + HEADER_BYTES + next * LAYER_BYTES;
  const uint32_t channels = word_at(layer + LAYER_OUT_CHANNELS) & 0xffff;
  if (lies_in(offset, word_at(layer + LAYER_PARAMETERS), channels * 4) ||
      lies_in(offset, word_at(layer + LAYER_WEIGHTS), word_at(layer + LAYER_WEIGHTS_LENGTH))) {
    starts[stages++] = board_instructions();
  }
}

m3ApiRawFunction(flash_read) {
  m3ApiReturnType(uint32_t);
  m3ApiGetArg(uint32_t, offset);
  m3ApiGetArg(uint32_t, destination);
  m3ApiGetArg(uint32_t, length);
  if (stages) watch_layers(offset);
  memcpy((uint8_t*)_mem + destination, model + offset, length);
  m3ApiReturn(0);
}

static void check(M3Result result) {
  if (!result) return;
  board_log(result);
  board_log("\n");
  board_exit(1);
}

int main(void) {
  IM3Environment environment = m3_NewEnvironment();
  IM3Runtime runtime = m3_NewRuntime(environment, 4096, 0);
  IM3Module module;
  IM3Function open, draw;
  uint32_t status, bytes;
  check(m3_ParseModule(environment, &module, core, core_bytes));
  check(m3_LoadModule(runtime, module));
  check(m3_LinkRawFunction(module, "flash", "read", "i(iii)", &flash_read));
  check(m3_FindFunction(&open, runtime, "open"));
  check(m3_FindFunction(&draw, runtime, "draw"));
  check(m3_CallV(open, model_bytes, 0));
  check(m3_GetResultsV(open, &status));
  uint32_t* words = (uint32_t*)m3_GetMemory(runtime, &bytes, 0);
  words[SEED / 4] = 1;
  /* wasm3 compiles a function when it is first called: the second image is the one that counts. */
  for (int run = 0; run < 2 && !status; run++) {
    stages = 1;
    starts[0] = board_instructions();
    check(m3_CallV(draw, 0, (uint32_t)model[HEADER_TIME_STEPS], 0));
    starts[stages] = board_instructions();
    check(m3_GetResultsV(draw, &status));
  }
  board_log("instructions:");
  for (uint32_t stage = 0; stage < stages; stage++) {
    board_log(" ");
    log_number(starts[stage + 1] - starts[stage]);
  }
  board_log("\nmemory: ");
  log_number(heap_used());
  board_log(" ");
  log_number(stack_used());
  board_log("\n");
  return status;
}
