/* From reset to main, and the four functions of a C library that compilers call by themselves. */
#include <stdint.h>
#include <string.h>

#include "board.h"

extern uint32_t stack_bottom, stack_top, data_start, data_end, data_in_flash, bss_start, bss_end;
int main(void);

/* What the stack is filled with, so that it can be seen how deep it went. */
enum { UNTOUCHED = 0x5eed5eed };

uint32_t stack_used(void) {
  const uint32_t* deepest = &stack_bottom;
  while (deepest < &stack_top && *deepest == UNTOUCHED) deepest++;
  return (uint32_t)((uintptr_t)&stack_top - (uintptr_t)deepest);
}

/* Not turned into a call of itself. */
#define PLAIN_LOOPS __attribute__((optimize("no-tree-loop-distribute-patterns")))

PLAIN_LOOPS void* memcpy(void* destination, const void* source, size_t length) {
  uint8_t* to = destination;
  const uint8_t* from = source;
  if ((((uintptr_t)to | (uintptr_t)from) & 3) == 0) {
    for (; length >= 16; length -= 16, to += 16, from += 16) {
      ((uint32_t*)to)[0] = ((const uint32_t*)from)[0];
      ((uint32_t*)to)[1] = ((const uint32_t*)from)[1];
      ((uint32_t*)to)[2] = ((const uint32_t*)from)[2];
      ((uint32_t*)to)[3] = ((const uint32_t*)from)[3];
    }
  }
  while (length--) *to++ = *from++;
  return destination;
}

PLAIN_LOOPS void* memmove(void* destination, const void* source, size_t length) {
  uint8_t* to = destination;
  const uint8_t* from = source;
  if (to <= from) return memcpy(destination, source, length);
  while (length--) to[length] = from[length];
  return destination;
}

PLAIN_LOOPS void* memset(void* destination, int value, size_t length) {
  for (uint8_t* to = destination; length--; to++) *to = (uint8_t)value;
  return destination;
}

PLAIN_LOOPS int memcmp(const void* a, const void* b, size_t length) {
  const uint8_t* left = a;
  const uint8_t* right = b;
  for (; length--; left++, right++) {
    if (*left != *right) return *left - *right;
  }
  return 0;
}

_Noreturn void start(void) {
  const uint32_t* from = &data_in_flash;
  for (uint32_t* to = &data_start; to < &data_end;) *to++ = *from++;
  for (uint32_t* to = &bss_start; to < &bss_end;) *to++ = 0;
  for (uint32_t* to = &stack_bottom; to < (uint32_t*)__builtin_frame_address(0) - 16;) *to++ = UNTOUCHED;
  board_start();
  board_exit(main());
}

#ifdef __riscv

__attribute__((naked, used, section(".vectors"))) void reset(void) {
  __asm__ volatile("la sp, stack_top\n\ttail %0" : : "i"(start));
}

#else

static void fault(void) {
  board_log("The processor took a fault.\n");
  board_exit(3);
}

/* Stack, reset, NMI, hard fault, memory, bus and usage fault (Armv7-M architecture reference manual, B1.5.3). */
__attribute__((used, section(".vectors"))) static void* const vectors[16] = {
    &stack_top, (void*)start, (void*)fault, (void*)fault, (void*)fault, (void*)fault, (void*)fault,
};

#endif
