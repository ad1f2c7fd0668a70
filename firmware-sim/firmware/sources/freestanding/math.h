/* The firmware needs no C library, and the core no floating point. wasm2c writes helpers with these before every module; none
 * of them is called, so none is linked. */
#define isnan(x) ((x) != (x))

double ceil(double), fabs(double), floor(double), nearbyint(double), sqrt(double), trunc(double);
float ceilf(float), fabsf(float), floorf(float), nearbyintf(float), sqrtf(float), truncf(float);
