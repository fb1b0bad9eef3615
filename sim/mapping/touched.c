#include "sim/base/key_row.h"
#include "sim/base/memory.h"
#include "sim/base/span.h"
#include "sim/config.h"
#include "sim/mapping/mapping.h"
#include "sim/state/page_set.h"

/* Output addresses are the IOVAs' low bits (semantics.md 3). */
enum { OUTPUT_LG2 = 52 };

struct calls {
    struct config_region *items;
    size_t count, capacity;
};

/* One run of extents becomes one map call, or several where its outputs begin anew at 0. */
static bool add_run(struct calls *calls, struct span run, struct error *error)
{
    const uint64_t outputs = (UINT64_C(1) << OUTPUT_LG2) - 1;
    for (;;) {
        uint64_t last = run.first | outputs;
        last = last < run.last ? last : run.last;
        if (!memory_grow(&calls->items, &calls->capacity, calls->count + 1, sizeof *calls->items, error))
            return false;
        calls->items[calls->count++] =
            (struct config_region){run.first, last - run.first + 1, run.first & outputs};
        if (last == run.last)
            return true;
        run.first = last + 1;
    }
}

static bool map_calls(const struct cell_config *config, const struct page_set *touched, uint16_t device,
                      uint64_t last_iova, struct config_region **regions, size_t *count, struct error *error)
{
    uint64_t extent = config->mapping.extent_bytes, end = last_iova;
    struct calls calls = {0};
    struct span run = {0}, block;
    bool open = false, good = true;
    for (struct page_set_cursor at = page_set_begin(touched, device);
         good && page_set_next_run(touched, &at, &block.first, &block.last);) {
        block.first -= block.first % extent;
        if (block.first > end)
            break;
        block.last -= block.last % extent;
        block.last = block.last > end || end - block.last < extent - 1 ? end : block.last + (extent - 1);
        if (open && (block.first <= run.last || block.first == run.last + 1)) {
            run.last = block.last > run.last ? block.last : run.last;
            continue;
        }
        good = !open || add_run(&calls, run, error);
        run = block;
        open = true;
    }
    good = good && (!open || add_run(&calls, run, error));
    *regions = calls.items;
    *count = calls.count;
    return good;
}

const struct mapping_source mapping_touched = {
    .name = "touched",
    .summary = "every extent that a read or write of the trace touches, mapped to its own address (mod 2^52) before the first "
               "record",
    .needs_touched = true,
    .map_calls = map_calls,
};

/* ---- its keys ---- */

static bool is_touched(const struct cell_config *config)
{
    return config->mapping.source->needs_touched;
}

enum { PAGE_BYTES = 4096 };
static const struct key rows[] = {
    {.name = "mapping.extent",
     .type = KEY_SIZE,
     KEY_TEXT("2MiB"),
     KEY_FIELD(mapping.extent_bytes),
     .min = PAGE_BYTES,
     .multiple = PAGE_BYTES,
     KEY_USED(is_touched, "mapping.source touched"),
     .section = "3",
     .help = "aligned block that is mapped when the trace touches it"},
};

const struct key_rows keys_touched = {
    .rows = rows,
    .count = KEY_LENGTH(rows),
};
