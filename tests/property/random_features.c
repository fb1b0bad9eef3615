/* The features of semantics.md 9 to 14, laid over a cell that is drawn already. Each has a stream of numbers
 * of its own: leaving one out changes no other draw. DIRTYWALK_FEATURES=comma,list names those to draw;
 * unset: all. */
#include <stdlib.h>
#include <string.h>

#include "sim/mapping/mapping.h"
#include "sim/policy/policy.h"
#include "sim/tracking/tracking.h"
#include "tests/property/random_draft.h"

enum { TIMED_PAGES_MAX = 16000 };     /* mapped: the reference finds the place of every slot anew */
#define PRICE_MAX (UINT64_C(1) << 38) /* a quarter of a second */

static const char *const feature_names[] = {
    [FEATURE_WRITE_PROTECT] = "write-protect",
    [FEATURE_DEVICE] = "device",
    [FEATURE_LOG] = "log",
    [FEATURE_PRECOPY] = "precopy",
    [FEATURE_ATS] = "ats",
    [FEATURE_SPLIT] = "split",
    [FEATURE_TIMED] = "timed",
};

static bool is_listed(const char *list, const char *name)
{
    size_t length = strlen(name);

    for (const char *word = list; word != NULL; word = strchr(word, ',')) {
        word += *word == ',';
        if (strncmp(word, name, length) == 0 && (word[length] == ',' || word[length] == '\0'))
            return true;
    }
    return false;
}

/* A name that is misspelt would silently test nothing. */
static void check_list(const char *list)
{
    size_t known = strcmp(list, "none") == 0 ? 1 : 0, words = 1;

    for (size_t i = 0; i < FEATURES; i++)
        known += is_listed(list, feature_names[i]);
    for (const char *c = list; *c != '\0'; c++)
        words += *c == ',';
    if (known == words)
        return;
    fprintf(stderr, "DIRTYWALK_FEATURES=%s: write none, or some of", list);
    for (size_t i = 0; i < FEATURES; i++)
        fprintf(stderr, " %s", feature_names[i]);
    fprintf(stderr, "\n");
    exit(1);
}

bool random_feature_wanted(enum random_feature feature)
{
    const char *list = getenv("DIRTYWALK_FEATURES");

    if (list == NULL)
        return true;
    check_list(list);
    return is_listed(list, feature_names[feature]);
}

/* A draft that draws from the feature's own stream; `percent`: how many cells have it. */
static bool begins(const struct draft *draft, enum random_feature feature, unsigned percent,
                   struct draft *own)
{
    *own = *draft;
    own->rng = (draft->rng ^ (UINT64_C(0x9E3779B97F4A7C15) * (feature + 1))) * UINT64_C(0x2545F4914F6CDD1D);
    rng_next(&own->rng);
    return random_feature_wanted(feature) && chance(own, percent);
}

void random_translates_draw(struct draft *draft)
{
    struct draft own;

    if (!begins(draft, FEATURE_ATS, 40, &own))
        return;
    unsigned percent = 1 + (unsigned)below(&own, 50);
    for (size_t i = 0; i < draft->store->count; i++)
        if (draft->store->op[i] <= TRACE_READ && chance(&own, percent))
            draft->store->op[i] = chance(&own, 50) ? TRACE_TRANSLATE : TRACE_TRANSLATE_W;
}

static void draw_ats(struct draft *own, struct cell_config *cell)
{
    cell->ats.enabled = true;
    cell->ats.ways = 1 + below(own, 5);
    cell->ats.entries = cell->ats.ways << below(own, 4);
    if (chance(own, 40)) {
        cell->ats.ways = 0;
        cell->ats.entries = 1 + below(own, chance(own, 10) ? 300 : 20);
    }
    if (chance(own, 8))
        cell->ats.entries = 0;
    cell->ats.no_write = chance(own, 50);
    cell->ats.invalidate = chance(own, 80);
}

static void draw_split(struct draft *own, struct cell_config *cell)
{
    uint64_t plain = experiment_sizes(cell, true);

    experiment_set_method(cell, "hardware");
    cell->tracking.split = chance(own, 40) ? SPLIT_START : SPLIT_DIRTY;
    for (; chance(own, 50) && plain != 0; plain &= plain - 1)
        cell->tracking.split_size_bytes = plain & (~plain + 1);
}

/* Times of the trace that the cell replays. */
static uint64_t span_of(const struct draft *draft, const struct cell_config *cell)
{
    const struct trace_store *store = draft->store;
    uint64_t records = store->count < cell->limit_records ? store->count : cell->limit_records;

    return records > 0 ? store->time_ns[records - 1] - store->time_ns[0] : 0;
}

/* Rounds that end inside the trace, mostly: round 0 takes a part of it, later ones by what was written. */
static void draw_precopy(struct draft *own, struct cell_config *cell, uint64_t pages)
{
    uint64_t span = span_of(own, cell) + 1;
    uint64_t bytes = (pages + 1) * 4 * KIB;

    experiment_set_policy(cell, "precopy");
    cell->tracking.has_stop = false;
    cell->harvest.no_clear = false;
    /* Whole seconds per page would end behind all times. */
    uint64_t ns = 1 + below(own, chance(own, 80) ? span : 3 * span);
    uint64_t rate = bytes * 1000 / (ns / 1000000 + 1);
    cell->harvest.link_rate = rate < 1000000 ? 1000000 + below(own, 1000000) : rate;
    uint64_t few = below(own, 1 + below(own, 40)) * 4 * KIB * 1000000 / (cell->harvest.link_rate / 1000 + 1);
    cell->harvest.downtime_limit_ns = chance(own, 30) ? 0 : few + below(own, 2);
    cell->harvest.downtime_fixed_ns = below(own, 100000000);
    cell->harvest.max_rounds = chance(own, 15) ? 30 : 1 + below(own, 6);
}

/* A price at which so many events take about `ps` together. */
static uint64_t draw_price(struct draft *own, uint64_t ps, uint64_t events)
{
    uint64_t most = 2 * ps / (events + 1);

    if (chance(own, 20))
        return 0;
    return below(own, (most < PRICE_MAX ? most : PRICE_MAX) + 1);
}

/* Prices that make a harvest as long as the time between two, or much longer, or much shorter. */
static void draw_timed(struct draft *own, struct cell_config *cell, uint64_t pages)
{
    static const uint64_t parts[] = {64, 8, 2, 1};
    uint64_t span = span_of(own, cell) + 1;
    uint64_t between = strcmp(cell->harvest.policy->name, "periodic") == 0 ? cell->harvest.interval_ns
                                                                           : span / (1 + below(own, 40)) + 1;
    if (between > 4 * span)
        between = 4 * span;

    experiment_set_method(cell, "hardware");
    cell->harvest.timing = TIMING_TIMED;
    cell->harvest.copy = chance(own, 50) ? COPY_AFTER_FLUSH : COPY_AT_READ;
    cell->harvest.granule_bytes = 4 * KIB;
    cell->harvest.no_clear = false;
    cell->harvest.before_unmap = false;
    if (chance(own, 8))
        return; /* the usual prices */
    uint64_t ps = 1000 * between / parts[below(own, 4)] * (chance(own, 20) ? 5 : 1);
    uint64_t domains = cell->domains == DOMAINS_PER_DEVICE ? own->device_count + 1 : 1;
    uint64_t windows = cell->harvest.chunk_bytes > 0 ? pages * 4 * KIB / cell->harvest.chunk_bytes + 1 : 1;
    cell->cost.scan_entry_ps = draw_price(own, ps, pages + 8);
    cell->cost.clear_entry_ps = draw_price(own, ps, pages / 8);
    cell->cost.report_page_ps = draw_price(own, ps, pages / 8);
    cell->cost.command_ps = draw_price(own, ps, 2 * domains * windows);
    cell->cost.sync_ps = draw_price(own, ps, domains * windows);
    cell->cost.atc_command_ps = draw_price(own, ps, domains * windows);
    if (cell->tracking.has_stop && chance(own, 50)) /* inside a harvest */
        cell->tracking.stop_ns =
            cell->tracking.start_ns + between * (1 + below(own, 4)) + below(own, between);
}

void random_features_draw(const struct draft *draft, struct cell_config *cell, uint64_t pages)
{
    struct draft own;

    if (begins(draft, FEATURE_WRITE_PROTECT, 16, &own))
        experiment_set_method(cell, "write-protect");
    if (begins(draft, FEATURE_DEVICE, 16, &own)) {
        experiment_set_method(cell, "device");
        cell->device.granule_bytes = chance(&own, 40) ? 4 * KIB : (4 * KIB) << below(&own, 14);
        cell->device.ranges = chance(&own, 60) ? DEVICE_LIVE : DEVICE_START;
    }
    if (begins(draft, FEATURE_LOG, 16, &own)) {
        experiment_set_method(cell, "log");
        cell->tracking.clear_on_start = true;
        cell->log.entries = chance(&own, 10) ? 512 : 1 + below(&own, UINT64_C(1) << below(&own, 8));
        cell->log.overflow = chance(&own, 50) ? LOG_SCAN : LOG_ALL;
    }
    if (begins(draft, FEATURE_PRECOPY, 14, &own))
        draw_precopy(&own, cell, pages);
    if (begins(draft, FEATURE_ATS, 30, &own))
        draw_ats(&own, cell);
    bool is_fixed = strcmp(cell->mapping.source->name, "trace") != 0;
    if (is_fixed && begins(draft, FEATURE_SPLIT, 30, &own))
        draw_split(&own, cell);
    if (is_fixed && cell->tracking.split == SPLIT_NONE && !cell->harvest.policy->migrates &&
        pages <= TIMED_PAGES_MAX && begins(draft, FEATURE_TIMED, 40, &own))
        draw_timed(&own, cell, pages);
}
