#include "board.h"

#include <string.h>

/* Semihosting ("Semihosting for AArch32 and AArch64", Arm; RISC-V uses the same calls): the debugger, or QEMU, does it. */
enum { SYS_OPEN = 1, SYS_WRITE = 5, SYS_EXIT_EXTENDED = 0x20 };
enum { MODE_WRITE_BINARY = 5, MODE_APPEND_BINARY = 9 }; /* of ":tt": standard output, standard error */
enum { ADP_STOPPED_APPLICATION_EXIT = 0x20026 };

static uintptr_t call_host(uintptr_t operation, const void* parameters) {
#ifdef __riscv
  register uintptr_t a0 __asm__("a0") = operation;
  register const void* a1 __asm__("a1") = parameters;
  __asm__ volatile(
      ".option push\n.option norvc\n.balign 16\n"
      "slli zero, zero, 0x1f\nebreak\nsrai zero, zero, 7\n.option pop"
      : "+r"(a0)
      : "r"(a1)
      : "memory");
  return a0;
#else
  register uintptr_t r0 __asm__("r0") = operation;
  register const void* r1 __asm__("r1") = parameters;
  __asm__ volatile("bkpt 0xab" : "+r"(r0) : "r"(r1) : "memory");
  return r0;
#endif
}

static uintptr_t display;
static uintptr_t uart;

static uintptr_t open_console(uintptr_t mode) {
  static const char name[] = ":tt";
  const uintptr_t parameters[] = {(uintptr_t)name, mode, sizeof name - 1};
  return call_host(SYS_OPEN, parameters);
}

static void write_to(uintptr_t handle, const void* bytes, uint32_t length) {
  const uintptr_t parameters[] = {handle, (uintptr_t)bytes, length};
  call_host(SYS_WRITE, parameters);
}

void board_display(const void* bytes, uint32_t length) { write_to(display, bytes, length); }

void board_log(const char* text) {
  uint32_t length = 0;
  while (text[length]) length++;
  write_to(uart, text, length);
}

void board_exit(int status) {
  const uintptr_t parameters[] = {ADP_STOPPED_APPLICATION_EXIT, (uintptr_t)status};
  call_host(SYS_EXIT_EXTENDED, parameters);
  for (;;) {
  }
}

#ifdef __riscv

static void start_clock(void) {}

uint32_t board_instructions(void) {
  uint32_t count;
  __asm__ volatile(".option push\n.option arch, +zicsr\ncsrr %0, instret\n.option pop" : "=r"(count));
  return count;
}

#else

/* Timer 0 of the Arm MPS2 and MPS2+ boards (CMSDK APB timer, Arm DDI 0479), which counts down at 25 MHz: 40 ns a tick. */
#define TIMER ((volatile uint32_t*)TIMER_ADDRESS)
enum { TIMER_CONTROL, TIMER_VALUE, TIMER_RELOAD };

static void start_clock(void) {
  TIMER[TIMER_RELOAD] = 0xffffffff;
  TIMER[TIMER_VALUE] = 0xffffffff;
  TIMER[TIMER_CONTROL] = 1;
}

uint32_t board_instructions(void) { return ~TIMER[TIMER_VALUE] * BOARD_TICK; }

#endif

void board_start(void) {
  display = open_console(MODE_WRITE_BINARY);
  uart = open_console(MODE_APPEND_BINARY);
  start_clock();
}
