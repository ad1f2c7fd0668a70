/* The model file, as it is, in flash. */
    .section .model, "a"
    .balign 8
    .global model
model:
    .incbin "model.spk"
model_end:
    .balign 4
    .global model_bytes
model_bytes:
    .word model_end - model
