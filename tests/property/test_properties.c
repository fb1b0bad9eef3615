/* Properties that hold whatever the experiment (architecture.md 3), through the engine. */
#include <criterion/criterion.h>
#include <string.h>

#include "sim/pt/pt.h"
#include "sim/tracking/tracking.h"
#include "tests/property/random_experiment.h"

#pragma GCC diagnostic ignored "-Wconversion" /* inside Criterion's assertions */

enum { SEEDS = 200, FIRST_SEED = 1000000, BATCH = TRACE_BATCH_RECORDS };

/* Make a random cell one whose flushing is right and whose windows cut no leaf twice: then nothing may get
 * lost. */
static void make_sound(struct cell_config *cell)
{
    experiment_set_method(cell, "hardware");
    cell->iommu.ha = true;
    cell->iommu.hd = true;
    if (cell->iommu.dbm == DBM_OFF)
        cell->iommu.dbm = DBM_STATIC;
    if (cell->harvest.flush == FLUSH_NONE)
        cell->harvest.flush = FLUSH_RANGE;
    cell->harvest.no_clear = false;
    cell->harvest.final = true;
    cell->harvest.chunk_bytes = 0;
    if (cell->tracking.range_count > 1)
        cell->tracking.range_count = 1; /* one range may cut leaves: nobody else clears them */
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
        experiment_run(&experiment.store, experiment.cells, experiment.cell_count, BATCH, 1, results);
        for (size_t i = 0; i < experiment.cell_count; i++) {
            const struct metrics *m = &results[i].metrics;
            bool sound = m->lost_pages == 0 && m->missed_pages == 0 && m->truth_pages == m->true_pages;
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
        make_sound(&experiment.cells[0]);
        for (size_t i = 0; i < 4; i++) {
            cells[i] = experiment.cells[0]; /* regions and ranges are only read */
            experiment_set_method(&cells[i], methods[i]);
        }
        experiment_run(&experiment.store, cells, 4, BATCH, 2, results);
        for (size_t i = 0; i + 1 < 4; i++) {
            bool holds = reports_no_more(&results[i], &results[i + 1]);
            if (!holds)
                explain(seed, &experiment.cells[0]);
            cr_assert(holds, "%s reports more than %s", methods[i], methods[i + 1]);
        }
        free_results(results, 4);
        random_experiment_free(&experiment);
    }
}

/* The model's plain leaf sizes at this granule, ascending. */
static unsigned plain_sizes(const struct cell_config *cell, uint8_t sizes_lg2[3])
{
    static const uint8_t plain[][3] = {{12, 21, 30}, {14, 25, 0}, {16, 29, 0}};
    unsigned row = cell->iommu.granule_bytes == 4096 ? 0 : cell->iommu.granule_bytes == 16384 ? 1 : 2;

    memcpy(sizes_lg2, plain[row], 3);
    return row == 0 ? 3 : 2;
}

Test(properties, bigger_leaves_never_report_less, .timeout = 0)
{
    for (uint64_t seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
        struct random_experiment experiment;
        struct cell_config cells[3];
        struct pass_result results[3];
        random_experiment_make(&experiment, seed);
        make_sound(&experiment.cells[0]);
        unsigned count = plain_sizes(&experiment.cells[0], experiment.cells[0].mapping.page_sizes_lg2);
        for (unsigned i = 0; i < count; i++) {
            cells[i] = experiment.cells[0];
            cells[i].mapping.page_size_count = i + 1;
        }
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
        make_sound(&experiment.cells[0]);
        for (size_t i = 0; i < 6; i++) {
            cells[i] = experiment.cells[0];
            cells[i].iotlb.replacement = REPLACEMENT_LRU;
            cells[i].iotlb.ways = 0;
            cells[i].iotlb.entries = i == 0 ? 0 : UINT64_C(3) << i;
        }
        experiment_run(&experiment.store, cells, 6, BATCH, 1, results);
        for (size_t i = 0; i + 1 < 6; i++) {
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
    memcpy(other.mapping.page_sizes_lg2, plain.mapping.page_sizes_lg2, sizeof(plain.mapping.page_sizes_lg2));
    other.mapping.page_size_count = plain.mapping.page_size_count;
    return other;
}

Test(properties, formats_agree, .timeout = 0)
{
    for (uint64_t seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
        struct random_experiment experiment;
        struct cell_config cells[6];
        struct pass_result results[6];
        random_experiment_make(&experiment, seed);
        struct cell_config *base = &experiment.cells[0];
        make_sound(base);
        base->tracking.clear_on_start = true;
        while (base->mapping.region_count > 0 &&
               (base->mapping.regions[base->mapping.region_count - 1].iova +
                (base->mapping.regions[base->mapping.region_count - 1].bytes - 1)) >>
                       48 !=
                   0)
            base->mapping.region_count--;
        if (base->mapping.regions != NULL && base->mapping.region_count == 0)
            base->mapping.regions[base->mapping.region_count++] = (struct config_region){0, 4096, 0};
        cells[0] = on_model(base, "amd-v1", DBM_STATIC);
        cells[1] = on_model(base, "intel-ss", DBM_STATIC);
        cells[2] = on_model(base, "smmu-s1", DBM_STATIC);
        cells[3] = on_model(base, "smmu-s1", DBM_DYNAMIC);
        cells[4] = on_model(base, "smmu-s2", DBM_STATIC);
        cells[5] = on_model(base, "smmu-s2", DBM_DYNAMIC);
        experiment_run(&experiment.store, cells, 6, BATCH, 2, results);
        const struct metrics *first = &results[0].metrics;
        for (size_t i = 1; i < 6; i++) {
            const struct metrics *m = &results[i].metrics;
            bool same = m->requests == first->requests && m->leaves == first->leaves &&
                        m->table_bytes == first->table_bytes &&
                        m->faults_translation == first->faults_translation && m->faults_permission == 0 &&
                        first->faults_permission == 0 && m->truth_pages == first->truth_pages &&
                        m->true_pages == first->true_pages && m->reported_pages == first->reported_pages &&
                        m->scanned_entries == first->scanned_entries;
            if (!same)
                explain(seed, &cells[i]);
            cr_assert(same, "%s differs from amd-v1", cells[i].iommu.model->name);
        }
        free_results(results, 6);
        random_experiment_free(&experiment);
    }
}

static bool same_result(const struct pass_result *a, const struct pass_result *b)
{
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
            experiment_run(&experiment.store, &experiment.cells[i], 1, BATCH, 1, &alone[i]);
        for (size_t w = 0; w < sizeof(ways) / sizeof(*ways); w++) {
            experiment_run(&experiment.store, experiment.cells, experiment.cell_count, ways[w].batch_records,
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

/* Like cells in one pass may share work between them (architecture.md 2): each as if alone. */
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
        cells[3].harvest.no_clear = !cells[3].harvest.no_clear;
        cells[4].walk_cache.entries = 0;
        cells[5].cost.walk_read_ps += 1000;
        experiment_run(&experiment.store, cells, 6, 7, 2, together);
        for (size_t i = 0; i < 6; i++) {
            experiment_run(&experiment.store, &cells[i], 1, BATCH, 1, &alone);
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
