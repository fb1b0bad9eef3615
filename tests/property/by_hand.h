/* Scenarios small enough to count with a pencil, for the tests of the reference. Default cell: 4 levels, 4
 * KiB leaves, start at 0, one harvest after the last record; one record each nanosecond. */
#ifndef TESTS_PROPERTY_BY_HAND_H
#define TESTS_PROPERTY_BY_HAND_H

#include "tests/property/random_experiment.h"
#include "tests/reference/reference.h"

enum { PAGE = 4096, MIB = 1 << 20 };

struct scenario {
    struct cell_config cell;
    struct trace_store store;
    struct reference_result result;
    struct metrics m;
    const struct interval *rows;
    size_t row_count;
    uint64_t clock_ns;
    uint16_t device; /* of the records to come */
};

/** `pages` of 4 KiB mapped one to one from IOVA 0. */
struct scenario scenario(const char *model, uint64_t pages);
/** The same with source: trace and nothing mapped. */
struct scenario trace_scenario(const char *model);

void access_bytes(struct scenario *s, enum trace_op op, uint64_t iova, uint64_t bytes);
void write_page(struct scenario *s, uint64_t page);
void read_page(struct scenario *s, uint64_t page);
void mark(struct scenario *s);
/** Pages, to the output address that many pages up. */
void map_pages(struct scenario *s, enum trace_op op, uint64_t page, uint64_t count, uint64_t output_page);
void unmap_pages(struct scenario *s, uint64_t page, uint64_t count);

/** Replay; the cell must finish. */
void run(struct scenario *s);
/** Replay; the record of this index must stop the cell. */
void run_fails(struct scenario *s, uint64_t record);
void finish(struct scenario *s);

#define EXPECT(name, value)                                                                                  \
    cr_expect(s.m.name == (uint64_t)(value), #name " is %llu, by hand %llu", (unsigned long long)s.m.name,   \
              (unsigned long long)(value))

#endif
