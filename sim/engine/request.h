/* One request in order, for the files of the engine that take one apart (semantics.md 4, 5, 9 and 10). */
#ifndef SIM_ENGINE_REQUEST_H
#define SIM_ENGINE_REQUEST_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/engine/cell.h"

/* A request and what the tables say of its page now. */
struct request {
    uint32_t page; /* dense */
    bool write;    /* permission to write is asked for */
    bool writes;   /* and needed: it is the write of a record */
    const struct tile *tile;
    uint64_t address; /* of the page */
    unsigned lg2;     /* of the leaf; 0: not mapped */
    uint32_t head;

    uint32_t answer;  /* after request_translate: the tag that an entry has or would have */
    uint8_t contents; /* its ENTRY_ bits */
};

/** `key`: dense page << 1 | whether permission to write is asked for. */
struct request request_of(const struct leaves *leaves, uint32_t key);
/** 4.1 to 4.5. False: it faults, which is counted, and is dropped. */
bool request_translate(struct cell *cell, struct request *request);
/** A cached entry lets the request pass: does it write to a leaf that the timed harvest under way has cleaned (13)? */
void request_note_sneak(struct cell *cell, const struct request *request);
/** The write of a record succeeds. */
void request_written(struct cell *cell, const struct request *request);

#endif
