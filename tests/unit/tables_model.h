/* The plainest tables there can be: a list of leaves and a list of tables, looked through whole for every
 * question (semantics.md 3 and 7). test_tables_random.c compares sim/pt/tables.h with them. */
#ifndef TESTS_UNIT_TABLES_MODEL_H
#define TESTS_UNIT_TABLES_MODEL_H

#include "sim/pt/tables.h"

enum { MODEL_LEAVES_MAX = 16384, MODEL_TABLES_MAX = 4096, MODEL_GONE_MAX = 32768 };

struct model_leaf {
    struct span span;
    uint64_t shift;
    unsigned lg2;
    uint8_t leaf;
};

struct model_table {
    struct span span;
    unsigned level;
};

struct model {
    struct pt_geometry geometry;
    uint64_t sizes;
    enum free_tables free_tables;
    bool frees_blocks_only;
    struct model_leaf leaves[MODEL_LEAVES_MAX]; /* ascending */
    size_t leaf_count;
    struct model_table tables[MODEL_TABLES_MAX]; /* below the root, in any order */
    size_t table_count;
    uint64_t sizes_used;
    /* What the last map or unmap did, as in struct tables_change. */
    struct model_leaf changed[MODEL_LEAVES_MAX];
    size_t changed_count;
    struct iommu_gone gone_tables[MODEL_TABLES_MAX], gone_leaves[MODEL_GONE_MAX];
    size_t gone_table_count, gone_leaf_count;
    struct span hull;
    uint64_t overreach;
};

struct model *model_new(const struct pt_geometry *geometry, uint64_t sizes, enum free_tables free_tables,
                        bool frees_blocks_only);
void model_map(struct model *model, struct span span, uint64_t address, const struct tables_birth *birth);
void model_unmap(struct model *model, struct span span);
/* Leaves larger than 2^lg2 bytes that overlap one of the spans; they are then in `changed`. */
void model_split(struct model *model, const struct span_list *spans, unsigned lg2);
void model_change_leaves(struct model *model, struct span span, uint8_t clear, uint8_t set,
                         bool writable_only);
/* The leaf that holds `iova`, or NULL. */
const struct model_leaf *model_find(const struct model *model, uint64_t iova);
bool model_exists(const struct model *model, unsigned level, uint64_t iova);
void model_scan(const struct model *model, struct span window, uint64_t *entries, uint64_t *table_count);

#endif
