#ifndef LOG_NUMBER_H
#define LOG_NUMBER_H

#include "board.h"

static inline void log_number(uint32_t value) {
  char digits[11] = {0};
  char* first = digits + 10;
  do {
    *--first = (char)('0' + value % 10);
    value /= 10;
  } while (value);
  board_log(first);
}

#endif
