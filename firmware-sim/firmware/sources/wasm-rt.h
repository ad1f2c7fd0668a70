/* What the C that wasm2c made of the core asks of its surroundings. It stands in place of wasm2c's own header, which is made for
 * operating systems: here a module has one memory of a fixed size, which is part of its instance, and no tables are filled. */
#ifndef WASM_RT_H
#define WASM_RT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* wasm2c pins every load with inline assembly, so that loads which would trap are not optimized away. The core has none that
 * would (test/core/hostile-model.test.ts), and a pinned 64-bit load costs registers: a fifth of all instructions on a Cortex-M4. */
#undef __GNUC__

#define LIKELY(x) __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)
#define wasm_rt_unreachable __builtin_unreachable

#define WASM_RT_USE_SEGUE 0
#define WASM_RT_SANITY_CHECKS 0
#define WASM_RT_STACK_DEPTH_COUNT 0

#define WASM_PAGE_BYTES 65536

typedef struct {
  uint32_t size;
  uint32_t pages;
  uint8_t data[WASM_PAGE_BYTES] __attribute__((aligned(8)));
} wasm_rt_memory_t;

typedef enum {
  WASM_RT_TRAP_OOB = 1,
  WASM_RT_TRAP_INT_OVERFLOW,
  WASM_RT_TRAP_DIV_BY_ZERO,
  WASM_RT_TRAP_INVALID_CONVERSION,
  WASM_RT_TRAP_UNREACHABLE,
  WASM_RT_TRAP_CALL_INDIRECT,
  WASM_RT_TRAP_EXHAUSTION
} wasm_rt_trap_t;

_Noreturn void wasm_rt_trap(wasm_rt_trap_t);

/* `make CHECKS=1` checks that every access lies inside of the memory and is aligned. Without, the core's own tests have to do.
 *
 * wasm2c cannot know that accesses are aligned. All of the core's are, and saying so keeps a compiler for a processor that wants
 * them to be (Cortex-M0+, many RISC-V) from going byte by byte, in five times the instructions. */
#ifdef CHECKS
#define WASM_RT_MEMCHECK_GUARD_PAGES 0
static inline void* wasm_rt_aligned(const void* place, size_t n) {
  if ((uintptr_t)place & (n - 1)) wasm_rt_trap(WASM_RT_TRAP_OOB);
  return (void*)place;
}
#define wasm_rt_memcpy(to, from, n) __builtin_memcpy(wasm_rt_aligned(to, n), wasm_rt_aligned(from, n), n)
#else
#define WASM_RT_MEMCHECK_GUARD_PAGES 1
#define wasm_rt_memcpy(to, from, n) \
  __builtin_memcpy(__builtin_assume_aligned(to, n), __builtin_assume_aligned(from, n), n)
#endif

#define wasm_rt_is_initialized() true
#define wasm_rt_allocate_memory(memory, initial, ...) \
  ((memory)->pages = (initial), (memory)->size = WASM_PAGE_BYTES)
#define wasm_rt_free_memory(memory) ((void)(memory))

/* Named by what wasm2c writes before every module, and not used by this one. */
typedef enum {
  WASM_RT_I32,
  WASM_RT_I64,
  WASM_RT_F32,
  WASM_RT_F64,
  WASM_RT_FUNCREF,
  WASM_RT_EXTERNREF
} wasm_rt_type_t;
typedef const char* wasm_rt_func_type_t;
typedef void (*wasm_rt_function_ptr_t)(void);
typedef struct {
  void (*fn)(void**, void*, void*);
} wasm_rt_tailcallee_t;
typedef struct {
  wasm_rt_func_type_t func_type;
  wasm_rt_function_ptr_t func;
  wasm_rt_tailcallee_t func_tailcallee;
  void* module_instance;
} wasm_rt_funcref_t;
typedef void* wasm_rt_externref_t;
typedef struct {
  wasm_rt_funcref_t* data;
  uint32_t size;
} wasm_rt_funcref_table_t;
typedef struct {
  wasm_rt_externref_t* data;
  uint32_t size;
} wasm_rt_externref_table_t;
#define wasm_rt_funcref_null_value ((wasm_rt_funcref_t){0})
#define wasm_rt_externref_null_value ((wasm_rt_externref_t)0)

#endif
