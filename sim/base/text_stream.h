/* Text of any length, printed to a stream in memory. */
#ifndef SIM_BASE_TEXT_STREAM_H
#define SIM_BASE_TEXT_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/** A stream whose bytes text_close leaves in *text. NULL: memory. `text` and `bytes` must outlive the stream.
 */
FILE *text_open(char **text, size_t *bytes);
/** False: memory ran out on the way, and *text is NULL; else it is whole, and to be freed with free(). */
bool text_close(FILE *stream, char **text);

#endif
