/* sim/pt/tables.h against the plainest tables there can be, under random maps, unmaps, splits and changes of
 * leaf state. */
#include <stdlib.h>

#include <criterion/criterion.h>

#include "sim/base/memory.h"
#include "sim/base/rng.h"
#include "tests/unit/tables_model.h"

#define BIT(n) (UINT64_C(1) << (n))

/* A shape, and borders around which things happen. */
struct setting {
    const char *name;
    struct pt_geometry geometry;
    uint64_t sizes;
    uint64_t borders[4];
    unsigned reach_lg2; /* spans are up to this long, if that does not make too many leaves */
    bool frees_blocks_only;
    unsigned steps;
};

static const struct setting settings[] = {
    {.name = "2 bits per level, all sizes",
     .geometry = {.levels = 4,
                  .granule_lg2 = 12,
                  .index_bits = 2,
                  .iova_bits = 20,
                  .table_bytes = 32,
                  .root_bytes = 32,
                  .plain_sizes = BIT(12) | BIT(14) | BIT(16),
                  .sizes = BIT(20) - BIT(12)},
     .sizes = BIT(19) - BIT(12),
     .borders = {0, BIT(18), BIT(19), BIT(19) + BIT(18)},
     .reach_lg2 = 18,
     .steps = 3000},
    {.name = "3 bits per level, plain sizes, blocks only",
     .geometry = {.levels = 3,
                  .granule_lg2 = 12,
                  .index_bits = 3,
                  .iova_bits = 21,
                  .table_bytes = 64,
                  .root_bytes = 64,
                  .plain_sizes = BIT(12) | BIT(15),
                  .sizes = BIT(12) | BIT(15)},
     .sizes = BIT(12) | BIT(15),
     .borders = {0, BIT(18), BIT(19), BIT(20)},
     .reach_lg2 = 19,
     .frees_blocks_only = true,
     .steps = 3000},
    {.name = "9 bits, 4 levels",
     .geometry = {.levels = 4,
                  .granule_lg2 = 12,
                  .index_bits = 9,
                  .iova_bits = 48,
                  .table_bytes = 4096,
                  .root_bytes = 4096,
                  .plain_sizes = BIT(12) | BIT(21) | BIT(30),
                  .sizes = BIT(47) - BIT(12)},
     .sizes = BIT(12) | BIT(13) | BIT(16) | BIT(20) | BIT(21) | BIT(22) | BIT(30),
     .borders = {BIT(30), BIT(30) + BIT(21), BIT(31), BIT(39)},
     .reach_lg2 = 31,
     .steps = 1500},
    {.name = "9 bits, 4 levels, blocks only",
     .geometry = {.levels = 4,
                  .granule_lg2 = 12,
                  .index_bits = 9,
                  .iova_bits = 48,
                  .table_bytes = 4096,
                  .root_bytes = 4096,
                  .plain_sizes = BIT(12) | BIT(21) | BIT(30),
                  .sizes = BIT(12) | BIT(16) | BIT(21) | BIT(25) | BIT(30)},
     .sizes = BIT(12) | BIT(16) | BIT(21) | BIT(30),
     .borders = {0, BIT(30), BIT(39) - BIT(30), BIT(39)},
     .reach_lg2 = 32,
     .frees_blocks_only = true,
     .steps = 1500},
    {.name = "9 bits, 6 levels: all of 2^64",
     .geometry = {.levels = 6,
                  .granule_lg2 = 12,
                  .index_bits = 9,
                  .iova_bits = 64,
                  .table_bytes = 4096,
                  .root_bytes = 4096,
                  .plain_sizes = BIT(12) | BIT(21) | BIT(30),
                  .sizes = BIT(52) - BIT(12)},
     .sizes = BIT(12) | BIT(14) | BIT(21) | BIT(23) | BIT(30) | BIT(31),
     .borders = {BIT(57), BIT(48), 0, 0 - BIT(21)},
     .reach_lg2 = 33,
     .steps = 1500},
    {.name = "11 bits, 16 KiB granule, a root of two entries",
     .geometry = {.levels = 4,
                  .granule_lg2 = 14,
                  .index_bits = 11,
                  .iova_bits = 48,
                  .table_bytes = 16384,
                  .root_bytes = 16384,
                  .plain_sizes = BIT(14) | BIT(25),
                  .sizes = BIT(14) | BIT(21) | BIT(25) | BIT(30)},
     .sizes = BIT(14) | BIT(21) | BIT(25) | BIT(30),
     .borders = {BIT(36), BIT(36) + BIT(25), BIT(47), 0},
     .reach_lg2 = 31,
     .frees_blocks_only = true,
     .steps = 1500},
    {.name = "9 bits, a root four times as large",
     .geometry = {.levels = 3,
                  .granule_lg2 = 12,
                  .index_bits = 9,
                  .iova_bits = 41,
                  .table_bytes = 4096,
                  .root_bytes = 16384,
                  .plain_sizes = BIT(12) | BIT(21) | BIT(30),
                  .sizes = BIT(12) | BIT(16) | BIT(21) | BIT(30)},
     .sizes = BIT(12) | BIT(21) | BIT(30),
     .borders = {BIT(40), BIT(39), BIT(30), BIT(41) - BIT(30)},
     .reach_lg2 = 32,
     .steps = 1500},
};

struct both {
    const struct setting *setting;
    struct tables *tables;
    struct model *model;
    struct tables_change change;
    uint64_t random, top;
    unsigned smallest_lg2;
    struct span_list ranges;
    unsigned splits; /* that split something */
};

static uint64_t below(struct both *both, uint64_t bound)
{
    return rng_next(&both->random) % bound;
}

static struct span random_span(struct both *both, unsigned unit_lg2, unsigned length_lg2)
{
    uint64_t near = both->setting->borders[below(both, 4)], unit = UINT64_C(1) << unit_lg2;
    uint64_t distance = below(both, BIT(1 + below(both, both->setting->reach_lg2)));
    uint64_t first = (below(both, 3) > 0 ? near - distance : near + distance) & both->top & ~(unit - 1);
    uint64_t length = (below(both, BIT(1 + below(both, length_lg2))) + unit) & ~(unit - 1);
    uint64_t last = first + length - 1;
    return (struct span){first, last < first || last > both->top ? both->top : last};
}

/* ---- checks ---- */

static void check_runs(const struct both *both, const struct tables *tables)
{
    const struct model *model = both->model;
    const struct leaf_run *run = tables_lower(tables, 0), *before = NULL;
    size_t i = 0;
    uint64_t dirty = 0, listed = 0;
    for (; run; before = run, run = tables_next(run)) {
        cr_assert(!before || before->span.last < run->span.first);
        cr_assert(!before || before->span.last + 1 != run->span.first || before->shift != run->shift ||
                      before->lg2 != run->lg2 || before->leaf != run->leaf,
                  "neighbours are not joined");
        cr_assert_eq(run->level, pt_leaf_level(&model->geometry, run->lg2));
        for (uint64_t at = run->span.first;; at += UINT64_C(1) << run->lg2) {
            const struct model_leaf *leaf = &model->leaves[i++];
            cr_assert_leq(i, model->leaf_count);
            cr_assert_eq(leaf->span.first, at);
            cr_assert(leaf->lg2 == run->lg2 && leaf->shift == run->shift && leaf->leaf == run->leaf);
            dirty += leaf->leaf & LEAF_DIRTY;
            if (leaf->span.last == run->span.last)
                break;
        }
    }
    cr_assert_eq(i, model->leaf_count);
    for (run = tables_first_dirty(tables); run; run = tables_next_dirty(run)) {
        cr_assert(run->leaf & LEAF_DIRTY);
        listed += ((run->span.last - run->span.first) >> run->lg2) + 1;
    }
    cr_assert_eq(listed, dirty);
}

static void check_counts(const struct both *both, const struct tables *tables)
{
    const struct model *model = both->model;
    const struct tables_count *count = tables_count(tables);
    uint64_t entries = 0, table_count = 0, runs = 0, pages = 0, at = 0;
    struct span mapped;
    for (size_t i = 0; i < model->leaf_count;) {
        struct span span = model->leaves[i++].span;
        while (i < model->leaf_count && model->leaves[i].span.first == span.last + 1)
            span.last = model->leaves[i++].span.last;
        model_scan(model, span, &entries, &table_count);
        runs++;
        pages += ((span.last - span.first) >> 12) + 1;
        cr_assert(tables_mapped_lower(tables, at, &mapped));
        cr_assert(mapped.first == span.first && mapped.last == span.last);
        at = span.last + 1;
    }
    cr_assert(at == 0 || !tables_mapped_lower(tables, at, &mapped));
    cr_assert_eq(tables_mapped_runs(tables), runs);
    cr_assert_eq(tables_mapped_pages(tables), pages);
    cr_assert_eq(count->leaves, model->leaf_count);
    cr_assert_eq(count->tables, model->table_count + 1);
    cr_assert_eq(count->table_bytes,
                 model->geometry.root_bytes + model->table_count * model->geometry.table_bytes);
    cr_assert_eq(count->scan_entries, entries);
    cr_assert_eq(count->scan_tables, table_count);
    cr_assert_eq(count->sizes_used, model->sizes_used);
}

static void check_addresses(struct both *both, const struct tables *tables)
{
    const struct model *model = both->model;
    for (unsigned i = 0; i < 6; i++) {
        struct span window = random_span(both, 12, both->setting->reach_lg2);
        uint64_t got[2] = {1, 2}, want[2] = {1, 2}, iova = window.first + below(both, 4096);
        tables_scan(tables, window, &got[0], &got[1]);
        model_scan(model, window, &want[0], &want[1]);
        cr_assert(got[0] == want[0] && got[1] == want[1], "scan of %#lx..%#lx", window.first, window.last);
        const struct model_leaf *leaf = model_find(model, iova);
        const struct leaf_run *run = tables_find(tables, iova);
        cr_assert_eq(!leaf, !run);
        cr_assert(!leaf || (run->span.first <= leaf->span.first && leaf->span.last <= run->span.last));
        unsigned terminal = 0;
        while (!model_exists(model, terminal, iova))
            terminal++;
        cr_assert_eq(tables_terminal_level(tables, iova),
                     leaf ? pt_leaf_level(&model->geometry, leaf->lg2) : terminal);
        for (unsigned level = 0; level < model->geometry.levels; level++)
            cr_assert_eq(tables_exists(tables, level, iova), model_exists(model, level, iova));
    }
    for (unsigned writable = 0; writable < 2; writable++) {
        uint64_t entries = 0, leaves = 0, got_leaves,
                 got = tables_entries_in(tables, &both->ranges, writable, &got_leaves);
        for (size_t i = 0; i < model->leaf_count; i++) {
            const struct model_leaf *leaf = &model->leaves[i];
            size_t at = span_lower(&both->ranges, leaf->span.first);
            if (at < both->ranges.count && span_overlaps(both->ranges.spans[at], leaf->span) &&
                (!writable || (leaf->leaf & LEAF_WRITABLE))) {
                leaves++;
                entries += UINT64_C(1) << pt_leaf_entries_lg2(&model->geometry, leaf->lg2);
            }
        }
        cr_assert(got == entries && got_leaves == leaves);
    }
}

static void check_gone(const struct iommu_gone *got, size_t got_count, const struct iommu_gone *want,
                       size_t want_count)
{
    cr_assert_eq(got_count, want_count);
    for (size_t i = 0; i < got_count; i++)
        cr_assert(got[i].span.first == want[i].span.first && got[i].span.last == want[i].span.last &&
                  got[i].entry_lg2 == want[i].entry_lg2);
}

static void check_change(const struct both *both)
{
    const struct tables_change *change = &both->change;
    const struct model *model = both->model;
    size_t n = 0;
    for (size_t i = 0; i < change->run_count; i++) {
        const struct leaf_run *run = &change->runs[i];
        cr_assert_eq(run->level, pt_leaf_level(&model->geometry, run->lg2));
        for (uint64_t at = run->span.first;; at += UINT64_C(1) << run->lg2) {
            const struct model_leaf *leaf = &model->changed[n++];
            cr_assert_leq(n, model->changed_count);
            cr_assert(leaf->span.first == at && leaf->lg2 == run->lg2 && leaf->shift == run->shift &&
                      leaf->leaf == run->leaf);
            if (leaf->span.last == run->span.last)
                break;
        }
    }
    cr_assert_eq(n, model->changed_count);
    cr_assert_eq(change->leaves_count, n);
    cr_assert_eq(change->overreach, model->overreach);
    check_gone(change->tables, change->table_count, model->gone_tables, model->gone_table_count);
    check_gone(change->leaves, change->leaf_count, model->gone_leaves, model->gone_leaf_count);
}

static void check_all(struct both *both, const struct tables *tables)
{
    check_runs(both, tables);
    check_counts(both, tables);
    check_addresses(both, tables);
}

/* ---- steps ---- */

static int by_first(const void *a, const void *b)
{
    uint64_t x = ((const struct span *)a)->first, y = ((const struct span *)b)->first;
    return (x > y) - (x < y);
}

/* Where random spans overlap, the second begins where the first ends: such ranges touch. */
static void new_ranges(struct both *both)
{
    struct span spans[30];
    size_t count = 1 + below(both, 30);
    for (size_t i = 0; i < count; i++)
        spans[i] = random_span(both, 12, both->setting->reach_lg2);
    qsort(spans, count, sizeof *spans, by_first);
    both->ranges.count = 0;
    cr_assert(memory_grow(&both->ranges.spans, &both->ranges.capacity, count, sizeof *spans, NULL));
    for (size_t i = 0; i < count; i++) {
        const struct span *tail = both->ranges.count > 0 ? &both->ranges.spans[both->ranges.count - 1] : NULL;
        if (tail && spans[i].last <= tail->last)
            continue;
        if (tail && spans[i].first <= tail->last)
            spans[i].first = tail->last + 1;
        both->ranges.spans[both->ranges.count++] = spans[i];
    }
}

static void step_map(struct both *both)
{
    unsigned lg2 = both->smallest_lg2 + (unsigned)below(both, 40);
    unsigned unit = lg2 < both->smallest_lg2 + 28 ? lg2 : both->smallest_lg2;
    uint64_t shift = below(both, 1000) << (below(both, 2) ? 39 : unit); /* more often large leaves than not */
    unsigned largest = 63, length;                                      /* leaf that the shift allows */
    while (largest > both->smallest_lg2 &&
           ((shift & (BIT(largest) - 1)) != 0 || (both->setting->sizes >> largest & 1) == 0))
        largest--;
    length = largest + 8 < both->setting->reach_lg2 ? largest + 8 : both->setting->reach_lg2;
    struct span span = random_span(both, both->smallest_lg2, length);
    const struct model_leaf *leaf;
    while ((leaf = model_find(both->model, span.first))) {
        if (leaf->span.last >= span.last)
            return;
        span.first = leaf->span.last + 1;
    }
    for (size_t i = both->model->leaf_count; i-- > 0;)
        if (both->model->leaves[i].span.first > span.first && both->model->leaves[i].span.first <= span.last)
            span.last = both->model->leaves[i].span.first - 1;
    struct tables_birth birth = {.leaf = {(uint8_t)below(both, 64), (uint8_t)below(both, 64)}};
    if (below(both, 3) == 0)
        birth.leaf[1] = birth.leaf[0];
    if (below(both, 3) > 0)
        birth.ranges = &both->ranges;
    model_map(both->model, span, span.first + shift, &birth);
    cr_assert(tables_map(both->tables, span, span.first + shift, &birth, &both->change, NULL));
    check_change(both);
    size_t tables = both->change.table_count;
    cr_assert(tables == 0 || (both->change.hull.first == both->change.tables[0].span.first &&
                              both->change.hull.last == both->change.tables[tables - 1].span.last));
}

static void step_unmap(struct both *both, struct span span)
{
    model_unmap(both->model, span);
    cr_assert(tables_unmap(both->tables, span, &both->change, NULL));
    check_change(both);
    if (both->change.leaves_count > 0)
        cr_assert(both->change.hull.first == both->model->hull.first &&
                  both->change.hull.last == both->model->hull.last);
}

/* So many leaves and tables at most, so that the model stays quick. */
static bool is_small_split(const struct model *model, const struct span_list *spans, unsigned lg2)
{
    uint64_t parts = 0, tables = 0;
    for (size_t i = 0; i < model->leaf_count; i++)
        for (size_t s = 0; s < spans->count; s++)
            if (model->leaves[i].lg2 > lg2 && span_overlaps(spans->spans[s], model->leaves[i].span)) {
                parts += UINT64_C(1) << (model->leaves[i].lg2 - lg2);
                tables += 2 + (parts >> (model->geometry.index_bits - 1));
            }
    return parts <= 2100 && model->table_count + tables <= MODEL_TABLES_MAX;
}

static void step_split(struct both *both)
{
    const struct pt_geometry *geometry = &both->setting->geometry;
    struct model *model = both->model;
    struct span one = random_span(both, 12, both->setting->reach_lg2), window = one;
    struct span_list spans = {.spans = &one, .count = 1};
    struct split_count count = {.leaves = 1, .entries = 2};
    uint64_t plain = geometry->plain_sizes, before[2] = {0, 0}, after[2] = {0, 0}, more[2] = {0, 0};
    for (uint64_t skip = below(both, 3); skip > 0 && (plain & (plain - 1)) != 0; skip--)
        plain &= plain - 1;
    unsigned lg2 = (unsigned)__builtin_ctzll(plain);
    if (below(both, 4) == 0)
        spans = both->ranges;
    else if (model->leaf_count > 0 && below(both, 4) > 0)
        one = window = model->leaves[below(both, model->leaf_count)].span;
    if (!is_small_split(model, &spans, lg2))
        return;
    uint64_t leaves = model->leaf_count, tables = model->table_count, entries = 0;
    tables_scan(both->tables, window, &before[0], &before[1]);
    model_split(model, &spans, lg2);
    cr_assert(tables_split(both->tables, &spans, lg2, &both->change, &count, NULL));
    check_change(both);
    for (size_t i = 0; i < model->changed_count; i++)
        entries += UINT64_C(1) << pt_leaf_entries_lg2(geometry, model->changed[i].lg2);
    cr_assert_eq(count.leaves, 1 + model->changed_count);
    cr_assert_eq(count.parts, model->leaf_count - leaves + model->changed_count);
    cr_assert_eq(count.tables, model->table_count - tables);
    cr_assert_eq(count.entries, 2 + entries + (count.tables << geometry->index_bits));
    /* What a window counts more for that. */
    tables_scan(both->tables, window, &after[0], &after[1]);
    for (size_t i = 0; i < both->change.run_count; i++)
        if (span_overlaps(both->change.runs[i].span, window))
            tables_split_scan(geometry, &both->change.runs[i], lg2, window, &more[0], &more[1]);
    cr_assert(after[0] - before[0] == more[0] && after[1] - before[1] == more[1]);
    both->splits += model->changed_count > 0;
}

static void step_change(struct both *both)
{
    struct span span = random_span(both, 12, both->setting->reach_lg2);
    uint8_t clear = (uint8_t)below(both, 64), set = (uint8_t)below(both, 64);
    bool writable = below(both, 2);
    if (below(both, 2))
        clear = set = LEAF_DIRTY;
    model_change_leaves(both->model, span, clear, set, writable);
    cr_assert(tables_change_leaves(both->tables, span, clear, set, writable, NULL));
}

static void play(const struct setting *setting, enum free_tables free_tables, uint64_t seed)
{
    struct both both = {.setting = setting,
                        .random = seed,
                        .top = UINT64_MAX >> (64 - setting->geometry.iova_bits),
                        .smallest_lg2 = (unsigned)__builtin_ctzll(setting->sizes)};
    both.tables =
        tables_new(&setting->geometry, setting->sizes, free_tables, setting->frees_blocks_only, NULL);
    both.model = model_new(&setting->geometry, setting->sizes, free_tables, setting->frees_blocks_only);
    check_all(&both, both.tables);
    for (unsigned step = 0; step < setting->steps; step++) {
        uint64_t kind = below(&both, 100);
        if (step % 50 == 0)
            new_ranges(&both);
        if (both.model->leaf_count > 2500 || kind == 0)
            step_unmap(&both, (struct span){0, both.top - (kind == 0 ? below(&both, 4) << 12 : 0)});
        else if (kind < 50)
            step_map(&both);
        else if (kind < 70)
            step_split(&both);
        else if (kind < 90)
            step_unmap(&both, random_span(&both, 12, setting->reach_lg2));
        else
            step_change(&both);
        check_all(&both, both.tables);
    }
    cr_assert_geq(both.splits, 5, "%s: %u", setting->name, both.splits);
    struct tables *copy = tables_copy(both.tables, NULL);
    tables_free(both.tables);
    check_all(&both, copy);
    tables_free(copy);
    free(both.model);
    span_free(&both.ranges);
    tables_change_free(&both.change);
}

Test(tables_random, agrees_with_the_plainest_tables)
{
    uint64_t used = memory_used();
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        for (unsigned policy = 0; policy < 2; policy++)
            play(&settings[i], policy ? FREE_EMPTY : FREE_COVERED, 1 + i * 2 + policy);
    cr_assert_eq(memory_used(), used);
}
