/* Images from the model in flash. One generator, no allocation; nothing here may be called from two places at once. */
#ifndef GENERATOR_H
#define GENERATOR_H

#include <stdint.h>

/* What generator_open and generator_draw give; 0 if all went well. */
typedef enum {
  GENERATOR_OK,
  GENERATOR_BAD_MODEL,    /* what lies in flash is no model */
  GENERATOR_MEMORY,       /* the model does not fit in one page of 64 KiB */
  GENERATOR_FLASH,        /* the model refers to bytes that it does not have */
  GENERATOR_BAD_ARGUMENT, /* no such prior, or too many time steps */
} generator_status;

typedef struct {
  uint32_t size;       /* rows, and columns, of an image */
  uint32_t channels;   /* 1 or 3 */
  uint32_t time_steps; /* the model was trained with, 1 to 16 */
  uint32_t priors;     /* records; those of one mixture count singly */
  uint32_t layers;     /* spiking layers of the decoder */
} generator_model;

/* Checks the model in flash and lays out memory for it. */
generator_status generator_open(void);

/* Only after generator_open has given GENERATOR_OK. */
generator_model generator_describe(void);

/* Makes image `index` of `seed` from the mixture that begins with record `prior`, in 1 to `time_steps` time steps.
 * The bits are those of every other Spikelet. */
generator_status generator_draw(uint64_t seed, uint64_t index, uint32_t prior, uint32_t time_steps);

/* (size, size, channels) pixels, 0 to 255, of the last image; valid until the next one is made. */
const uint8_t* generator_pixels(void);

/* Bytes that were read from flash for the last image. */
uint32_t generator_bytes_fetched(void);

/* Called when the work on a layer begins: 0 is the decoder's first. What comes before it is prior and sampler. */
extern void (*generator_on_layer)(uint32_t layer);

#endif
