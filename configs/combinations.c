/* Keys that do not go together (semantics.md 9, 11, 13 and 14). */
#include "configs/combinations.h"

#include <stdio.h>

#include "sim/mapping/mapping.h"
#include "sim/policy/policy.h"
#include "sim/tracking/tracking.h"

typedef bool condition(const struct cell_config *config);

static bool is_timed(const struct cell_config *config)
{
    return config->harvest.timing == TIMING_TIMED;
}
static bool splits(const struct cell_config *config)
{
    return config->tracking.split != SPLIT_NONE;
}
static bool migrates(const struct cell_config *config)
{
    return config->harvest.policy->migrates;
}
static bool keeps_ring(const struct cell_config *config)
{
    return config->tracking.method->uses_ring;
}

static bool is_other_method(const struct cell_config *config)
{
    return !config->tracking.method->uses_hardware || config->tracking.method->uses_ring;
}
static bool follows_trace(const struct cell_config *config)
{
    return config->mapping.source->follows_trace;
}
static bool spreads(const struct cell_config *config)
{
    return config->harvest.granule_bytes != 4096;
}
static bool keeps_dirty(const struct cell_config *config)
{
    return config->harvest.no_clear;
}
static bool reads_before(const struct cell_config *config)
{
    return config->harvest.before_unmap;
}
static bool stops(const struct cell_config *config)
{
    return config->tracking.has_stop;
}
static bool starts_dirty(const struct cell_config *config)
{
    return !config->tracking.clear_on_start;
}

/* What `key` chose excludes what `other` chose; `right` is what the other would have to be. */
struct combination {
    const char *key, *choice;
    condition *chosen;
    const char *other, *right;
    condition *wrong;
};

static const struct combination combinations[] = {
    {"tracking.method", "log", keeps_ring, "tracking.clear_on_start", "true", starts_dirty},
    {"harvest.policy", "precopy", migrates, "tracking.stop", "none", stops},
    {"harvest.policy", "precopy", migrates, "harvest.no_clear", "false", keeps_dirty},
    {"harvest.timing", "timed", is_timed, "tracking.method", "hardware", is_other_method},
    {"harvest.timing", "timed", is_timed, "mapping.source", "static or touched", follows_trace},
    {"harvest.timing", "timed", is_timed, "harvest.granule", "4KiB", spreads},
    {"harvest.timing", "timed", is_timed, "harvest.no_clear", "false", keeps_dirty},
    {"harvest.timing", "timed", is_timed, "harvest.before_unmap", "false", reads_before},
    {"harvest.timing", "timed", is_timed, "tracking.split", "none", splits},
    {"harvest.timing", "timed", is_timed, "harvest.policy", "another policy", migrates},
    {"tracking.split", "start or dirty", splits, "tracking.method", "hardware", is_other_method},
    {"tracking.split", "start or dirty", splits, "mapping.source", "static or touched", follows_trace},
};

void check_combinations(const struct cell_config *config, combination_report *report, void *context)
{
    for (size_t i = 0; i < sizeof combinations / sizeof *combinations; i++) {
        const struct combination *c = &combinations[i];
        char text[256];
        if (!c->chosen(config) || !c->wrong(config))
            continue;
        snprintf(text, sizeof text, "does not go with %s %s; write %s: %s, or leave %s out", c->key, c->choice,
                 c->other, c->right, c->key);
        report(context, c->other, c->key, text);
    }
}
