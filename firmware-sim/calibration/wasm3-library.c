/* What newlib asks of a board: a heap. */
#include <stddef.h>
#include <stdint.h>

#include "board.h"

static uint8_t heap[512 * 1024] __attribute__((aligned(8)));

static size_t used;

uint32_t heap_used(void) { return used; }

void* _sbrk(ptrdiff_t bytes) {
  if (used + (size_t)bytes > sizeof heap) return (void*)-1;
  used += (size_t)bytes;
  return heap + used - bytes;
}

_Noreturn void _exit(int status) { board_exit(status); }

int _kill(int process, int signal) { return process - signal; }

int _getpid(void) { return 1; }

int _write(int file, const void* bytes, size_t length) {
  (void)file;
  (void)bytes;
  return (int)length;
}

int _close(int file) { return file; }

int _read(int file, void* bytes, size_t length) {
  (void)file;
  (void)bytes;
  (void)length;
  return 0;
}

int _lseek(int file, int offset, int from) { return file + offset + from; }

int _fstat(int file, void* status) {
  (void)file;
  (void)status;
  return -1;
}

int _isatty(int file) { return file >= 0; }
