#include "sim/base/key_row.h"
#include "sim/config.h"
#include "sim/policy/policy.h"

static uint64_t records(const struct cell_config *config)
{
    return config->harvest.count;
}

const struct harvest_policy policy_records = {
    .name = "records",
    .summary = "after every `count` records",
    .records = records,
};

/* ---- its keys ---- */

static bool is_by_records(const struct cell_config *config)
{
    return config->harvest.policy == &policy_records;
}

static const struct key rows[] = {
    {.name = "harvest.count",
     .type = KEY_INTEGER,
     KEY_TEXT("100000"),
     KEY_FIELD(harvest.count),
     .min = 1,
     KEY_USED(is_by_records, "harvest.policy records"),
     .section = "7",
     .help = "records between harvests"},
};

const struct key_rows keys_records = {
    .rows = rows,
    .count = KEY_LENGTH(rows),
};
