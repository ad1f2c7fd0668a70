/* Draws COUNT images of SEED, sends each to the display as a PGM or PPM file, and a line about it to the UART. */
#include "board.h"
#include "generator.h"

static char line[256];
static char* end;

static void put_text(const char* text) {
  while (*text && end < line + sizeof line - 1) *end++ = *text++;
  *end = 0;
}

static void put_number(uint32_t value) {
  char digits[11] = {0};
  char* first = digits + 10;
  do {
    *--first = (char)('0' + value % 10);
    value /= 10;
  } while (value);
  put_text(first);
}

static void begin(const char* text) {
  end = line;
  put_text(text);
}

static void send_frame(const generator_model* info) {
  begin(info->channels == 1 ? "P5 " : "P6 ");
  put_number(info->size);
  put_text(" ");
  put_number(info->size);
  put_text(" 255\n");
  board_display(line, (uint32_t)(end - line));
  board_display(generator_pixels(), info->size * info->size * info->channels);
}

/* Instructions at which each layer began, after the one at which the image did. */
static uint32_t starts[10];
static uint32_t stages;

static void note_stage(uint32_t layer) {
  starts[layer + 1] = board_instructions();
  stages = layer + 2;
}

static void report(uint32_t index, uint32_t finish) {
  begin("image ");
  put_number(index);
  put_text(": ");
  put_number(finish - starts[0]);
  put_text(" instructions, ");
  put_number(generator_bytes_fetched());
  put_text(" bytes from flash");
  if (PROFILE) {
    put_text(", ");
    put_number(stack_used());
    put_text(" bytes of stack, stages");
    for (uint32_t stage = 0; stage < stages; stage++) {
      put_text(" ");
      put_number((stage + 1 < stages ? starts[stage + 1] : finish) - starts[stage]);
    }
  }
  put_text("\n");
  board_log(line);
}

int main(void) {
  generator_status status = generator_open();
  if (status == GENERATOR_OK) {
    const generator_model info = generator_describe();
    if (PROFILE) generator_on_layer = note_stage;
    for (uint32_t i = 0; i < COUNT && status == GENERATOR_OK; i++) {
      stages = 1;
      starts[0] = board_instructions();
      status = generator_draw(SEED_NUMBER, FIRST + i, PRIOR, info.time_steps);
      const uint32_t finish = board_instructions();
      if (status == GENERATOR_OK) {
        send_frame(&info);
        report(FIRST + i, finish);
      }
    }
  }
  if (status != GENERATOR_OK) {
    begin("The generator gave status ");
    put_number(status);
    put_text(" (generator.h).\n");
    board_log(line);
  }
  return status;
}
