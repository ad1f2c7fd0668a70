/* What the firmware needs of a board. board.c has it for QEMU and for any debugger with semihosting; on a product, write your own. */
#ifndef BOARD_H
#define BOARD_H

#include <stdint.h>

void board_start(void);

/* Sends bytes of a frame to the display. */
void board_display(const void* bytes, uint32_t length);

/* Sends text to the UART. */
void board_log(const char* text);

/* A clock that counts up and wraps. In QEMU with `-icount shift=0` an instruction takes one nanosecond, and this clock counts
 * instructions, in steps of BOARD_TICK. */
uint32_t board_instructions(void);

_Noreturn void board_exit(int status);

/* Most bytes of stack that were in use at any time so far (startup.c). */
uint32_t stack_used(void);

#endif
