/* The key table: every key of a cell that YAML can set, once (interface.md 2).
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
#include "sim/config.h"

enum { KEY_COUNT_MAX = 96, KEY_SIZES_MAX = 8 };

enum key_type {
    KEY_BOOLEAN,
    KEY_INTEGER,
    KEY_SIZE,
    KEY_TIME,
    KEY_COST, /* a time in ps */
    KEY_RATE,
    KEY_CHOICE,
    KEY_SIZES,   /* list of sizes that are powers of two */
    KEY_REGIONS, /* list of {iova, size, address} */
    KEY_RANGES   /* list of {iova, size} */
};

/* Where the value of an unset key comes from. */
enum key_default {
    KEY_DEFAULT_TEXT,
    KEY_DEFAULT_NONE, /* optional: stays unset; `none` says so in YAML */
    KEY_DEFAULT_REQUIRED,
    KEY_DEFAULT_VENDOR,    /* one text per vendor */
    KEY_DEFAULT_LEVELS,    /* the model's */
    KEY_DEFAULT_PAGE_SIZES /* the model's plain sizes */
};

/* One word that a choice key may have. */
struct choice {
    const char *name, *summary;
    const void *item; /* of a catalogue; NULL for an enum, whose value is the index */
    bool available;   /* in this version */
};

struct choice_set {
    const char *what; /* "model" */
    bool pointers;    /* the field holds `item`, else the index */
    /** Choice `index`, in the order of the catalogue or enum, those of later versions last. False past the
     * end. */
    bool (*get)(size_t index, struct choice *choice);
};

/* Vendors in the order of `vendor_text`. */
enum { KEY_VENDORS = 4 };
extern const char *const key_vendors[KEY_VENDORS];

struct key {
    const char *name; /* dotted */
    enum key_type type;
    enum key_default fallback;
    const char *text;                     /* default as written in YAML */
    const char *vendor_text[KEY_VENDORS]; /* for KEY_DEFAULT_VENDOR */
    const struct choice_set *choices;

    /* Place in struct cell_config; field_bytes 0: a key of a later version, which has no field. */
    size_t offset, field_bytes;
    size_t count_offset;   /* of lists */
    size_t present_offset; /* of the bool that says whether an optional key is set; 0: none_number says it */
    uint64_t none_number;

    uint64_t min, max; /* max 0: no bound but the type's */
    bool power_of_two;
    uint64_t multiple;       /* 0: any */
    const uint64_t *allowed; /* 0-terminated, or NULL */

    /** Does this resolved cell look at the key? NULL: always. */
    bool (*used)(const struct cell_config *config);
    const char *belongs_to; /* when `used` is set: what looks at it, for a warning */
    const char *section;    /* of semantics.md */
    const char *help;       /* one sentence without the full stop */
};

/** The table, `key_count` rows in the order of interface.md 2. */
extern const struct key key_table[];
extern const size_t key_count;

/* The value of a key, whatever its type. */
struct key_value {
    bool none;                        /* an optional key that is not set */
    uint64_t number;                  /* boolean, integer, bytes, ns, ps, bytes/s, index of the choice */
    uint8_t sizes_lg2[KEY_SIZES_MAX]; /* ascending */
    size_t count;                     /* of sizes_lg2 or regions */
    struct config_region *regions;    /* ascending by iova; whose, says the function */
    const struct node **nodes;        /* where regions[i] was written, or NULL */
};

/* How a value is written. */
enum key_style {
    KEY_YAML,  /* [4KiB, 2MiB] */
    KEY_LABEL, /* 4KiB+2MiB */
    KEY_COLUMN /* 4096+2097152 */
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
/** Is any value but the default refused? */
bool key_is_later(const struct key *key);
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

/** The default of `key` for a cell whose iommu.model, iommu.levels and iommu.granule are in `config` already.
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

/** The nearest of `words[count]` to `word`, or NULL when none is near enough to be a slip of the hand. */
const char *key_nearest(const char *word, const char *const words[], size_t count);

#endif
