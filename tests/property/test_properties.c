/* Properties that hold whatever the experiment, through the engine. */
#include <criterion/criterion.h>
#include <string.h>

#include "sim/mapping/mapping.h"
#include "sim/policy/policy.h"
#include "sim/pt/pt.h"
#include "sim/tracking/tracking.h"
#include "tests/property/random_experiment.h"

#pragma GCC diagnostic ignored "-Wconversion" /* inside Criterion's assertions */

enum { SEEDS = 200, FIRST_SEED = 1000000, BATCH = TRACE_BATCH_RECORDS };

/* Make a random cell one whose flushing is right and whose windows cut no leaf twice: then nothing may get
 * lost but by an unmap. */
static void make_sound(struct cell_config *cell)
{
    experiment_set_method(cell, "hardware");
    cell->iommu.ha = true;
    cell->iommu.hd = true;
    if (cell->iommu.dbm == DBM_OFF)
        cell->iommu.dbm = DBM_STATIC;
    if (cell->harvest.flush == FLUSH_NONE)
        cell->harvest.flush = FLUSH_RANGE;
    cell->ats.invalidate = true;
    cell->harvest.no_clear = false;
    if (cell->harvest.policy->migrates)
        experiment_set_policy(cell, "periodic"); /* T left at the stop is lost */
    cell->harvest.final = true;
    cell->harvest.chunk_bytes = 0;
    if (cell->tracking.range_count > 1)
        cell->tracking.range_count = 1; /* one range may cut leaves: nobody else clears them */
    cell->mapping.unmap_flush = UNMAP_STRICT;
    cell->mapping.conflicts = CONFLICTS_COUNT; /* fewer cells fail */
}

static bool follows_trace(const struct cell_config *cell)
{
    return cell->mapping.source->follows_trace;
}

static void free_results(struct pass_result *results, size_t count)
{
    for (size_t i = 0; i < count; i++)
        pass_result_free(&results[i]);
}

static void explain(uint64_t seed, const struct cell_config *cell)
{
    fprintf(stderr, "seed %llu, cell:\n", (unsigned long long)seed);
    random_experiment_dump(stderr, cell);
}

Test(properties, soundness, .timeout = 0)
{
    for (uint64_t seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
        struct random_experiment experiment;
        struct pass_result results[RANDOM_EXPERIMENT_CELLS_MAX];
        random_experiment_make(&experiment, seed);
        for (size_t i = 0; i < experiment.cell_count; i++)
            make_sound(&experiment.cells[i]);
        experiment_try(&experiment.store, experiment.cells, experiment.cell_count, BATCH, 1, results);
        for (size_t i = 0; i < experiment.cell_count; i++) {
            const struct metrics *m = &results[i].metrics;
            bool sound = m->lost_pages == 0 && m->missed_pages == 0 && m->stale_writes == 0 &&
                         m->truth_pages == m->true_pages + m->unmapped_dirty_pages &&
                         m->written_pages == m->caught_pages + m->unmapped_dirty_pages;
            if (results[i].error.kind != ERROR_NONE)
                continue;
            if (!sound)
                explain(seed, &experiment.cells[i]);
            cr_assert(sound, "%llu pages lost, %llu missed", (unsigned long long)m->lost_pages,
                      (unsigned long long)m->missed_pages);
        }
        free_results(results, experiment.cell_count);
        random_experiment_free(&experiment);
    }
}

/* True when the harvests of `less` and `more` came at the same times and none of `less` reported more. */
static bool reports_no_more(const struct pass_result *less, const struct pass_result *more)
{
    if (less->interval_count != more->interval_count ||
        less->metrics.reported_pages > more->metrics.reported_pages)
        return false;
    for (size_t i = 0; i < less->interval_count; i++)
        if (less->intervals[i].time_ns != more->intervals[i].time_ns ||
            less->intervals[i].reported_pages > more->intervals[i].reported_pages)
            return false;
    return true;
}

Test(properties, bounds_exact_hardware_all, .timeout = 0)
{
    static const char *const methods[] = {"none", "exact", "hardware", "all"};
    for (uint64_t seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
        struct random_experiment experiment;
        struct cell_config cells[4];
        struct pass_result results[4];
        random_experiment_make(&experiment, seed);
        random_experiment_make_plain(&experiment);
        make_sound(&experiment.cells[0]);
        for (size_t i = 0; i < 4; i++) {
            cells[i] = experiment.cells[0]; /* regions and ranges are only read */
            experiment_set_method(&cells[i], methods[i]);
        }
        bool finished = experiment_try(&experiment.store, cells, 4, BATCH, 2, results);
        for (size_t i = 0; finished && i + 1 < 4; i++) {
            bool holds = reports_no_more(&results[i], &results[i + 1]);
            if (!holds)
                explain(seed, &experiment.cells[0]);
            cr_assert(holds, "%s reports more than %s", methods[i], methods[i + 1]);
        }
        free_results(results, 4);
        random_experiment_free(&experiment);
    }
}

/* Sets of leaf sizes, each with one plain size more than the one before. */
static unsigned nested_sizes(const struct cell_config *cell, uint64_t sets[3])
{
    unsigned count = 0;

    for (uint64_t left = experiment_sizes(cell, true), sizes = 0; left != 0 && count < 3; left &= left - 1) {
        sizes |= left & (~left + 1);
        sets[count++] = sizes;
    }
    return count;
}

Test(properties, bigger_leaves_never_report_less, .timeout = 0)
{
    for (uint64_t seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
        struct random_experiment experiment;
        struct cell_config cells[3];
        struct pass_result results[3];
        uint64_t sets[3];
        random_experiment_make(&experiment, seed);
        random_experiment_make_plain(&experiment);
        make_sound(&experiment.cells[0]);
        /* An unmap removes more of a bigger leaf. */
        unsigned count = follows_trace(&experiment.cells[0]) ? 0 : nested_sizes(&experiment.cells[0], sets);
        for (unsigned i = 0; i < count; i++) {
            cells[i] = experiment.cells[0];
            cells[i].mapping.page_sizes = sets[i];
            cells[i].tracking.split = SPLIT_NONE;
        }
        if (count > 0)
            experiment_run(&experiment.store, cells, count, BATCH, 1, results);
        for (unsigned i = 0; i + 1 < count; i++) {
            bool holds = reports_no_more(&results[i], &results[i + 1]) &&
                         results[i].metrics.truth_pages == results[i + 1].metrics.truth_pages &&
                         results[i].metrics.leaves >= results[i + 1].metrics.leaves;
            if (!holds)
                explain(seed, &cells[i]);
            cr_assert(holds, "smaller leaves reported more");
        }
        free_results(results, count);
        random_experiment_free(&experiment);
    }
}

Test(properties, lru_inclusion, .timeout = 0)
{
    for (uint64_t seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
        struct random_experiment experiment;
        struct cell_config cells[6];
        struct pass_result results[6];
        random_experiment_make(&experiment, seed);
        random_experiment_make_plain(&experiment);
        make_sound(&experiment.cells[0]);
        for (size_t i = 0; i < 6; i++) {
            cells[i] = experiment.cells[0];
            cells[i].ats.enabled = false; /* what an IOTLB entry allows decides how often it is asked again */
            cells[i].iotlb.replacement = REPLACEMENT_LRU;
            cells[i].iotlb.ways = 0;
            cells[i].iotlb.entries = i == 0 ? 0 : UINT64_C(3) << i;
        }
        bool finished = experiment_try(&experiment.store, cells, 6, BATCH, 1, results);
        for (size_t i = 0; finished && i + 1 < 6; i++) {
            bool holds = results[i].metrics.iotlb_hits <= results[i + 1].metrics.iotlb_hits &&
                         results[i].metrics.reported_pages == results[i + 1].metrics.reported_pages;
            if (!holds)
                explain(seed, &cells[i]);
            cr_assert(holds, "a larger fully associative LRU hit less often, or reported differently");
        }
        free_results(results, 6);
        random_experiment_free(&experiment);
    }
}

/* The cell on another model: same mapping, caches, schedule; 4 levels, 4 KiB granule, 4 KiB and 2 MiB leaves.
 */
static struct cell_config on_model(const struct cell_config *cell, const char *model, enum dbm dbm)
{
    struct cell_config other = *cell, plain = experiment_cell(model);

    other.iommu = plain.iommu;
    other.iommu.dbm = dbm;
    other.mapping.page_sizes = plain.mapping.page_sizes;
    other.mapping.free_tables =
        FREE_COVERED; /* smmu frees no table of 512 GiB, which no record here covers */
    return other;
}

/* Regions that every model can map. */
static void trim_regions(struct cell_config *cell)
{
    struct config_region *regions = cell->mapping.regions;

    for (size_t i = 0; i < cell->mapping.region_count; i++)
        regions[i].address = regions[i].iova;
    while (cell->mapping.region_count > 0 && (regions[cell->mapping.region_count - 1].iova +
                                              (regions[cell->mapping.region_count - 1].bytes - 1)) >>
                                                     48 !=
                                                 0)
        cell->mapping.region_count--;
    if (regions != NULL && cell->mapping.region_count == 0)
        regions[cell->mapping.region_count++] = (struct config_region){0, 4096, 0};
}

/* Does every record stay below 2^48, from where on only riscv-g maps? */
static bool all_below_48_bits(const struct trace_store *store)
{
    for (size_t i = 0; i < store->count; i++)
        if (store->op[i] != TRACE_MARK && (store->iova[i] + (store->bytes[i] - 1)) >> 48 != 0)
            return false;
    return true;
}

static bool agree(const struct metrics *m, const struct metrics *first, uint64_t root_bytes, bool born_alike)
{
    return m->requests == first->requests && m->leaves == first->leaves &&
           m->leaves_mapped == first->leaves_mapped &&
           m->table_bytes - root_bytes * m->domain_count == first->table_bytes - 4096 * m->domain_count &&
           m->map_conflicts == first->map_conflicts && m->unmap_overreach == first->unmap_overreach &&
           m->faults_translation == first->faults_translation &&
           m->faults_permission == first->faults_permission && m->truth_pages == first->truth_pages &&
           m->written_pages == first->written_pages && m->caught_pages == first->caught_pages &&
           m->unmapped_dirty_pages == first->unmapped_dirty_pages && m->true_pages == first->true_pages &&
           m->scanned_entries == first->scanned_entries &&
           (!born_alike || m->reported_pages == first->reported_pages);
}

/* A format of the catalogue, on Arm with one use of DBM. */
struct variant {
    const struct pt_format *format;
    enum dbm dbm;
};
enum { VARIANTS_MAX = 32 };

static size_t list_variants(struct variant variants[VARIANTS_MAX])
{
    size_t count = 0;
    for (size_t i = 0; pt_formats[i]; i++)
        for (enum dbm dbm = DBM_STATIC; dbm <= DBM_DYNAMIC; dbm++)
            if (dbm == DBM_STATIC || strcmp(pt_formats[i]->vendor, "smmu") == 0) {
                cr_assert(count < VARIANTS_MAX);
                variants[count++] = (struct variant){pt_formats[i], dbm};
            }
    cr_assert(strcmp(variants[0].format->name, "amd-v1") == 0, "the others are compared with it");
    return count;
}

Test(properties, formats_agree, .timeout = 0)
{
    struct variant variants[VARIANTS_MAX];
    size_t variant_count = list_variants(variants);

    for (uint64_t seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
        struct random_experiment experiment;
        struct cell_config cells[VARIANTS_MAX];
        struct pass_result results[VARIANTS_MAX];
        size_t count = 0;
        random_experiment_make(&experiment, seed);
        random_experiment_make_plain(&experiment);
        struct cell_config *base = &experiment.cells[0];
        make_sound(base);
        base->tracking.clear_on_start = true;
        trim_regions(base);
        bool narrow = all_below_48_bits(&experiment.store);
        for (size_t i = 0; i < variant_count; i++) {
            cells[count] = on_model(base, variants[i].format->name, variants[i].dbm);
            if (narrow || variants[i].format->geometry(&cells[count]).iova_bits <= 48)
                count++;
        }
        bool finished = experiment_try(&experiment.store, cells, count, BATCH, 2, results);
        for (size_t i = 1; finished && i < count; i++) {
            const struct pt_format *format = cells[i].iommu.model;
            /* Under source: trace, static DBM lets leaves be born dirty while tracking. */
            bool born_alike = !follows_trace(base) || cells[i].iommu.dbm == DBM_DYNAMIC;
            bool same = agree(&results[i].metrics, &results[0].metrics, format->geometry(&cells[i]).root_bytes, born_alike);
            if (!same)
                explain(seed, &cells[i]);
            cr_assert(same, "%s differs from amd-v1", format->name);
        }
        free_results(results, count);
        random_experiment_free(&experiment);
    }
}

static bool same_result(const struct pass_result *a, const struct pass_result *b)
{
    if (a->error.kind != ERROR_NONE || b->error.kind != ERROR_NONE)
        return a->error.kind == b->error.kind && strcmp(a->error.text, b->error.text) == 0;
    return memcmp(&a->metrics, &b->metrics, sizeof(a->metrics)) == 0 &&
           a->interval_count == b->interval_count &&
           (a->interval_count == 0 ||
            memcmp(a->intervals, b->intervals, a->interval_count * sizeof(*a->intervals)) == 0);
}

Test(properties, batches_threads_companions, .timeout = 0)
{
    static const struct {
        size_t batch_records;
        unsigned threads;
    } ways[] = {{1, 1}, {1, 2}, {7, 1}, {64, 2}, {BATCH, 2}, {BATCH, 1}};
    for (uint64_t seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
        struct random_experiment experiment;
        struct pass_result alone[RANDOM_EXPERIMENT_CELLS_MAX], together[RANDOM_EXPERIMENT_CELLS_MAX];
        random_experiment_make(&experiment, seed);
        for (size_t i = 0; i < experiment.cell_count; i++)
            experiment_try(&experiment.store, &experiment.cells[i], 1, BATCH, 1, &alone[i]);
        for (size_t w = 0; w < sizeof(ways) / sizeof(*ways); w++) {
            experiment_try(&experiment.store, experiment.cells, experiment.cell_count, ways[w].batch_records,
                           ways[w].threads, together);
            for (size_t i = 0; i < experiment.cell_count; i++) {
                bool same = same_result(&alone[i], &together[i]);
                if (!same)
                    explain(seed, &experiment.cells[i]);
                cr_assert(same, "batch %zu, %u threads, %zu cells: not as alone", ways[w].batch_records,
                          ways[w].threads, experiment.cell_count);
            }
            free_results(together, experiment.cell_count);
        }
        free_results(alone, experiment.cell_count);
        random_experiment_free(&experiment);
    }
}

/* Like cells in one pass may share work between them: each as if alone. */
Test(properties, like_companions, .timeout = 0)
{
    for (uint64_t seed = FIRST_SEED; seed < FIRST_SEED + SEEDS / 2; seed++) {
        struct random_experiment experiment;
        struct cell_config cells[6];
        struct pass_result alone, together[6];
        random_experiment_make(&experiment, seed);
        for (size_t i = 0; i < 6; i++)
            cells[i] = experiment.cells[0];
        cells[1].iotlb.entries = 16;
        cells[1].iotlb.ways = 2;
        cells[2].harvest.flush = FLUSH_DOMAIN;
        if (!cells[3].harvest.policy->migrates)
            cells[3].harvest.no_clear = !cells[3].harvest.no_clear;
        cells[4].walk_cache.entries = 0;
        cells[5].cost.walk_read_ps += 1000;
        experiment_try(&experiment.store, cells, 6, 7, 2, together);
        for (size_t i = 0; i < 6; i++) {
            experiment_try(&experiment.store, &cells[i], 1, BATCH, 1, &alone);
            bool same = same_result(&alone, &together[i]);
            if (!same)
                explain(seed, &cells[i]);
            cr_assert(same, "cell %zu: not as alone", i);
            pass_result_free(&alone);
        }
        free_results(together, 6);
        random_experiment_free(&experiment);
    }
}
