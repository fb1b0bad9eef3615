/* One request, in order (semantics.md 4 and 5): what the passes of cells do for many at once, by the letter and for
 * every state of tables and caches. */
#include <assert.h>

#include "sim/engine/cell.h"

/* A request and what the tables say of its page now. */
struct request {
    uint32_t page; /* dense */
    bool write;
    const struct tile *tile;
    uint64_t address; /* of the page */
    unsigned lg2;     /* of the leaf; 0: not mapped */
    uint32_t head;
};

static struct request request_of(const struct leaves *leaves, uint32_t key)
{
    struct request request = {.page = key >> 1, .write = key & 1};
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
    bool refuses = leaves->format->clean_refuses && (word & STATE_MANAGED);
    bool passes = (word & STATE_WRITABLE) && ((word & STATE_DIRTY) || (!managed && !refuses));
    return (uint8_t)((passes ? ENTRY_WRITES_PASS : 0) | (managed ? ENTRY_MANAGED : 0));
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

static void fill(struct cell *cell, const struct request *request, uint8_t contents, bool again)
{
    if (!again || !refill(cell, request)) {
        uint32_t victim = iotlb_fill(&cell->iotlb, request->head, request->address >> request->lg2);
        if (victim != IOTLB_EMPTY && victim >= IOTLB_GHOST)
            ghosts_remove(&cell->ghosts, victim - IOTLB_GHOST);
    }
    if (cell->keeps_contents)
        cell->contents[request->head] = contents;
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

/* 4.2 to 4.5; `again` after a recheck that failed. */
static void miss(struct cell *cell, const struct request *request, bool again)
{
    struct leaves *leaves = cell->leaves;
    cell->metrics.iotlb_misses++;
    if (request->tile->beyond) {
        fault_translation(cell, request);
        return;
    }
    unsigned terminal = request->lg2 != 0
                            ? request->tile->level
                            : tables_terminal_level(leaves->domains[request->tile->domain].tables,
                                                    request->address);
    bool reached = walk_cache_walk(&cell->walk_cache, leaves, request->tile, terminal);
    if (!reached || request->lg2 == 0) {
        fault_translation(cell, request);
        return;
    }
    uint16_t word = leaves->state[request->head];
    uint8_t contents = contents_of(leaves, word);
    bool dirties = request->write && !(contents & ENTRY_WRITES_PASS);
    if (dirties && !(contents & ENTRY_MANAGED)) {
        fault_permission(cell, request);
        return;
    }
    if (dirties) {
        leaves_dirtied(leaves, request->head, CAUSE_WRITTEN);
        contents |= ENTRY_WRITES_PASS;
    } else if (leaves->touch_bits & ~word) {
        leaves->state[request->head] |= leaves->touch_bits;
        leaves->access_updates++;
    }
    fill(cell, request, contents, again);
    if (request->write)
        leaves_written(leaves, request->page);
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

/* 4.4, a write through a cached entry. False: the entry was dropped, the request begins again as a miss. */
static bool write_through(struct cell *cell, const struct request *request, uint32_t tag)
{
    struct leaves *leaves = cell->leaves;
    uint8_t derived, *contents = &derived;
    if (tag >= IOTLB_GHOST)
        contents = &cell->ghosts.rows[tag - IOTLB_GHOST].contents;
    else if (cell->keeps_contents)
        contents = &cell->contents[tag];
    else
        derived = contents_of(leaves, leaves->state[tag]);
    if (!(*contents & ENTRY_WRITES_PASS)) {
        if (!(*contents & ENTRY_MANAGED)) {
            fault_permission(cell, request);
            return true;
        }
        cell->metrics.dirty_rechecks++;
        if (!same_leaf(cell, request, tag)) {
            drop(cell, request, tag);
            return false;
        }
        if (!(leaves->state[request->head] & STATE_DIRTY))
            leaves_dirtied(leaves, request->head, CAUSE_WRITTEN);
        *contents |= ENTRY_WRITES_PASS;
    }
    if (request->lg2 != 0)
        leaves_written(leaves, request->page);
    else
        cell->metrics.stale_writes++;
    return true;
}

void cell_request(struct cell *cell, uint32_t key)
{
    struct request request = request_of(cell->leaves, key);
    cell->metrics.requests++;
    uint32_t tag = look_up(cell, &request);
    if (tag == IOTLB_EMPTY) {
        miss(cell, &request, false);
        return;
    }
    cell->metrics.iotlb_hits++;
    if (request.write && !write_through(cell, &request, tag))
        miss(cell, &request, true);
}
