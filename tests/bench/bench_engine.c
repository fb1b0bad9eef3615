/* How fast the engine replays decoded records, beside a plain loop timed in the same run. Prints a table and
 * writes the JSON file given as the first argument; a second one keeps the rows whose names contain it
 * ("all": every row), further ones are recorded traces (tests/bench/README.md). Never judges: machines differ
 * and are noisy. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/cpu.h"
#include "sim/base/memory.h"
#include "sim/base/rng.h"
#include "sim/engine/pass.h"
#include "tests/bench/bench.h"
#include "tests/bench/plain_loop.h"

enum { PAGES = 1 << 20, RECORDS = 8000000, HARVEST_RECORDS = 1000000, ROUNDS = 5, CELLS_MAX = 16, WAYS = 5 };

static double unit(uint64_t *rng)
{
    return (double)(rng_next(rng) >> 11) * 0x1p-53;
}

/* ---- traces: 30 % writes over 1 Mi pages ---- */

enum pattern { ZIPF, UNIFORM, SEQUENTIAL, PATTERNS };
static const char *const pattern_names[PATTERNS] = {"zipf", "uniform", "seq"};

/* Pages by rank with weight 1 / rank, ranks scattered over the address space. */
static uint32_t *zipf_pages(uint64_t *rng)
{
    double *sum = malloc(PAGES * sizeof *sum), total = 0;
    uint32_t *place = malloc(PAGES * sizeof *place), *pages = malloc(RECORDS * sizeof *pages);
    assert(sum && place && pages);
    for (uint32_t r = 0; r < PAGES; r++) {
        total += 1.0 / (r + 1);
        sum[r] = total;
        place[r] = r;
    }
    for (uint32_t r = PAGES - 1; r > 0; r--) {
        uint32_t other = (uint32_t)(rng_next(rng) % (r + 1)), swap = place[r];
        place[r] = place[other];
        place[other] = swap;
    }
    for (size_t i = 0; i < RECORDS; i++) {
        double at = unit(rng) * total;
        uint32_t low = 0, high = PAGES - 1;
        while (low < high) {
            uint32_t middle = (low + high) / 2;
            if (sum[middle] < at)
                low = middle + 1;
            else
                high = middle;
        }
        pages[i] = place[low];
    }
    free(sum);
    free(place);
    return pages;
}

static void make_trace(struct trace_store *store, enum pattern pattern)
{
    uint64_t rng = 1;
    uint32_t *zipf = pattern == ZIPF ? zipf_pages(&rng) : NULL;
    static uint64_t time_ns[TRACE_BATCH_RECORDS], iova[TRACE_BATCH_RECORDS], bytes[TRACE_BATCH_RECORDS];
    static uint16_t device[TRACE_BATCH_RECORDS];
    static uint8_t op[TRACE_BATCH_RECORDS];
    struct trace_batch batch = {
        .time_ns = time_ns, .iova = iova, .bytes = bytes, .address = iova, .device = device, .op = op};
    for (size_t i = 0; i < RECORDS; i += batch.count) {
        batch.count = RECORDS - i < TRACE_BATCH_RECORDS ? RECORDS - i : TRACE_BATCH_RECORDS;
        for (size_t k = 0; k < batch.count; k++) {
            uint64_t page = zipf                 ? zipf[i + k]
                            : pattern == UNIFORM ? rng_next(&rng) % PAGES
                                                 : (i + k) % PAGES;
            time_ns[k] = (i + k) * 10;
            iova[k] = page << 12 | (rng_next(&rng) & 0xf00);
            bytes[k] = 256;
            op[k] = unit(&rng) < 0.3 ? TRACE_WRITE : TRACE_READ;
        }
        struct error error = {0};
        bench_must(trace_store_add(store, &batch, &error), &error);
    }
    free(zipf);
}

/* ---- cells ---- */

static struct config_region whole = {.iova = 0, .bytes = (uint64_t)PAGES << 12, .address = 0};

static struct cell_config make_cell(uint64_t entries, uint64_t ways)
{
    struct cell_config config = bench_cell(&pt_intel_ss);
    config.mapping.regions = &whole;
    config.mapping.region_count = 1;
    config.iotlb.entries = entries;
    config.iotlb.ways = ways;
    config.harvest.policy = &policy_records;
    config.harvest.count = HARVEST_RECORDS;
    return config;
}

static double first_batch_s, first_batch_cpu_s;

static void note_start(void *context, uint64_t done, uint64_t total)
{
    (void)context;
    (void)total;
    if (done == 0)
        first_batch_s = bench_now_s(), first_batch_cpu_s = bench_cpu_s();
}

/* Cell-requests per second of one pass, from the first batch on, by processor time if it is one thread's; `check` receives misses + dirty updates of
 * cell 0. */
static double run_cells(const struct trace_store *store, const struct cell_config *configs, size_t count,
                        unsigned threads, uint64_t *check)
{
    const struct cell_config *cells[CELLS_MAX];
    static struct pass_result results[CELLS_MAX];
    struct error error = {0};
    struct pass_options options = {
        .threads = threads, .batch_records = TRACE_BATCH_RECORDS, .progress = note_start};
    for (size_t i = 0; i < count; i++)
        cells[i] = &configs[i];
    bench_must(pass_run_store(&options, store, cells, count, results, &error), &error);
    double seconds = threads == 1 ? bench_cpu_s() - first_batch_cpu_s : bench_now_s() - first_batch_s;
    *check = results[0].metrics.iotlb_misses + results[0].metrics.dirty_updates;
    return (double)count * RECORDS / seconds;
}

static void record(struct bench *bench, const char *name, double engine, double loop, unsigned cells,
                   unsigned threads)
{
    json_t *row = json_pack("{s:f, s:i, s:i, s:s}", "requests_per_s", engine, "cells", cells, "threads", threads,
                            "instructions", cpu_set_name(cpu_set()));
    if (loop > 0) {
        json_object_set_new(row, "loop_requests_per_s", json_real(loop));
        json_object_set_new(row, "ratio", json_real(engine / loop));
        printf("%-26s %8.1f M/s   plain loop %6.1f M/s   ratio %5.2f\n", name, engine / 1e6, loop / 1e6,
               engine / loop);
    } else {
        printf("%-26s %8.1f M/s\n", name, engine / 1e6);
    }
    fflush(stdout);
    json_object_set_new(bench->out, name, row);
}

static const uint64_t shapes[][2] = {{1024, 8}, {64, 8}, {16384, 16}};
static const unsigned cell_counts[] = {1, 4, 16};
enum { SHAPES = sizeof shapes / sizeof *shapes, CELL_COUNTS = sizeof cell_counts / sizeof *cell_counts };

static void name_shape(char name[64], enum pattern pattern, const uint64_t shape[2])
{
    snprintf(name, 64, "%s_%llux%llu", pattern_names[pattern], (unsigned long long)shape[0],
             (unsigned long long)shape[1]);
}

static void name_cells(char name[64], enum pattern pattern, unsigned cells)
{
    snprintf(name, 64, "%s_%u_cells", pattern_names[pattern], cells);
}

static void name_ways(char name[64], enum pattern pattern)
{
    snprintf(name, 64, "%s_%u_ways", pattern_names[pattern], WAYS);
}

/* Is any row of the pattern wanted? Making a trace takes longer than replaying it. */
static bool pattern_wanted(const struct bench *bench, enum pattern pattern)
{
    char name[64];
    bool wanted = false;
    for (size_t s = 0; s < SHAPES; s++) {
        name_shape(name, pattern, shapes[s]);
        wanted = wanted || bench_wanted(bench, name);
    }
    for (size_t c = 0; c < CELL_COUNTS; c++) {
        name_cells(name, pattern, cell_counts[c]);
        wanted = wanted || bench_wanted(bench, name);
    }
    name_ways(name, pattern);
    return wanted || bench_wanted(bench, name);
}

static void bench_one(struct bench *bench, const struct trace_store *store, enum pattern pattern,
                      const uint64_t shape[2])
{
    const uint64_t entries = shape[0], ways = shape[1];
    struct cell_config config = make_cell(entries, ways);
    double engine[ROUNDS], loop[ROUNDS];
    char name[64];
    name_shape(name, pattern, shape);
    if (!bench_wanted(bench, name))
        return;
    for (unsigned r = 0; r < ROUNDS; r++) {
        uint64_t check = 0;
        engine[r] = run_cells(store, &config, 1, 1, &check);
        double before = bench_cpu_s();
        uint64_t expected = plain_loop(store, PAGES, entries / ways, ways, HARVEST_RECORDS);
        loop[r] = RECORDS / (bench_cpu_s() - before);
        if (check != expected) {
            fprintf(stderr, "%s: engine and plain loop disagree: %llu, %llu\n", name,
                    (unsigned long long)check, (unsigned long long)expected);
            exit(1);
        }
    }
    record(bench, name, bench_median(engine, ROUNDS), bench_median(loop, ROUNDS), 1, 1);
}

/* Cells that differ in their IOTLB only, as a sweep makes them; one and two threads take turns. */
static void bench_many(struct bench *bench, const struct trace_store *store, enum pattern pattern)
{
    struct cell_config configs[CELLS_MAX];
    for (unsigned i = 0; i < CELLS_MAX; i++)
        configs[i] = make_cell(UINT64_C(1024) >> i % 4, 8);
    for (size_t c = 0; c < CELL_COUNTS; c++) {
        double rate[2][ROUNDS];
        char name[64];
        name_cells(name, pattern, cell_counts[c]);
        if (!bench_wanted(bench, name))
            continue;
        for (unsigned r = 0; r < ROUNDS; r++)
            for (unsigned threads = 1; threads <= 2; threads++) {
                uint64_t check;
                rate[threads - 1][r] = run_cells(store, configs, cell_counts[c], threads, &check);
            }
        for (unsigned threads = 1; threads <= 2; threads++) {
            snprintf(name, sizeof name, "%s_%u_cells_%u_threads", pattern_names[pattern], cell_counts[c],
                     threads);
            record(bench, name, bench_median(rate[threads - 1], ROUNDS), 0, cell_counts[c], threads);
        }
    }
}

/* A sweep over ways of 128 sets on one thread: cells that share a stack, and in turns the same with a seed each, which lru
 * never asks for and which keeps them apart. */
static void bench_ways(struct bench *bench, const struct trace_store *store, enum pattern pattern)
{
    struct cell_config configs[2][WAYS];
    double rate[2][ROUNDS];
    char name[64];
    name_ways(name, pattern);
    if (!bench_wanted(bench, name))
        return;
    for (unsigned i = 0; i < WAYS; i++) {
        configs[0][i] = configs[1][i] = make_cell(UINT64_C(128) << i, UINT64_C(1) << i);
        configs[1][i].seed = i;
    }
    for (unsigned r = 0; r < ROUNDS; r++) {
        uint64_t check[2];
        for (unsigned apart = 0; apart < 2; apart++)
            rate[apart][r] = run_cells(store, configs[apart], WAYS, 1, &check[apart]);
        if (check[0] != check[1]) {
            fprintf(stderr, "%s: a stack changes results\n", name);
            exit(1);
        }
    }
    for (unsigned apart = 0; apart < 2; apart++) {
        snprintf(name, sizeof name, "%s_%u_ways%s", pattern_names[pattern], WAYS, apart ? "_apart" : "");
        record(bench, name, bench_median(rate[apart], ROUNDS), 0, WAYS, 1);
    }
}

static void bench_synthetic(struct bench *bench)
{
    printf(
        "%d M records, 1 Mi pages of 4 KiB, 30 %% writes, harvest and domain flush per 1 M, medians of %d\n",
        RECORDS / 1000000, ROUNDS);
    for (enum pattern pattern = 0; pattern < PATTERNS; pattern++) {
        struct trace_store store = {0};
        if (!pattern_wanted(bench, pattern))
            continue;
        make_trace(&store, pattern);
        for (size_t s = 0; s < SHAPES; s++)
            bench_one(bench, &store, pattern, shapes[s]);
        bench_many(bench, &store, pattern);
        bench_ways(bench, &store, pattern);
        trace_store_free(&store);
    }
}

int main(int argc, char **argv)
{
    struct bench bench = {.out = json_object(),
                          .filter = argc > 2 && strcmp(argv[2], "all") != 0 ? argv[2] : ""};
    bench_limit_instructions();
    bench_describe_machine(&bench);
    bench_synthetic(&bench);
    for (int i = 3; i < argc; i++)
        bench_recorded(&bench, argv[i]);
    bench_maps(&bench);
    int failed = argc > 1 && json_dump_file(bench.out, argv[1], JSON_INDENT(2)) != 0;
    if (failed)
        fprintf(stderr, "cannot write %s\n", argv[1]);
    json_decref(bench.out);
    return failed;
}
