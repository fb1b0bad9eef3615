/* What must hold between the keys of one cell (interface.md 2, semantics.md 2, 3, 4, 7). */
#ifndef CONFIGS_CHECK_H
#define CONFIGS_CHECK_H

#include "configs/settings.h"
#include "sim/config.h"

/* One cell on its way: which setting each key has (NULL: its default), and the config made of them. */
struct cell_draft {
    const struct setting *chosen[KEY_COUNT_MAX];
    struct place place; /* of the file, for keys that nothing near is set of */
    struct cell_config config;
};

/* Called for each problem: the key to blame, where it is written, what is wrong and what would be right. */
typedef void check_report(void *context, const struct key *key, struct place place, const char *text);

/** Are iommu.model and mapping.source set, and levels possible for the model? Without these the rest of a
 * cell cannot be resolved. `report` may be NULL. */
bool check_model(const struct cell_draft *draft, check_report *report, void *context);

/** Everything else, for a draft that passed check_model and is resolved. */
void check_cell(const struct cell_draft *draft, check_report *report, void *context);

#endif
