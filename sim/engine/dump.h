/* The tables of a domain as they stand, level by level, and what the caches of a cell hold of them.
 *
 * Equal neighbours are told as one: work grows with runs of leaves, touched tiles and cached entries, never
 * with what is mapped. Tables have no address in the model, so each is given one: the root its own size, the
 * others one after the other behind it, level by level, ascending. */
#ifndef SIM_ENGINE_DUMP_H
#define SIM_ENGINE_DUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/base/error.h"
#include "sim/base/span.h"
#include "sim/engine/inspect.h"
#include "sim/pt/pt.h"

/* An entry of the IOTLB. */
struct dump_cached {
    struct identity key;
    uint64_t set, place; /* iotlb_visit */
    uint64_t output;
    uint8_t contents; /* ENTRY_ bits */
    bool stale;       /* its leaf has gone */
    bool unseen;      /* writes pass although its leaf, which hardware manages, is clean */
};

/* An entry of the ATC of a device. */
struct dump_atc {
    uint16_t device;
    struct identity key;
    uint64_t set, age; /* 0: the newest of the set */
    uint64_t output;
    bool may_write;
    bool stale;  /* the leaf that it was filled from has gone */
    bool unseen; /* may write although its leaf is clean */
};

/* A table, or with `count` above 1 neighbours that look alike; the entries that follow are those of the
 * first. */
struct dump_table {
    unsigned level;
    bool root;
    uint64_t address; /* made up; the next tables follow */
    uint64_t count;
    uint64_t entries;   /* slots of each */
    unsigned entry_lg2; /* bytes that a slot covers */
    struct span span;   /* of all */
};

/* Neighbouring entries of a table that say the same. */
struct dump_entry {
    enum pt_kind kind;     /* PT_ABSENT only where the IOTLB still translates */
    unsigned level;        /* of the table */
    uint64_t index;        /* of the first */
    uint64_t entries;      /* in all */
    struct span span;      /* IOVA of all */
    uint64_t count;        /* leaves, tables, absent entries */
    unsigned lg2;          /* bytes of each */
    uint64_t entries_each; /* of a leaf; else 1 */
    uint64_t image;        /* of the first entry */
    uint64_t image_last;   /* of the last */
    uint64_t output;       /* of the first leaf, or made-up address of the first table */
    uint8_t leaf;          /* LEAF_ bits */
    uint64_t true_pages, missed_pages, written_pages; /* in T; of those missed by a harvest; in W */
    const struct dump_cached *const *cached;          /* IOTLB entries that translate any of this */
    size_t cached_count;
    bool pointer_cached; /* of one table: a walk cache holds the pointer */
};

/* A pointer in a walk cache. */
struct dump_pointer {
    unsigned level;   /* of the entry that holds it */
    struct span span; /* what its table covers */
    bool stands;      /* there is a table at that place */
    uint64_t address; /* its made-up address */
};

/* What the caches hold, of all domains and addresses. */
struct dump_totals {
    uint64_t cached, pointers;
    uint64_t atcs, atc_entries; /* of devices that have asked; valid ones in them */
};

/* Called in this order: tables, each with its entries; caches; cached; ATCs by device; pointers. */
struct dump_visitor {
    void *context;
    void (*table)(void *context, const struct dump_table *table);
    void (*entry)(void *context, const struct dump_entry *entry);
    void (*caches)(void *context, const struct dump_totals *totals);
    void (*cached)(void *context, const struct dump_cached *cached);
    void (*atc)(void *context, const struct dump_atc *atc);
    void (*pointer)(void *context, const struct dump_pointer *pointer);
};

/** Show what of a domain's tables overlaps `range`, then the entries of IOTLB and ATCs and, by level, the pointers there.
 * The images of neighbours told as one differ in the output address only. False: memory. */
bool dump_domain(const struct inspection *seen, uint32_t domain, struct span range,
                 const struct dump_visitor *visitor, struct error *error);

/* ---- sim/engine/dump_atcs.c ---- */

void dump_count_atcs(const struct cell *cell, struct dump_totals *totals);
bool dump_show_atcs(const struct inspection *seen, uint32_t domain, struct span range,
                    const struct dump_visitor *visitor, struct error *error);

#endif
