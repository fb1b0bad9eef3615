/* The engine over a native file against the same records in memory: unread or read before, with payloads kept or not, with
 * a thread that reads ahead or none. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "sim/engine/survey.h"
#include "tests/property/random_experiment.h"
#include "traces/native/native.h"

enum { SEEDS = 160, TILE_BYTES = 2 << 20 };

static void write_file(const char *path, const struct trace_store *store)
{
    struct native_writer *writer;
    struct error error = {0};
    cr_assert(native_writer_open(path, &writer, &error), "%s", error.text);
    for (size_t at = 0; at < store->count;) {
        struct trace_batch batch = trace_store_view(store, at);
        cr_assert(native_writer_add(writer, &batch, &error), "%s", error.text);
        at += batch.count;
    }
    cr_assert(native_writer_close(writer, "", &error), "%s", error.text);
}

/* As far as a pass can be unread: of random cells few leave it at that. */
static bool is_told(struct trace *trace, const struct cell_config *const cells[], size_t count)
{
    struct survey survey;
    struct error error = {0};
    bool told;
    cr_assert(survey_init(&survey, cells, count, &error) && survey_told(&survey, trace, cells, count, &told, &error));
    survey_free(&survey);
    return told;
}

static void expect_same(uint64_t seed, const struct pass_result *one, const struct pass_result *other)
{
    cr_assert_eq(one->error.kind, other->error.kind, "seed %llu", (unsigned long long)seed);
    cr_assert_str_eq(one->error.text, other->error.text);
    if (one->error.kind != ERROR_NONE)
        return;
    cr_assert_eq(memcmp(&one->metrics, &other->metrics, sizeof one->metrics), 0, "seed %llu", (unsigned long long)seed);
    cr_assert_eq(memcmp(&one->seen, &other->seen, sizeof one->seen), 0, "seed %llu", (unsigned long long)seed);
    cr_assert_eq(one->interval_count, other->interval_count);
    cr_assert(one->interval_count == 0 ||
              memcmp(one->intervals, other->intervals, one->interval_count * sizeof *one->intervals) == 0);
}

static bool run_seed(uint64_t seed, const char *path)
{
    struct random_experiment experiment;
    const struct cell_config *cells[RANDOM_EXPERIMENT_CELLS_MAX];
    struct pass_result expected[RANDOM_EXPERIMENT_CELLS_MAX];
    struct error error = {0};
    struct trace *trace;
    random_experiment_make(&experiment, seed);
    const size_t count = seed % 2 == 0 ? 1 : experiment.cell_count;
    for (size_t i = 0; i < count; i++) {
        cells[i] = &experiment.cells[i];
        if (seed % 4 < 2 && experiment.cells[i].mapping.extent_bytes != 0)
            experiment.cells[i].mapping.extent_bytes = TILE_BYTES;
    }
    write_file(path, &experiment.store);
    experiment_try(&experiment.store, experiment.cells, count, experiment.batch_records, 1, expected);
    bool told = false;
    static const uint64_t store_bytes[] = {0, 5000, UINT64_MAX};
    for (unsigned way = 0; way < 6; way++) {
        struct pass_options options = {.threads = 1 + way / 3 * (unsigned)count,
                                       .batch_records = experiment.batch_records,
                                       .intervals = true,
                                       .store_bytes = store_bytes[way % 3]};
        struct pass_result results[RANDOM_EXPERIMENT_CELLS_MAX];
        cr_assert(trace_open(path, NULL, UINT64_MAX, &trace, &error), "%s", error.text);
        told = is_told(trace, cells, count);
        cr_assert(pass_run(&options, trace, cells, count, results, NULL, &error), "%s", error.text);
        trace_close(trace);
        for (size_t i = 0; i < count; i++) {
            expect_same(seed, &results[i], &expected[i]);
            pass_result_free(&results[i]);
        }
    }
    for (size_t i = 0; i < count; i++)
        pass_result_free(&expected[i]);
    random_experiment_free(&experiment);
    return told;
}

Test(native_ways, files_are_as_records_in_memory, .timeout = 0)
{
    char path[] = "/tmp/dirtywalk-ways-XXXXXX.dwt";
    int file = mkstemps(path, 4);
    cr_assert_geq(file, 0);
    close(file);
    unsigned told = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++)
        told += run_seed(seed, path);
    unlink(path);
    cr_expect(told > SEEDS / 20 && told < SEEDS * 19 / 20, "%u of %d were told", told, SEEDS);
}
