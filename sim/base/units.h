/* Quantities as people write them (interface.md 2): 4KiB, 100ms, 2.75ns, 12.5GB/s, 0xff.
 *
 * Parsing is exact: decimals are allowed when the result is a whole number of the smallest unit. Errors are
 * ERROR_EXPERIMENT with what is wrong and what would be right; the caller adds the place. */
#ifndef SIM_BASE_UNITS_H
#define SIM_BASE_UNITS_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/base/error.h"

enum { UNITS_TEXT_BYTES = 40 };

/** B KiB MiB GiB TiB, or hexadecimal bytes; `0` alone is 0 bytes. */
bool units_parse_size(const char *text, uint64_t *bytes, struct error *error);
/** ns us ms s; `0` alone is 0 ns. */
bool units_parse_time(const char *text, uint64_t *ns, struct error *error);
/** A time down to 1 ps: 2.75ns; ns us ms s; `0` alone is 0. */
bool units_parse_cost(const char *text, uint64_t *ps, struct error *error);
/** B/s MB/s GB/s MiB/s GiB/s Gbit/s. */
bool units_parse_rate(const char *text, uint64_t *bytes_per_s, struct error *error);
/** Decimal or 0x hexadecimal, up to 2^64-1. */
bool units_parse_integer(const char *text, uint64_t *value, struct error *error);
/** An address: an integer or a size. */
bool units_parse_address(const char *text, uint64_t *bytes, struct error *error);

/* The canonical short text, which parses back to the same value. They return `text`. */
char *units_format_size(uint64_t bytes, char text[UNITS_TEXT_BYTES]); /* 4KiB, 1500B, 0B */
char *units_format_time(uint64_t ns, char text[UNITS_TEXT_BYTES]);    /* 100ms, 1500ns, 0ns */
char *units_format_cost(uint64_t ps, char text[UNITS_TEXT_BYTES]);    /* 2.75ns, 20us */
char *units_format_cost_ns(uint64_t ps,
                           char text[UNITS_TEXT_BYTES]); /* the number of ns alone: 2.75, 20000 */
char *units_format_rate(uint64_t bytes_per_s, char text[UNITS_TEXT_BYTES]); /* 12.5GB/s */
char *units_format_address(uint64_t bytes, char text[UNITS_TEXT_BYTES]);    /* 0, 0x100000000 */

#endif
