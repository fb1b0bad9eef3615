#include "tests/unit/tables_model.h"

#include <stdlib.h>

#include <criterion/criterion.h>

struct model *model_new(const struct pt_geometry *geometry, uint64_t sizes, enum free_tables free_tables,
                        bool frees_blocks_only)
{
    struct model *model = calloc(1, sizeof *model);
    cr_assert_not_null(model);
    model->geometry = *geometry;
    model->sizes = sizes;
    model->free_tables = free_tables;
    model->frees_blocks_only = frees_blocks_only;
    return model;
}

static struct span span_at(uint64_t iova, unsigned lg2)
{
    uint64_t mask = (UINT64_C(1) << lg2) - 1;
    return (struct span){iova & ~mask, iova | mask};
}

static bool holds(struct span outer, struct span inner)
{
    return outer.first <= inner.first && inner.last <= outer.last;
}

const struct model_leaf *model_find(const struct model *model, uint64_t iova)
{
    for (size_t i = 0; i < model->leaf_count; i++)
        if (model->leaves[i].span.first <= iova && iova <= model->leaves[i].span.last)
            return &model->leaves[i];
    return NULL;
}

bool model_exists(const struct model *model, unsigned level, uint64_t iova)
{
    if (level + 1 == model->geometry.levels)
        return true;
    for (size_t i = 0; i < model->table_count; i++)
        if (model->tables[i].level == level && model->tables[i].span.first <= iova &&
            iova <= model->tables[i].span.last)
            return true;
    return false;
}

void model_scan(const struct model *model, struct span window, uint64_t *entries, uint64_t *table_count)
{
    struct span root = {0, UINT64_MAX >> (64 - model->geometry.iova_bits)};
    for (size_t i = 0; i <= model->table_count; i++) {
        bool is_root = i == model->table_count;
        struct span span = is_root ? root : model->tables[i].span;
        unsigned lg2 =
            pt_entry_lg2(&model->geometry, is_root ? model->geometry.levels - 1 : model->tables[i].level);
        if (!span_overlaps(span, window))
            continue;
        span = span_common(span, window);
        *entries += (span.last >> lg2) - (span.first >> lg2) + 1;
        *table_count += 1;
    }
}

/* ---- maps ---- */

static void drop_tables(struct model *model, struct span span, unsigned level_max)
{
    size_t kept = 0;
    for (size_t i = 0; i < model->table_count; i++)
        if (model->tables[i].level > level_max || !holds(span, model->tables[i].span))
            model->tables[kept++] = model->tables[i];
    model->table_count = kept;
}

static void add_leaf(struct model *model, const struct model_leaf *leaf)
{
    unsigned level = pt_leaf_level(&model->geometry, leaf->lg2), slot = pt_entry_lg2(&model->geometry, level);
    for (uint64_t at = leaf->span.first; level > 0;) {
        if (model_exists(model, level - 1, at)) {
            model->gone_tables[model->gone_table_count++] = (struct iommu_gone){span_at(at, slot), slot};
            drop_tables(model, span_at(at, slot), level - 1);
        }
        if (span_at(at, slot).last == leaf->span.last)
            break;
        at += UINT64_C(1) << slot;
    }
    for (; level + 1 < model->geometry.levels; level++)
        if (!model_exists(model, level, leaf->span.first)) {
            cr_assert_lt(model->table_count, MODEL_TABLES_MAX);
            struct span span = span_at(leaf->span.first, pt_entry_lg2(&model->geometry, level + 1));
            model->tables[model->table_count++] = (struct model_table){span, level};
        }
    cr_assert_lt(model->leaf_count, MODEL_LEAVES_MAX);
    size_t i = model->leaf_count++;
    for (; i > 0 && model->leaves[i - 1].span.first > leaf->span.first; i--)
        model->leaves[i] = model->leaves[i - 1];
    model->leaves[i] = *leaf;
    model->changed[model->changed_count++] = *leaf;
    model->sizes_used |= UINT64_C(1) << leaf->lg2;
}

static void clear_change(struct model *model)
{
    model->changed_count = model->gone_table_count = model->gone_leaf_count = 0;
    model->overreach = 0;
}

void model_map(struct model *model, struct span span, uint64_t address, const struct tables_birth *birth)
{
    clear_change(model);
    uint64_t shift = address - span.first;
    for (uint64_t at = span.first;;) {
        unsigned lg2 = 63;
        for (;; lg2--) {
            uint64_t mask = (UINT64_C(1) << lg2) - 1;
            if ((model->sizes >> lg2 & 1) != 0 && (at & mask) == 0 && ((at + shift) & mask) == 0 &&
                span.last - at >= mask)
                break;
        }
        struct model_leaf leaf = {span_at(at, lg2), shift, lg2, 0};
        bool tracked = !birth->ranges;
        for (size_t i = 0; birth->ranges && i < birth->ranges->count; i++)
            tracked = tracked || span_overlaps(birth->ranges->spans[i], leaf.span);
        leaf.leaf = birth->leaf[tracked];
        add_leaf(model, &leaf);
        if (leaf.span.last == span.last)
            break;
        at = leaf.span.last + 1;
    }
}

/* ---- splits ---- */

static bool is_split(const struct model_leaf *leaf, const struct span_list *spans, unsigned lg2)
{
    for (size_t i = 0; i < spans->count; i++)
        if (leaf->lg2 > lg2 && span_overlaps(spans->spans[i], leaf->span))
            return true;
    return false;
}

void model_split(struct model *model, const struct span_list *spans, unsigned lg2)
{
    static struct model_leaf whole[MODEL_LEAVES_MAX];
    size_t kept = 0, count = 0;
    clear_change(model);
    for (size_t i = 0; i < model->leaf_count; i++)
        if (is_split(&model->leaves[i], spans, lg2))
            whole[count++] = model->leaves[i];
        else
            model->leaves[kept++] = model->leaves[i];
    model->leaf_count = kept;
    for (size_t i = 0; i < count; i++)
        for (uint64_t at = whole[i].span.first;; at += UINT64_C(1) << lg2) {
            struct model_leaf part = {span_at(at, lg2), whole[i].shift, lg2, whole[i].leaf};
            add_leaf(model, &part);
            if (part.span.last == whole[i].span.last)
                break;
        }
    cr_assert_eq(model->gone_table_count, 0, "no table stood below a leaf");
    for (size_t i = 0; i < count; i++)
        model->changed[i] = whole[i];
    model->changed_count = count;
}

/* ---- unmaps ---- */

static bool has_below(const struct model *model, const struct model_table *table)
{
    for (size_t i = 0; i < model->leaf_count; i++)
        if (holds(table->span, model->leaves[i].span))
            return true;
    return false;
}

static bool goes(const struct model *model, const struct model_table *table, struct span request)
{
    if (model->free_tables == FREE_EMPTY)
        return !has_below(model, table);
    unsigned lg2 = pt_entry_lg2(&model->geometry, table->level + 1);
    return holds(request, table->span) &&
           (!model->frees_blocks_only || (model->geometry.plain_sizes >> lg2 & 1) != 0);
}

static int by_address(const void *a, const void *b)
{
    uint64_t x = ((const struct iommu_gone *)a)->span.first, y = ((const struct iommu_gone *)b)->span.first;
    return (x > y) - (x < y);
}

static void free_some_tables(struct model *model, struct span request)
{
    static struct model_table freed[MODEL_TABLES_MAX];
    size_t freed_count = 0, kept = 0;
    for (size_t i = 0; i < model->table_count; i++) {
        if (goes(model, &model->tables[i], request))
            freed[freed_count++] = model->tables[i];
        else
            model->tables[kept++] = model->tables[i];
    }
    model->table_count = kept;
    for (size_t i = 0; i < freed_count; i++) {
        bool top = true;
        for (size_t j = 0; j < freed_count; j++)
            top = top && !(freed[j].level > freed[i].level && holds(freed[j].span, freed[i].span));
        if (top)
            model->gone_tables[model->gone_table_count++] =
                (struct iommu_gone){freed[i].span, pt_entry_lg2(&model->geometry, freed[i].level + 1)};
    }
    qsort(model->gone_tables, model->gone_table_count, sizeof *model->gone_tables, by_address);
}

/* Every block by itself, then those side by side as one. */
static void list_blocks(struct model *model)
{
    struct iommu_gone *out = model->gone_leaves;
    size_t count = 0;
    for (size_t i = 0; i < model->gone_table_count; i++)
        out[count++] = model->gone_tables[i];
    for (size_t i = 0; i < model->changed_count; i++) {
        const struct model_leaf *leaf = &model->changed[i];
        bool covered = false;
        for (size_t j = 0; j < model->gone_table_count; j++)
            covered = covered || holds(model->gone_tables[j].span, leaf->span);
        unsigned slot = pt_entry_lg2(&model->geometry, pt_leaf_level(&model->geometry, leaf->lg2));
        for (uint64_t n = 0; !covered && n < UINT64_C(1) << (leaf->lg2 - slot); n++) {
            cr_assert_lt(count, MODEL_GONE_MAX);
            out[count++] = (struct iommu_gone){span_at(leaf->span.first + (n << slot), slot), slot};
        }
    }
    qsort(out, count, sizeof *out, by_address);
    size_t kept = 0;
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && out[kept - 1].entry_lg2 == out[i].entry_lg2 &&
            out[kept - 1].span.last + 1 == out[i].span.first)
            out[kept - 1].span.last = out[i].span.last;
        else
            out[kept++] = out[i];
    }
    model->gone_leaf_count = kept;
}

static void widen(struct span *hull, struct span span)
{
    hull->first = span.first < hull->first ? span.first : hull->first;
    hull->last = span.last > hull->last ? span.last : hull->last;
}

void model_unmap(struct model *model, struct span span)
{
    clear_change(model);
    size_t kept = 0;
    model->hull = span;
    for (size_t i = 0; i < model->leaf_count; i++) {
        if (!span_overlaps(model->leaves[i].span, span)) {
            model->leaves[kept++] = model->leaves[i];
            continue;
        }
        model->changed[model->changed_count++] = model->leaves[i];
        model->overreach += !holds(span, model->leaves[i].span);
        widen(&model->hull, model->leaves[i].span);
    }
    model->leaf_count = kept;
    if (model->changed_count == 0)
        return;
    free_some_tables(model, span);
    list_blocks(model);
    for (size_t i = 0; model->free_tables == FREE_EMPTY && i < model->gone_table_count; i++)
        widen(&model->hull, model->gone_tables[i].span);
}

void model_change_leaves(struct model *model, struct span span, uint8_t clear, uint8_t set,
                         bool writable_only)
{
    for (size_t i = 0; i < model->leaf_count; i++) {
        struct model_leaf *leaf = &model->leaves[i];
        if (span_overlaps(leaf->span, span) && (!writable_only || (leaf->leaf & LEAF_WRITABLE) != 0))
            leaf->leaf = (uint8_t)((leaf->leaf & ~clear) | set);
    }
}
