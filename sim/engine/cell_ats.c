/* Requests of devices that cache translations themselves, and what invalidates these (semantics.md 10). */
#include "sim/engine/request.h"

static uint64_t sizes_used(const struct cell *cell, uint32_t domain)
{
    return tables_count(cell->leaves->domains[domain].tables)->sizes_used;
}

static bool look_up(struct atc *atc, uint64_t sizes, const struct request *request)
{
    for (; sizes != 0; sizes &= sizes - 1) {
        unsigned lg2 = (unsigned)__builtin_ctzll(sizes);
        if (atc_lookup(atc, lg2, request->address >> lg2, request->write))
            return true;
    }
    return false;
}

/* What the IOTLB's entry says. */
static struct atc_entry answer_of(const struct cell *cell, const struct request *request)
{
    struct atc_entry entry = {.lg2 = (uint8_t)request->lg2,
                              .may_write = (request->contents & ENTRY_WRITES_PASS) != 0};
    if (request->answer >= IOTLB_GHOST) {
        const struct ghost *ghost = &cell->ghosts.rows[request->answer - IOTLB_GHOST];
        entry.lg2 = ghost->lg2;
        entry.shift = ghost->shift;
    } else if (cell->keeps_outputs) {
        entry.shift =
            tables_find(cell->leaves->domains[request->tile->domain].tables, request->address)->shift;
    }
    entry.number = request->address >> entry.lg2;
    return entry;
}

void cell_request_ats(struct cell *cell, uint32_t key, uint16_t device, enum trace_op op)
{
    struct request request = request_of(cell->leaves, key);
    uint32_t domain = request.tile->domain;
    struct atc *atc = atcs_get(cell->atcs, domain, device);
    request.writes = op == TRACE_WRITE;
    cell->metrics.requests++;
    if (!atc)
        return; /* the replay fails */
    if (look_up(atc, sizes_used(cell, domain), &request)) {
        cell->metrics.atc_hits++;
        request_note_sneak(cell, &request);
    } else {
        cell->metrics.atc_misses++;
        request.write |= op == TRACE_READ && !cell->config->ats.no_write;
        if (!request_translate(cell, &request))
            return;
        struct atc_entry entry = answer_of(cell, &request);
        cell->atcs->failed |= !atc_fill(atc, &entry, NULL);
    }
    if (request.writes)
        request_written(cell, &request);
}

/* ---- invalidations ---- */

void cell_ats_drop(struct cell *cell, uint32_t domain, struct span span)
{
    if (cell->atcs && cell->config->ats.invalidate)
        atcs_drop(cell->atcs, domain, span, sizes_used(cell, domain));
}

void cell_ats_drop_all(struct cell *cell, uint32_t domain)
{
    if (cell->atcs && cell->config->ats.invalidate)
        atcs_drop_all(cell->atcs, domain);
}

uint64_t cell_ats_commands(const struct cell *cell, uint64_t to_each)
{
    return cell->atcs && cell->config->ats.invalidate ? to_each * cell->atcs->devices : 0;
}

void cell_ats_count(struct cell *cell, uint64_t to_each)
{
    cell->metrics.atc_commands += cell_ats_commands(cell, to_each);
}
