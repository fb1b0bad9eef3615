/* Random choices of semantics.md 9 to 14 on top of a drawn cell. DIRTYWALK_FEATURES=LIST (of write-protect, device, log,
 * precopy, ats, split, timed, or none) draws only these. */
#include <stdlib.h>
#include <string.h>

#include "sim/mapping/mapping.h"
#include "sim/policy/policy.h"
#include "sim/tracking/tracking.h"
#include "tests/property/random_draft.h"

static bool is_drawn(const char *feature)
{
    const char *list = getenv("DIRTYWALK_FEATURES");
    size_t length = strlen(feature);

    for (const char *at = list; at != NULL && (at = strstr(at, feature)) != NULL; at += length)
        if ((at == list || at[-1] == ',') && (at[length] == '\0' || at[length] == ','))
            return true;
    return list == NULL;
}

static void draw_method(struct draft *draft, struct cell_config *cell)
{
    static const char *const methods[] = {"write-protect", "device", "log"};
    const char *method = methods[below(draft, 3)];

    cell->device.granule_bytes = (4 * KIB) << (chance(draft, 50) ? 0 : below(draft, 20));
    cell->device.ranges = (enum device_ranges)below(draft, 2);
    cell->log.entries = 1 + below(draft, chance(draft, 50) ? 8 : 600);
    cell->log.overflow = (enum log_overflow)below(draft, 2);
    if (!chance(draft, 35) || !is_drawn(method))
        return;
    experiment_set_method(cell, method);
    if (cell->tracking.method->uses_ring)
        cell->tracking.clear_on_start = true;
}

/* Rounds about as long as the trace, or a part of it. */
static void draw_precopy(struct draft *draft, struct cell_config *cell, uint64_t pages, uint64_t span_ns)
{
    if (!chance(draft, 15) || !is_drawn("precopy"))
        return;
    double bytes = (double)pages * 4096, seconds = (double)(span_ns + 1) * 1e-9;
    double rate = bytes / seconds * (double)(1 + below(draft, 60)) / 4;
    experiment_set_policy(cell, "precopy");
    cell->tracking.has_stop = false;
    cell->harvest.no_clear = false;
    cell->harvest.link_rate = rate < 1 ? 1 : rate > 1e18 ? UINT64_C(1000000000000000000) : (uint64_t)rate;
    if (chance(draft, 3))
        cell->harvest.link_rate = 1;
    cell->harvest.downtime_limit_ns = chance(draft, 40) ? 0 : below(draft, span_ns / 10 + 2);
    cell->harvest.downtime_fixed_ns = below(draft, 1000000);
    cell->harvest.max_rounds = 1 + below(draft, 8);
}

static void draw_ats(struct draft *draft, struct cell_config *cell)
{
    cell->ats.enabled = chance(draft, 25) && is_drawn("ats");
    cell->ats.ways = chance(draft, 50) ? 0 : 1 + below(draft, 4);
    cell->ats.entries = cell->ats.ways == 0 ? below(draft, 24) : cell->ats.ways << below(draft, 4);
    cell->ats.no_write = chance(draft, 50);
    cell->ats.invalidate = chance(draft, 75);
}

static bool is_hardware_alone(const struct cell_config *cell)
{
    return strcmp(cell->tracking.method->name, "hardware") == 0 && !cell->mapping.source->follows_trace;
}

static void draw_split(struct draft *draft, struct cell_config *cell)
{
    uint64_t plain = experiment_sizes(cell, true);

    if (cell->iommu.address_bits < 64)
        plain &= (UINT64_C(1) << cell->iommu.address_bits) - 1;
    if (!is_hardware_alone(cell) || !chance(draft, 35) || !is_drawn("split"))
        return;
    cell->tracking.split = chance(draft, 40) ? SPLIT_START : SPLIT_DIRTY;
    if (chance(draft, 50))
        cell->tracking.split_size_bytes = chance(draft, 60) ? plain & -plain : (plain & (plain - 1)) & -(plain & (plain - 1));
}

/* Prices that make a harvest from nothing to several intervals long. */
static void draw_timed(struct draft *draft, struct cell_config *cell, uint64_t pages, uint64_t span_ns)
{
    if (!is_hardware_alone(cell) || cell->tracking.split != SPLIT_NONE ||
        strcmp(cell->harvest.policy->name, "precopy") == 0 || !chance(draft, 40) || !is_drawn("timed"))
        return;
    cell->harvest.timing = TIMING_TIMED;
    cell->harvest.copy = (enum copy)below(draft, 2);
    cell->harvest.granule_bytes = 4 * KIB;
    cell->harvest.no_clear = cell->harvest.before_unmap = false;
    uint64_t unit = span_ns * 1000 / (pages + 1) / (1 + below(draft, 200)) + 1;
    if (chance(draft, 80)) {
        cell->cost.scan_entry_ps = below(draft, unit + 1);
        cell->cost.clear_entry_ps = below(draft, 4 * unit + 1);
        cell->cost.report_page_ps = below(draft, unit + 1);
        cell->cost.command_ps = below(draft, 20 * unit + 1);
        cell->cost.sync_ps = below(draft, 50 * unit + 1);
        cell->cost.atc_command_ps = below(draft, 50 * unit + 1);
    }
}

/* From a stream of its own: the rest of the experiment stays what its seed has always made it. */
static struct draft own_stream(const struct draft *draft, uint64_t salt)
{
    struct draft own = *draft;
    own.rng ^= salt;
    return own;
}

void random_translates_draw(const struct draft *draft)
{
    struct draft own = own_stream(draft, UINT64_C(0x9c6e3b1d));
    unsigned percent = 1 + (unsigned)below(&own, 50);

    for (size_t i = 0; is_drawn("ats") && percent > 20 && i < own.store->count; i++)
        if (own.store->op[i] <= TRACE_READ && chance(&own, percent))
            own.store->op[i] = chance(&own, 50) ? TRACE_TRANSLATE : TRACE_TRANSLATE_W;
}

void random_features_draw(const struct draft *draft, struct cell_config *cell, uint64_t pages, uint64_t span_ns)
{
    struct draft own = own_stream(draft, UINT64_C(0x51f2a7c4));

    draw_method(&own, cell);
    draw_precopy(&own, cell, pages, span_ns);
    draw_ats(&own, cell);
    draw_split(&own, cell);
    draw_timed(&own, cell, pages, span_ns);
}

void random_experiment_make_plain(struct random_experiment *experiment)
{
    for (size_t i = 0; i < experiment->cell_count; i++) {
        struct cell_config *cell = &experiment->cells[i];
        cell->ats.enabled = false;
        cell->tracking.split = SPLIT_NONE;
        cell->tracking.split_size_bytes = 0;
        cell->harvest.timing = TIMING_INSTANT;
        if (cell->harvest.policy->migrates)
            experiment_set_policy(cell, "periodic");
    }
}
