/* The table of a stream's keys in a generator spec. */
#ifndef CONFIGS_GEN_KEYS_H
#define CONFIGS_GEN_KEYS_H

#include <stddef.h>
#include <stdint.h>

#include "configs/error_list.h"
#include "configs/yaml.h"
#include "traces/gen/gen.h"

enum gen_key_type {
    GEN_KEY_SIZE,
    GEN_KEY_ADDRESS,
    GEN_KEY_DEVICE,
    GEN_KEY_CHOICE,
    GEN_KEY_TIME, /* in ps */
    GEN_KEY_COUNT,
    GEN_KEY_SHARE, /* 0 to 1, of GEN_SHARE_ONE */
    GEN_KEY_REAL,
    GEN_KEY_BOOLEAN
};

/* A stream as written: what becomes one gen_stream per tenant. */
struct gen_draft {
    struct gen_stream stream;
    uint64_t tenants, tenant_spacing;
};

enum { GEN_KEYS = 28 };

struct gen_key {
    const char *name;
    enum gen_key_type type;
    size_t offset; /* in struct gen_draft; the field has the type's natural type */
    uint64_t min, max;
    const char *text; /* the default; NULL: computed, `fallback` says how */
    const char *fallback;
    unsigned patterns; /* bit per enum gen_pattern */
    bool bursts;       /* only with arrivals: bursts */
    const char *help;
    const char *const *words; /* of a choice */
    size_t word_count;
};

extern const struct gen_key gen_keys[GEN_KEYS];

/** Read `text` as the value of a key into the draft. Errors: ERROR_EXPERIMENT, without place and key. */
bool gen_key_parse(const struct gen_key *key, const char *text, struct gen_draft *draft, struct error *error);

#endif
