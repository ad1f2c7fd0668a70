// Exit codes of the firmware, for programs; the last line on the UART is for people.

/** An argument is wrong. */
export const EXIT_ARGUMENT: u32 = 2;
/** There is no flash, or no model in it. */
export const EXIT_NO_MODEL: u32 = 3;
/** What lies in flash is not a model. */
export const EXIT_BAD_MODEL: u32 = 4;
/** The model does not fit in memory. */
export const EXIT_MEMORY: u32 = 5;
/** Flash could not be read, or gave too few bytes. */
export const EXIT_FLASH: u32 = 6;
/** The display takes no more frames. */
export const EXIT_DISPLAY: u32 = 7;
