#include "board.h"
#include "coremark.h"
#include "log-number.h"

enum { ITERATIONS_RUN = 20 };

/* The seeds of a performance run (CoreMark, README, "Run rules"). */
volatile ee_s32 seed1_volatile = 0;
volatile ee_s32 seed2_volatile = 0;
volatile ee_s32 seed3_volatile = 0x66;
volatile ee_s32 seed4_volatile = ITERATIONS_RUN;
volatile ee_s32 seed5_volatile = 0;
ee_u32 default_num_contexts = 1;

static uint32_t started;
static uint32_t stopped;

void start_time(void) { started = board_instructions(); }

void stop_time(void) { stopped = board_instructions(); }

CORE_TICKS get_time(void) { return stopped - started; }

/* Instructions are counted, not seconds; CoreMark only asks that it ran for ten. */
secs_ret time_in_secs(CORE_TICKS ticks) {
  (void)ticks;
  return 10;
}

/* What CoreMark reports is not needed, but for the line that says its results are right. */
int ee_printf(const char* format, ...) {
  if (format[0] == 'C' && format[8] == 'o') board_log(format);
  return 0;
}

void portable_init(core_portable* p, int* argc, char* argv[]) {
  (void)argc;
  (void)argv;
  p->portable_id = 1;
}

void portable_fini(core_portable* p) {
  p->portable_id = 0;
  board_log("instructions: ");
  log_number((stopped - started) / ITERATIONS_RUN);
  board_log("\n");
}
