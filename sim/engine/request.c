/* One request, in order (semantics.md 4 and 5): what the passes of cells do for many at once, by the letter and for
 * every state of tables and caches. */
#include <assert.h>

#include "sim/base/memory.h"
#include "sim/engine/harvest.h"
#include "sim/engine/request.h"

struct request request_of(const struct leaves *leaves, uint32_t key)
{
    struct request request = {.page = key >> 1, .write = key & 1, .writes = key & 1};
    request.tile = &leaves->tiles[request.page >> TILE_PAGES_LG2];
    request.address = request.tile->number << TILE_LG2 |
                      (uint64_t)(request.page & (TILE_PAGES - 1)) << PAGE_LG2;
    request.lg2 = leaves_lg2(leaves, request.page);
    if (request.lg2 != 0)
        request.head = leaves_head(leaves, request.page);
    return request;
}

static bool managed_now(const struct leaves *leaves, uint16_t word)
{
    return (word & STATE_MANAGED) && leaves->switches.accessed && leaves->switches.dirty;
}

/* What an entry filled from the leaf now would hold. */
static uint8_t contents_of(const struct leaves *leaves, uint16_t word)
{
    bool managed = managed_now(leaves, word);
    bool refuses = (leaves->format->clean_refuses || leaves->protection) && (word & STATE_MANAGED);
    bool passes = (word & STATE_WRITABLE) && ((word & STATE_DIRTY) || (!managed && !refuses));
    return (uint8_t)((passes ? ENTRY_WRITES_PASS : 0) | (managed ? ENTRY_MANAGED : 0));
}

static void learn_contents(void *context, uint32_t tag, uint64_t set, uint64_t place)
{
    struct cell *cell = context;
    (void)set;
    (void)place;
    cell->contents[tag] = contents_of(cell->leaves, cell->leaves->state[tag]);
}

bool cell_keep_contents(struct cell *cell, struct error *error)
{
    size_t pages = (size_t)cell->leaves->tile_count * TILE_PAGES;
    if (!memory_grow(&cell->contents, &cell->contents_capacity, pages, 1, error))
        return false;
    cell->keeps_contents = true;
    iotlb_visit(&cell->iotlb, learn_contents, cell);
    return true;
}

/* 4.1: the tag that answers, or IOTLB_EMPTY. */
static uint32_t look_up(struct cell *cell, const struct request *request)
{
    const struct leaves *leaves = cell->leaves;
    if (cell->ghosts.count == 0) {
        bool hit = request->lg2 != 0 &&
                   iotlb_lookup(&cell->iotlb, request->head, request->address >> request->lg2);
        return hit ? request->head : IOTLB_EMPTY;
    }
    const struct tables *tables = leaves->domains[request->tile->domain].tables;
    for (uint64_t sizes = tables_count(tables)->sizes_used; sizes != 0; sizes &= sizes - 1) {
        unsigned lg2 = (unsigned)__builtin_ctzll(sizes);
        uint64_t number = request->address >> lg2;
        uint32_t row = ghosts_find(&cell->ghosts, request->tile->domain, lg2, number << lg2);
        uint32_t tag = row != UINT32_MAX ? IOTLB_GHOST + row
                       : lg2 == request->lg2 ? request->head
                                             : IOTLB_EMPTY;
        if (tag != IOTLB_EMPTY && iotlb_lookup(&cell->iotlb, tag, number))
            return tag;
    }
    return IOTLB_EMPTY;
}

/* A request that dropped an entry of another size begins again although its own key may be cached, from this leaf or
 * one that stood there before. */
static bool refill(struct cell *cell, const struct request *request)
{
    uint64_t number = request->address >> request->lg2;
    uint32_t row = ghosts_find(&cell->ghosts, request->tile->domain, request->lg2, number << request->lg2);
    if (row != UINT32_MAX) {
        iotlb_replace(&cell->iotlb, IOTLB_GHOST + row, request->head, number);
        ghosts_remove(&cell->ghosts, row);
        return true;
    }
    return iotlb_replace(&cell->iotlb, request->head, request->head, number);
}

static void fill(struct cell *cell, struct request *request, uint8_t contents, bool again)
{
    if (!again || !refill(cell, request)) {
        uint32_t victim = iotlb_fill(&cell->iotlb, request->head, request->address >> request->lg2);
        if (victim != IOTLB_EMPTY && victim >= IOTLB_GHOST)
            ghosts_remove(&cell->ghosts, victim - IOTLB_GHOST);
    }
    if (cell->keeps_contents)
        cell->contents[request->head] = contents;
    request->answer = request->head;
    request->contents = contents;
}

static void dirty(struct leaves *leaves, const struct request *request)
{
    leaves_dirtied(leaves, request->head, request->writes ? CAUSE_WRITTEN : CAUSE_ATS);
}

/* A write that no entry lets pass although software granted it: software marks the leaf dirty and makes it writable,
 * unless that has happened since the entry was cached (9). False: nothing to resume. */
static bool resume(struct cell *cell, const struct request *request)
{
    struct leaves *leaves = cell->leaves;
    if (!leaves->protection || request->lg2 == 0 || !(leaves->state[request->head] & STATE_WRITABLE))
        return false;
    cell->metrics.faults_recoverable++;
    if (leaves_protects(leaves, (uint8_t)(leaves->state[request->head] >> STATE_LEAF)))
        leaves_dirtied(leaves, request->head, CAUSE_WRITTEN);
    return true;
}

static void fault_translation(struct cell *cell, const struct request *request)
{
    if (cell->metrics.faults_translation++ == 0)
        cell->result->seen.first_unmapped = request->address;
}

static void fault_permission(struct cell *cell, const struct request *request)
{
    if (cell->metrics.faults_permission++ == 0)
        cell->result->seen.first_refused = request->address;
}

/* 4.2 to 4.5; `again` after an entry was dropped. False: a fault. */
static bool miss(struct cell *cell, struct request *request, bool again)
{
    struct leaves *leaves = cell->leaves;
    cell->metrics.iotlb_misses++;
    if (request->tile->beyond) {
        fault_translation(cell, request);
        return false;
    }
    unsigned terminal = request->lg2 != 0
                            ? request->tile->level
                            : tables_terminal_level(leaves->domains[request->tile->domain].tables,
                                                    request->address);
    bool reached = walk_cache_walk(&cell->walk_cache, leaves, request->tile, terminal);
    if (!reached || request->lg2 == 0) {
        fault_translation(cell, request);
        return false;
    }
    uint16_t word = leaves->state[request->head];
    uint8_t contents = contents_of(leaves, word);
    bool dirties = request->write && !(contents & ENTRY_WRITES_PASS);
    if (dirties && !(contents & ENTRY_MANAGED)) {
        if (request->writes) {
            if (resume(cell, request))
                return miss(cell, request, again);
            fault_permission(cell, request);
            return false;
        }
        dirties = false; /* answered read-only (10) */
    }
    if (dirties) {
        dirty(leaves, request);
        contents |= ENTRY_WRITES_PASS;
    } else if (leaves->touch_bits & ~word) {
        leaves->state[request->head] |= leaves->touch_bits;
        leaves->access_updates++;
    }
    fill(cell, request, contents, again);
    return true;
}

/* Does a managed leaf of the entry's size and output address map the page now? */
static bool same_leaf(const struct cell *cell, const struct request *request, uint32_t tag)
{
    const struct leaves *leaves = cell->leaves;
    if (request->lg2 == 0 || !managed_now(leaves, leaves->state[request->head]))
        return false;
    if (tag < IOTLB_GHOST)
        return true;
    const struct ghost *ghost = &cell->ghosts.rows[tag - IOTLB_GHOST];
    const struct leaf_run *run =
        tables_find(leaves->domains[request->tile->domain].tables, request->address);
    return run->lg2 == ghost->lg2 && run->shift == ghost->shift;
}

static void drop(struct cell *cell, const struct request *request, uint32_t tag)
{
    unsigned lg2 = request->lg2;
    if (tag >= IOTLB_GHOST) {
        lg2 = cell->ghosts.rows[tag - IOTLB_GHOST].lg2;
        ghosts_remove(&cell->ghosts, tag - IOTLB_GHOST);
    }
    iotlb_forget(&cell->iotlb, tag, request->address >> lg2);
}

enum outcome { ANSWERED, REFUSED, DROPPED };

/* 4.4, through a cached entry that lets no write pass. DROPPED: it is no more, the request begins again as a miss. */
static enum outcome ask_leaf(struct cell *cell, const struct request *request, uint8_t *contents)
{
    struct leaves *leaves = cell->leaves;
    if (!(*contents & ENTRY_MANAGED)) {
        if (!request->writes)
            return ANSWERED; /* read-only (10) */
        if (resume(cell, request)) {
            drop(cell, request, request->answer);
            return DROPPED;
        }
        fault_permission(cell, request);
        return REFUSED;
    }
    cell->metrics.dirty_rechecks++;
    if (!same_leaf(cell, request, request->answer)) {
        drop(cell, request, request->answer);
        return DROPPED;
    }
    if (!(leaves->state[request->head] & STATE_DIRTY))
        dirty(leaves, request);
    *contents |= ENTRY_WRITES_PASS;
    return ANSWERED;
}

void request_note_sneak(struct cell *cell, const struct request *request)
{
    if (cell->marks && request->writes && request->lg2 != 0 &&
        mask_has(&cell->marks[request->head >> TILE_PAGES_LG2].cleaned, request->head & (TILE_PAGES - 1)))
        cell->metrics.sneak_writes++;
}

bool request_translate(struct cell *cell, struct request *request)
{
    request->answer = look_up(cell, request);
    if (request->answer == IOTLB_EMPTY)
        return miss(cell, request, false);
    cell->metrics.iotlb_hits++;
    uint8_t derived, *contents = &derived;
    if (request->answer >= IOTLB_GHOST)
        contents = &cell->ghosts.rows[request->answer - IOTLB_GHOST].contents;
    else if (cell->keeps_contents)
        contents = &cell->contents[request->answer];
    else
        derived = contents_of(cell->leaves, cell->leaves->state[request->answer]);
    if (*contents & ENTRY_WRITES_PASS) {
        request_note_sneak(cell, request);
    } else if (request->write) {
        enum outcome outcome = ask_leaf(cell, request, contents);
        if (outcome != ANSWERED)
            return outcome == DROPPED && miss(cell, request, true);
    }
    request->contents = *contents;
    return true;
}

void request_written(struct cell *cell, const struct request *request)
{
    if (request->lg2 != 0)
        leaves_written(cell->leaves, request->page);
    else
        cell->metrics.stale_writes++;
}

void cell_request(struct cell *cell, uint32_t key)
{
    struct request request = request_of(cell->leaves, key);
    cell->metrics.requests++;
    if (request_translate(cell, &request) && request.writes)
        request_written(cell, &request);
}
