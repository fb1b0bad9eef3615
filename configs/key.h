/* The key table: every key of a cell that YAML can set, once (interface.md 2). Its rows live with the kinds
 * that own them (sim/base/key_row.h).
 *
 * From a row come parsing, the default, the range, suggestions, `check --resolved`, the JSON Schema, `list
 * keys` and the parameter columns of results.csv. Keys and choices of later versions are rows too: they are
 * known, and refused unless they say what this version does anyway. */
#ifndef CONFIGS_KEY_H
#define CONFIGS_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "configs/error_list.h"
#include "configs/yaml.h"
#include "sim/base/key_row.h"
#include "sim/config.h"

enum { KEY_COUNT_MAX = 128 };

/* Vendors in the order of `vendor_text`. */
extern const char *const key_vendors[KEY_VENDORS];

/** The table: the rows of all kinds and those of none, `key_count` of them, in the order of interface.md 2.
 *  Both stand before main begins. */
extern const struct key *const key_table;
extern size_t key_count;

/* The value of a key, whatever its type. */
struct key_value {
    bool none;       /* an optional key that is not set */
    uint64_t number; /* boolean, integer, bytes, ns, ps, bytes/s, index of the choice, set of sizes */
    size_t count;    /* of regions */
    struct config_region *regions; /* ascending by iova; whose, says the function */
    const struct node **nodes;     /* where regions[i] was written, or NULL */
};

/* How a value is written. */
enum key_style {
    KEY_YAML,  /* [4KiB, 2MiB] */
    KEY_LABEL, /* 4KiB+2MiB */
    KEY_COLUMN /* 4096+2097152; addresses and sizes of regions with units */
};

/** Row of `name`, or NULL. */
const struct key *key_find(const char *name);
static inline size_t key_index(const struct key *key)
{
    return (size_t)(key - key_table);
}
/** The part after the dot, or the whole name. */
const char *key_word(const struct key *key);
/** Is `name` a block, as "harvest" is? */
bool key_is_block(const char *name);
/** Does the key lie in `block` ("" for those in none)? */
bool key_in_block(const struct key *key, const char *block);
/** Is one value of the key a list? */
bool key_holds_list(const struct key *key);
/** Unit of the column: "ns", "bytes", "bytes/s" or "". */
const char *key_unit(const struct key *key);
/** Name of the column: "harvest_interval_ns". */
void key_column_name(const struct key *key, char *name, size_t bytes);

/** Parse and check a node as the value of `key`. `path` names it in messages ("sweep.harvest.interval"). The
 * regions of `value` belong to the caller (key_value_free); its nodes are borrowed from `node`. False: there
 * is an error in `messages`. */
bool key_parse(const struct key *key, const struct node *node, const char *path, struct key_value *value,
               struct error_list *messages);
void key_value_free(struct key_value *value);

/** The default of `key` for a cell whose block `iommu` is in `config` already.
 * False for a required key, and when the model is not set. */
bool key_default_value(const struct key *key, const struct cell_config *config, struct key_value *value);
/** The default in words for help: "4KiB", "none", "66ns amd, 66ns intel, ...". */
void key_default_text(const struct key *key, char *text, size_t bytes);

/** Put a value into a config; regions are copied. False: memory is short. */
bool key_store(const struct key *key, const struct key_value *value, struct cell_config *config,
               struct error *error);
/** Read it back; regions are borrowed from the config. A key without a field gives its default. */
void key_load(const struct key *key, const struct cell_config *config, struct key_value *value);
bool key_equal(const struct key *key, const struct key_value *a, const struct key_value *b);
void key_print(const struct key *key, const struct key_value *value, enum key_style style, FILE *out);

/** The choices of this version as "a, b or c". */
void key_list_choices(const struct key *key, char *text, size_t bytes);

/** The nearest of `words[count]` to `word`, or NULL when none is near enough to be a slip of the hand. */
const char *key_nearest(const char *word, const char *const words[], size_t count);

#endif
