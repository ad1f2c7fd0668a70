/* The device's core as Wasm, for an interpreter. */
    .section .rodata.core, "a"
    .balign 8
    .global core
core:
    .incbin "core.wasm"
core_end:
    .balign 4
    .global core_bytes
core_bytes:
    .word core_end - core
