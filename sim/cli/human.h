/* Numbers for people: at most four digits and a unit. The CSV files have the exact ones. */
#ifndef SIM_CLI_HUMAN_H
#define SIM_CLI_HUMAN_H

#include <stddef.h>
#include <stdint.h>

enum { HUMAN_BYTES = 48 };

void human_count(double count, char text[HUMAN_BYTES]);     /* "38.1 M" */
void human_bytes(uint64_t bytes, char text[HUMAN_BYTES]);   /* "4KiB", "1.5GiB" */
void human_ns(uint64_t ns, char text[HUMAN_BYTES]);         /* "81.2us" */
void human_seconds(double seconds, char text[HUMAN_BYTES]); /* "2m10s" */
/** A parameter as results.csv has it, with the unit of its column: "4096+2097152" bytes -> "4KiB+2MiB",
 *  exactly and as sim/base/units.h writes it. */
void human_parameter(const char *value, const char *unit, char *text, size_t text_bytes);

#endif
