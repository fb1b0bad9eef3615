#include "sim/cache/atc.h"

#include <string.h>

#include "sim/base/memory.h"

struct atc_row {
    struct atc_entry entry; /* lg2 0: given back */
    uint32_t older, newer;  /* in the ring of its set */
    uint32_t chain;         /* next row + 1 of the bucket, or of those given back */
};

bool atc_init(struct atc *atc, uint64_t entries, uint64_t ways, struct error *error)
{
    *atc = (struct atc){.entries = entries, .ways = ways == 0 ? entries : ways};
    if (entries == 0)
        return true;
    atc->sets = entries / atc->ways;
    atc->newest = memory_zeroed(atc->sets, sizeof *atc->newest, error);
    atc->filled = memory_zeroed(atc->sets, sizeof *atc->filled, error);
    return atc->newest && atc->filled;
}

void atc_free(struct atc *atc)
{
    memory_free(atc->rows);
    memory_free(atc->buckets);
    memory_free(atc->newest);
    memory_free(atc->filled);
    *atc = (struct atc){0};
}

/* ---- keys ---- */

static inline uint32_t *bucket_of(const struct atc *atc, unsigned lg2, uint64_t number)
{
    uint64_t hash = (number << 6 | lg2) * UINT64_C(0x9e3779b97f4a7c15);
    return &atc->buckets[hash >> 32 & (atc->bucket_count - 1)];
}

static inline uint64_t set_of(const struct atc *atc, uint64_t number)
{
    return number & (atc->sets - 1);
}

static inline uint32_t find(const struct atc *atc, unsigned lg2, uint64_t number)
{
    if (atc->count == 0)
        return 0;
    uint32_t row = *bucket_of(atc, lg2, number);
    while (row != 0 && (atc->rows[row - 1].entry.number != number || atc->rows[row - 1].entry.lg2 != lg2))
        row = atc->rows[row - 1].chain;
    return row;
}

static void enter_bucket(struct atc *atc, uint32_t row)
{
    struct atc_row *at = &atc->rows[row - 1];
    uint32_t *bucket = bucket_of(atc, at->entry.lg2, at->entry.number);
    at->chain = *bucket;
    *bucket = row;
}

static void leave_bucket(struct atc *atc, uint32_t row)
{
    const struct atc_row *at = &atc->rows[row - 1];
    uint32_t *link = bucket_of(atc, at->entry.lg2, at->entry.number);
    while (*link != row)
        link = &atc->rows[*link - 1].chain;
    *link = at->chain;
}

/* ---- rings ---- */

static void enter_ring(struct atc *atc, uint64_t set, uint32_t row)
{
    struct atc_row *rows = atc->rows;
    uint32_t first = atc->newest[set];
    if (first == 0) {
        rows[row - 1].older = rows[row - 1].newer = row;
    } else { /* between the newest and the oldest */
        uint32_t last = rows[first - 1].newer;
        rows[row - 1].older = first;
        rows[row - 1].newer = last;
        rows[first - 1].newer = rows[last - 1].older = row;
    }
    atc->newest[set] = row;
}

static void leave_ring(struct atc *atc, uint64_t set, uint32_t row)
{
    struct atc_row *rows = atc->rows;
    uint32_t older = rows[row - 1].older, newer = rows[row - 1].newer;
    rows[older - 1].newer = newer;
    rows[newer - 1].older = older;
    if (atc->newest[set] == row)
        atc->newest[set] = older == row ? 0 : older;
}

static inline void touch(struct atc *atc, uint64_t set, uint32_t row)
{
    if (atc->newest[set] == row)
        return;
    leave_ring(atc, set, row);
    enter_ring(atc, set, row);
}

/* ---- entries come and go ---- */

static void drop_row(struct atc *atc, uint32_t row)
{
    struct atc_row *at = &atc->rows[row - 1];
    uint64_t set = set_of(atc, at->entry.number);
    leave_bucket(atc, row);
    leave_ring(atc, set, row);
    at->entry.lg2 = 0;
    at->chain = atc->free_rows;
    atc->free_rows = row;
    atc->filled[set]--;
    atc->count--;
}

/* Room for one row more, and a bucket for each. */
static bool grow(struct atc *atc, struct error *error)
{
    enum { ROWS_FIRST = 16 };
    size_t buckets = atc->bucket_count ? atc->bucket_count * 2 : ROWS_FIRST;
    if (atc->used < atc->capacity && atc->used < atc->bucket_count)
        return true;
    if (!memory_grow(&atc->rows, &atc->capacity, atc->used + 1, sizeof *atc->rows, error))
        return false;
    if (atc->used < atc->bucket_count)
        return true;
    uint32_t *wider = memory_zeroed(buckets, sizeof *wider, error);
    if (!wider)
        return false;
    memory_free(atc->buckets);
    atc->buckets = wider;
    atc->bucket_count = buckets;
    for (uint32_t row = 1; row <= atc->used; row++)
        if (atc->rows[row - 1].entry.lg2 != 0)
            enter_bucket(atc, row);
    return true;
}

bool atc_lookup(struct atc *atc, unsigned lg2, uint64_t number, bool write)
{
    uint32_t row = find(atc, lg2, number);
    if (row == 0 || (write && !atc->rows[row - 1].entry.may_write))
        return false;
    touch(atc, set_of(atc, number), row);
    return true;
}

bool atc_fill(struct atc *atc, const struct atc_entry *entry, struct error *error)
{
    if (atc->entries == 0)
        return true;
    uint64_t set = set_of(atc, entry->number);
    uint32_t row = find(atc, entry->lg2, entry->number);
    if (row != 0) {
        atc->rows[row - 1].entry = *entry;
        touch(atc, set, row);
        return true;
    }
    if (atc->filled[set] == atc->ways)
        drop_row(atc, atc->rows[atc->newest[set] - 1].newer);
    if (atc->free_rows != 0) {
        row = atc->free_rows;
        atc->free_rows = atc->rows[row - 1].chain;
    } else {
        if (!grow(atc, error))
            return false;
        row = ++atc->used;
    }
    atc->rows[row - 1].entry = *entry;
    enter_bucket(atc, row);
    enter_ring(atc, set, row);
    atc->filled[set]++;
    atc->count++;
    return true;
}

static void drop_numbers(struct atc *atc, struct span span, unsigned lg2)
{
    for (uint64_t number = span.first >> lg2; number <= span.last >> lg2; number++) {
        uint32_t row = find(atc, lg2, number);
        if (row != 0)
            drop_row(atc, row);
    }
}

/* By the keys that overlap, or entry by entry, whichever is less. */
void atc_drop(struct atc *atc, struct span span, uint64_t sizes)
{
    uint64_t keys = 0;
    if (atc->count == 0)
        return;
    for (uint64_t left = sizes; left != 0 && keys < atc->used; left &= left - 1) {
        unsigned lg2 = (unsigned)__builtin_ctzll(left);
        keys += (span.last >> lg2) - (span.first >> lg2) + 1;
    }
    if (keys < atc->used) {
        for (; sizes != 0; sizes &= sizes - 1)
            drop_numbers(atc, span, (unsigned)__builtin_ctzll(sizes));
        return;
    }
    for (uint32_t row = 1; row <= atc->used; row++) {
        const struct atc_entry *entry = &atc->rows[row - 1].entry;
        uint64_t first = entry->number << entry->lg2;
        if (entry->lg2 != 0 && first <= span.last &&
            (first | ((UINT64_C(1) << entry->lg2) - 1)) >= span.first)
            drop_row(atc, row);
    }
}

void atc_drop_all(struct atc *atc)
{
    if (atc->used == 0)
        return;
    for (uint32_t row = 1; row <= atc->used && atc->count > 0; row++) {
        const struct atc_entry *entry = &atc->rows[row - 1].entry;
        if (entry->lg2 == 0)
            continue;
        uint64_t set = set_of(atc, entry->number);
        *bucket_of(atc, entry->lg2, entry->number) = 0;
        atc->newest[set] = atc->filled[set] = 0;
        atc->count--;
    }
    atc->used = atc->free_rows = 0;
}

void atc_visit(const struct atc *atc,
               void (*visit)(void *context, const struct atc_entry *entry, uint64_t set, uint64_t age),
               void *context)
{
    for (uint64_t set = 0; set < atc->sets && atc->count > 0; set++) {
        uint32_t row = atc->newest[set];
        for (uint64_t age = 0; age < atc->filled[set]; age++) {
            visit(context, &atc->rows[row - 1].entry, set, age);
            row = atc->rows[row - 1].older;
        }
    }
}
