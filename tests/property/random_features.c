/* The features of semantics.md 9 to 14, laid over a cell that is drawn already. Each has a stream of numbers
 * of its own: leaving one out changes no other draw. DIRTYWALK_FEATURES=comma,list names those to draw;
 * unset: all. */
#include <stdlib.h>
#include <string.h>

#include "sim/mapping/mapping.h"
#include "sim/policy/policy.h"
#include "sim/tracking/tracking.h"
#include "tests/property/random_draft.h"

static const char *const feature_names[] = {
    [FEATURE_WRITE_PROTECT] = "write-protect",
    [FEATURE_DEVICE] = "device",
    [FEATURE_LOG] = "log",
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

void random_features_draw(const struct draft *draft, struct cell_config *cell)
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
}
