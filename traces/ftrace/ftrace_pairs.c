#include "traces/ftrace/ftrace_pairs.h"

#include <string.h>

#include "sim/base/memory.h"

enum {
    PLACES = 8192, /* events that wait, of all tasks; a longer scatter list is not told from others */
    SETS = 512,    /* of tasks */
    WAYS = 4,
    LOOKED_AT = 64, /* that many events of the task later another one is not near any more */
    LEAST_GRANULE = 4096,
    MOST_GRANULE = 65536,
};

enum chain { CHAIN_MAPS, CHAIN_UNMAPS, CHAIN_EXPECTED, CHAINS };

/* Places are numbered from 1 on as they are taken, one behind the other in a ring. */
struct place {
    uint64_t before; /* the next older one of its chain, or 0 */
    bool free;
    union {
        struct ftrace_waiting waiting;
        struct ftrace_unmap unmap;
    };
};

struct task {
    uint64_t context, used;
    uint64_t newest[CHAINS]; /* 0: none */
    struct ftrace_open open;
};

struct ftrace_pairs {
    uint64_t next, uses;
    uint64_t granule;
    struct task tasks[SETS][WAYS];
    struct place places[PLACES];
};

struct ftrace_pairs *ftrace_pairs_new(struct error *error)
{
    struct ftrace_pairs *pairs = memory_zeroed(1, sizeof *pairs, error);
    if (pairs)
        ftrace_pairs_clear(pairs);
    return pairs;
}

void ftrace_pairs_free(struct ftrace_pairs *pairs)
{
    memory_free(pairs);
}

void ftrace_pairs_clear(struct ftrace_pairs *pairs)
{
    memset(pairs->tasks, 0, sizeof pairs->tasks);
    pairs->next = 1;
    pairs->uses = 0;
    pairs->granule = MOST_GRANULE;
}

/* ---- tasks and their chains ---- */

static struct task *task_of(struct ftrace_pairs *pairs, uint64_t context)
{
    struct task *set = pairs->tasks[(context * UINT64_C(0x9e3779b97f4a7c15)) >> 55], *oldest = set;
    pairs->uses++;
    for (unsigned way = 0; way < WAYS; way++) {
        if (set[way].used > 0 && set[way].context == context) {
            set[way].used = pairs->uses;
            return &set[way];
        }
        if (set[way].used < oldest->used)
            oldest = &set[way];
    }
    *oldest = (struct task){.context = context, .used = pairs->uses};
    return oldest;
}

static struct place *place_at(struct ftrace_pairs *pairs, uint64_t number)
{
    return &pairs->places[number % PLACES];
}

static struct place *take_place(struct ftrace_pairs *pairs, uint64_t *newest)
{
    struct place *place = place_at(pairs, pairs->next);
    *place = (struct place){.before = *newest};
    *newest = pairs->next++;
    return place;
}

static bool near(uint64_t time_ns, uint64_t other_ns)
{
    return (time_ns > other_ns ? time_ns - other_ns : other_ns - time_ns) <= LOG_ORDER_WINDOW_NS;
}

static uint64_t place_time(const struct place *place, enum chain chain)
{
    return chain == CHAIN_EXPECTED ? place->unmap.time_ns : place->waiting.time_ns;
}

/* From place `*number` of a chain on, the first that is not free; NULL behind the last one in the window. */
static struct place *next_place(struct ftrace_pairs *pairs, enum chain chain, uint64_t *number,
                                uint64_t time_ns)
{
    while (*number != 0 && *number + PLACES >= pairs->next) {
        struct place *place = place_at(pairs, *number);
        if (!near(time_ns, place_time(place, chain)))
            break;
        if (!place->free)
            return place;
        *number = place->before;
    }
    return NULL;
}

/* Free ones at the newest end are in nobody's way any longer. */
static void release(struct ftrace_pairs *pairs, uint64_t *newest, struct place *place)
{
    place->free = true;
    while (*newest != 0 && *newest + PLACES >= pairs->next && place_at(pairs, *newest)->free)
        *newest = place_at(pairs, *newest)->before;
}

/* ---- pages ---- */

static uint64_t down(uint64_t address, uint64_t granule)
{
    return address & ~(granule - 1);
}

/* The last byte of the pages that end a range. */
static uint64_t last_of(uint64_t iova, uint64_t bytes, uint64_t granule)
{
    uint64_t last = bytes == 0 ? iova : iova + (bytes - 1);
    return (last < iova ? UINT64_MAX : last) | (granule - 1);
}

/* Whether `iova` and `bytes` are just the pages of the range, for some granule that may be the IOMMU's. */
static bool exactly(const struct ftrace_pairs *pairs, uint64_t iova, uint64_t bytes, uint64_t range_iova,
                    uint64_t range_bytes)
{
    for (uint64_t granule = LEAST_GRANULE; granule <= pairs->granule; granule *= 4)
        if (iova == down(range_iova, granule) &&
            iova + (bytes - 1) == last_of(range_iova, range_bytes, granule))
            return true;
    return false;
}

/* Whether `iova` and `bytes` lie in pages of the event's ranges, which are in order of addresses. */
static bool inside(const struct ftrace_pairs *pairs, uint64_t iova, uint64_t bytes,
                   const struct ftrace_event *event)
{
    uint64_t from = iova, last = iova + (bytes - 1);
    for (unsigned i = 0; i < event->count; i++) {
        const struct ftrace_range *range = &event->ranges[i];
        uint64_t range_last = last_of(range->iova, range->bytes, pairs->granule);
        if (from < down(range->iova, pairs->granule) || from > range_last)
            continue;
        if (last <= range_last)
            return true;
        from = range_last + 1;
    }
    return false;
}

/* No IOMMU maps less than its granule. */
static void learn_granule(struct ftrace_pairs *pairs, const struct ftrace_event *event)
{
    while (pairs->granule > LEAST_GRANULE && (event->iova | event->bytes) & (pairs->granule - 1))
        pairs->granule /= 4;
}

uint64_t ftrace_pairs_round_up(const struct ftrace_pairs *pairs, uint64_t end)
{
    uint64_t up = (end + (pairs->granule - 1)) & ~(pairs->granule - 1);
    return up < end ? end : up;
}

/* From the beginning of the first range to the end of the last. */
static uint64_t span_bytes(const struct ftrace_event *event)
{
    const struct ftrace_range *last = &event->ranges[event->count - 1];
    return last->iova - event->ranges[0].iova + last->bytes;
}

/* ---- iommu events that wait for their dma event ---- */

struct ftrace_waiting *ftrace_pairs_wait(struct ftrace_pairs *pairs, const struct ftrace_event *event,
                                         struct log_handle record)
{
    struct task *task = task_of(pairs, event->context);
    learn_granule(pairs, event);
    enum chain chain = event->kind == FTRACE_IOMMU_MAP ? CHAIN_MAPS : CHAIN_UNMAPS;
    struct ftrace_waiting *waiting = &take_place(pairs, &task->newest[chain])->waiting;
    *waiting = (struct ftrace_waiting){
        .time_ns = event->time_ns, .iova = event->iova, .bytes = event->bytes, .record = record};
    return waiting;
}

/* The pieces of a list are mapped from its beginning to its end: seen from the newest, each lies below. */
static bool find_waiting(struct ftrace_pairs *pairs, enum chain chain, const struct ftrace_event *event,
                         uint64_t *below, struct ftrace_waiting *found)
{
    if (event->count == 0 || *below <= event->ranges[0].iova)
        return false;
    struct task *task = task_of(pairs, event->context);
    uint64_t number = task->newest[chain], span = span_bytes(event);
    struct place *place;
    for (unsigned i = 0; i < LOOKED_AT && (place = next_place(pairs, chain, &number, event->time_ns)); i++) {
        const struct ftrace_waiting *waiting = &place->waiting;
        bool whole = exactly(pairs, waiting->iova, waiting->bytes, event->ranges[0].iova, span);
        bool piece = event->scattered && inside(pairs, waiting->iova, waiting->bytes, event);
        if ((whole || piece) && waiting->iova + (waiting->bytes - 1) < *below) {
            *found = *waiting;
            *below = event->scattered ? waiting->iova : 0;
            release(pairs, &task->newest[chain], place);
            return true;
        }
        number = place->before;
    }
    return false;
}

bool ftrace_pairs_map(struct ftrace_pairs *pairs, const struct ftrace_event *event, uint64_t *below,
                      struct ftrace_waiting *found)
{
    return find_waiting(pairs, CHAIN_MAPS, event, below, found);
}

bool ftrace_pairs_unmap(struct ftrace_pairs *pairs, const struct ftrace_event *event, uint64_t *below,
                        struct ftrace_waiting *found)
{
    return find_waiting(pairs, CHAIN_UNMAPS, event, below, found);
}

uint64_t ftrace_pairs_list_end(struct ftrace_pairs *pairs, const struct ftrace_event *event)
{
    uint64_t number = task_of(pairs, event->context)->newest[CHAIN_MAPS], below = 0, end = 0;
    struct place *place;
    if (event->count == 0)
        return 0;
    while ((place = next_place(pairs, CHAIN_MAPS, &number, event->time_ns))) {
        const struct ftrace_waiting *waiting = &place->waiting;
        uint64_t behind = waiting->iova + waiting->bytes;
        if (end == 0)
            end = behind;
        else if (behind != below)
            return 0;
        below = waiting->iova;
        for (uint64_t granule = LEAST_GRANULE; granule <= pairs->granule; granule *= 4)
            if (below == down(event->ranges[0].iova, granule))
                return end > event->ranges[0].iova + span_bytes(event) - 1 ? end : 0;
        number = place->before;
    }
    return 0;
}

/* ---- dma_unmaps that wait for their iommu:unmap ---- */

void ftrace_pairs_expect(struct ftrace_pairs *pairs, const struct ftrace_event *event, uint16_t device)
{
    if (event->count == 0)
        return;
    struct task *task = task_of(pairs, event->context);
    struct ftrace_unmap *unmap = &take_place(pairs, &task->newest[CHAIN_EXPECTED])->unmap;
    *unmap = (struct ftrace_unmap){.time_ns = event->time_ns,
                                   .iova = event->ranges[0].iova,
                                   .bytes = span_bytes(event),
                                   .device = device,
                                   .scattered = event->scattered,
                                   .open_end = event->open_end,
                                   .tentative = event->kind == FTRACE_DMA_UNMAP,
                                   .device_reads = event->device_reads,
                                   .device_writes = event->device_writes};
    for (unsigned i = 0; i < event->count; i++)
        unmap->left_bytes += last_of(event->ranges[i].iova, event->ranges[i].bytes, pairs->granule) -
                             down(event->ranges[i].iova, pairs->granule) + 1;
}

/* Whether a part of what is expected, or all of it. */
static bool is_part(const struct ftrace_pairs *pairs, const struct ftrace_unmap *unmap,
                    const struct ftrace_event *event)
{
    uint64_t last = event->iova + (event->bytes - 1);
    bool begins = event->iova >= down(unmap->iova, pairs->granule);
    if (unmap->open_end)
        return event->iova <= unmap->iova && begins && last >= unmap->iova + (unmap->bytes - 1);
    return unmap->scattered && begins && last <= last_of(unmap->iova, unmap->bytes, pairs->granule);
}

/* Whether another device expects the same. */
static bool has_other(struct ftrace_pairs *pairs, uint64_t number, const struct ftrace_unmap *unmap,
                      const struct ftrace_event *event)
{
    struct place *place;
    for (unsigned i = 0;
         i < LOOKED_AT && (place = next_place(pairs, CHAIN_EXPECTED, &number, event->time_ns)); i++) {
        const struct ftrace_unmap *other = &place->unmap;
        if (other->device != unmap->device &&
            exactly(pairs, event->iova, event->bytes, other->iova, other->bytes))
            return true;
        number = place->before;
    }
    return false;
}

bool ftrace_pairs_expected(struct ftrace_pairs *pairs, const struct ftrace_event *event,
                           struct ftrace_unmap *found)
{
    struct task *task = task_of(pairs, event->context);
    uint64_t number = task->newest[CHAIN_EXPECTED];
    struct place *place;
    learn_granule(pairs, event);
    for (unsigned i = 0;
         i < LOOKED_AT && (place = next_place(pairs, CHAIN_EXPECTED, &number, event->time_ns)); i++) {
        struct ftrace_unmap *unmap = &place->unmap;
        bool whole = exactly(pairs, event->iova, event->bytes, unmap->iova, unmap->bytes);
        if (whole || is_part(pairs, unmap, event)) {
            if (unmap->tentative && has_other(pairs, place->before, unmap, event))
                return false;
            *found = *unmap;
            unmap->left_bytes -= event->bytes < unmap->left_bytes ? event->bytes : unmap->left_bytes;
            if (whole || unmap->open_end || unmap->left_bytes == 0)
                release(pairs, &task->newest[CHAIN_EXPECTED], place);
            return true;
        }
        number = place->before;
    }
    return false;
}

struct ftrace_open *ftrace_pairs_open(struct ftrace_pairs *pairs, const struct ftrace_event *event)
{
    return &task_of(pairs, event->context)->open;
}
