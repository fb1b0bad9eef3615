/* What a CSV trace has that is accepted but worth a word: one warning over the whole file. */
#ifndef TRACES_CSV_CSV_NOTES_H
#define TRACES_CSV_CSV_NOTES_H

#include <stdbool.h>
#include <stdint.h>

#include "traces/csv/csv_line.h"
#include "traces/trace.h"

enum { CSV_COLLISIONS_NAMED = 3, CSV_NOTES_BYTES = 3 * CSV_WARNING_BYTES };

/* Zeroed at first. */
struct csv_notes {
    char ignored[CSV_WARNING_BYTES];   /* columns */
    bool address;                      /* of a record that is no map */
    uint64_t addresses, hexadecimal;   /* iovas; those that look so without 0x */
    uint32_t domain_of[TRACE_DEVICES]; /* the first PCI domain of each id, + 1 */
    uint32_t collisions;               /* ids of several domains */
    struct csv_collision {
        uint16_t device;
        uint32_t domains[2];
    } named[CSV_COLLISIONS_NAMED];
    uint8_t collided[TRACE_DEVICES / 8]; /* bit per id */
    char warning[CSV_NOTES_BYTES];
};

/** Forget all: a pass over the file begins. */
void csv_notes_begin(struct csv_notes *notes);
/** See the PCI domain of a device, which is not the one seen first. */
void csv_notes_domain(struct csv_notes *notes, uint16_t device, uint32_t domain);
/** Make `warning`, "" if there is nothing to say. */
void csv_notes_write(struct csv_notes *notes, bool no_records);

#endif
