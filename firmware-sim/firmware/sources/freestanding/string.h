/* The firmware needs no C library: startup.c has these. */
#ifndef STRING_H
#define STRING_H

#include <stddef.h>

void* memcpy(void* destination, const void* source, size_t length);
void* memmove(void* destination, const void* source, size_t length);
void* memset(void* destination, int value, size_t length);
int memcmp(const void* a, const void* b, size_t length);

#endif
