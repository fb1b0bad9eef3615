/* What an experiment file sets: the base, the axes of sweep and zip, exclude and include (interface.md 2).
 * Values are parsed and checked one by one here; how they go together in a cell is the plan's matter. */
#ifndef CONFIGS_SETTINGS_H
#define CONFIGS_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>

#include "configs/error_list.h"
#include "configs/key.h"
#include "configs/yaml.h"

/* One key with one value. */
struct setting {
    const struct key *key;
    const struct node *node; /* of the value */
    struct place place;      /* of the key */
    struct key_value value;
};

/* Keys that are set together: the base, one value of a swept block, one item of include or exclude. */
struct setting_group {
    struct setting *settings;
    size_t count, capacity;
    struct place place;
    char *label; /* "tracking.method=all tracking.start=1s" */
};

/* One key or block of sweep or zip with its values. */
struct lane {
    const char *name;    /* borrowed from the tree */
    const char *section; /* "sweep" or "zip" */
    struct place place;
    struct setting_group *values;
    size_t count;
};

/* Lanes that walk together: one for a key of sweep, all of zip. */
struct axis {
    struct lane *lanes;
    size_t lane_count;
    size_t length;
};

struct experiment_settings {
    struct node *root;  /* owned; keeps all nodes and keys alive */
    struct place place; /* of the file's first line */
    struct setting_group base;
    struct lane *lanes; /* owned by here; axes point into them */
    size_t lane_count;
    struct axis *axes; /* in the order of walking, the last varies fastest */
    size_t axis_count;
    struct setting_group *exclude, *include;
    size_t exclude_count, include_count;
};

/** Interpret the tree, which `settings` owns from here on, also on failure (settings_free). Top-level keys
 * that are in `others[other_count]` are left to the caller. False: there are errors in `messages`. */
bool settings_read(struct experiment_settings *settings, struct node *root, const char *const others[],
                   size_t other_count, struct error_list *messages);

/** Apply "KEY=VALUE" to the tree. False: there is an error in `messages`. `place_text` ("--set KEY") outlives
 *  the tree. */
bool settings_override(struct node *root, const char *set, const char *place_text,
                       struct error_list *messages);

/** Where `key` is set in a group, or NULL. */
const struct setting *setting_find(const struct setting_group *group, const struct key *key);

void settings_free(struct experiment_settings *settings);

#endif
