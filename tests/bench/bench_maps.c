/* What sizes cost that no recorded trace has: tables of 64 TiB made map by map, a million mappings that never
 * join, as many domains as there are device ids, and harvests that find nothing. */
#include <stdio.h>
#include <stdlib.h>

#include "sim/base/memory.h"
#include "sim/engine/pass.h"
#include "tests/bench/bench.h"

enum { DEVICES = TRACE_DEVICES };

/* Adds `count` records: record i at time, iova and address step * i, of the op, on device i if there are
 * `devices`. */
struct series {
    uint64_t count, time_step_ns, iova_step, bytes;
    enum trace_op op;
    bool devices;
};

static void add_series(struct trace_store *store, const struct series *series)
{
    static uint64_t time_ns[TRACE_BATCH_RECORDS], iova[TRACE_BATCH_RECORDS], bytes[TRACE_BATCH_RECORDS];
    static uint16_t device[TRACE_BATCH_RECORDS];
    static uint8_t op[TRACE_BATCH_RECORDS];
    struct trace_batch batch = {
        .time_ns = time_ns, .iova = iova, .bytes = bytes, .address = iova, .device = device, .op = op};
    uint64_t begin_ns = store->count ? store->time_ns[store->count - 1] : 0;
    struct error error = {0};
    for (uint64_t i = 0; i < series->count; i += batch.count) {
        batch.count = series->count - i < TRACE_BATCH_RECORDS ? series->count - i : TRACE_BATCH_RECORDS;
        for (size_t k = 0; k < batch.count; k++) {
            time_ns[k] = begin_ns + (i + k) * series->time_step_ns;
            iova[k] = (i + k) * series->iova_step;
            bytes[k] = series->bytes;
            op[k] = (uint8_t)series->op;
            device[k] = series->devices ? (uint16_t)(i + k) : 0;
        }
        bench_must(trace_store_add(store, &batch, &error), &error);
    }
}

static uint64_t memory_most;

static void note_memory(void *context, uint64_t done, uint64_t total)
{
    (void)context;
    (void)done;
    (void)total;
    uint64_t used = memory_used();
    memory_most = used > memory_most ? used : memory_most;
}

struct run {
    double seconds;
    uint64_t bytes; /* the most that was in use between batches, without the trace */
    struct metrics metrics;
};

static struct run run_cell(const struct trace_store *store, const struct cell_config *config)
{
    struct pass_options options = {
        .threads = 1, .batch_records = TRACE_BATCH_RECORDS, .progress = note_memory};
    struct pass_result result;
    struct error error = {0};
    uint64_t before_bytes = memory_used();
    memory_most = before_bytes;
    double before = bench_now_s();
    bench_must(pass_run_store(&options, store, &config, 1, &result, &error), &error);
    struct run run = {.seconds = bench_now_s() - before, .bytes = memory_most - before_bytes};
    bench_must(result.error.kind == ERROR_NONE, &result.error);
    run.metrics = result.metrics;
    pass_result_free(&result);
    return run;
}

/* `each`: bytes are those of so many things. */
static void print(struct bench *bench, const char *name, const struct run *run, uint64_t count,
                  const char *what, uint64_t each)
{
    printf("%-26s %8.2f M %s/s   %7.3f s   %9.1f KiB", name, (double)count / run->seconds / 1e6, what,
           run->seconds, (double)run->bytes / 1024);
    if (each > 0)
        printf("   %.0f bytes each", (double)run->bytes / (double)each);
    printf("\n");
    fflush(stdout);
    json_t *row = json_pack("{s:f, s:f, s:I}", "per_s", (double)count / run->seconds, "seconds", run->seconds,
                            "bytes", (json_int_t)run->bytes);
    json_object_set_new(row, "what", json_string(what));
    json_object_set_new(bench->out, name, row);
}

static void bench_map_records(struct bench *bench)
{
    static const struct {
        const char *name;
        struct series series;
        bool each;
    } rows[] = {
        {"maps_64tib",
         {.count = UINT64_C(1) << 25, .iova_step = 2 << 20, .bytes = 2 << 20, .op = TRACE_MAP},
         false},
        {"maps_disjoint", {.count = 1000000, .iova_step = 8192, .bytes = 4096, .op = TRACE_MAP}, true},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct trace_store store = {0};
        struct cell_config config = bench_cell(&pt_intel_ss);
        config.mapping.source = &mapping_trace;
        if (!bench_wanted(bench, rows[i].name))
            continue;
        add_series(&store, &rows[i].series);
        struct run run = run_cell(&store, &config);
        print(bench, rows[i].name, &run, store.count, "maps", rows[i].each ? store.count : 0);
        trace_store_free(&store);
    }
}

/* A domain for each device: one page each, or nothing (a record that says nothing under a static mapping). */
static void bench_devices(struct bench *bench)
{
    static struct config_region region = {.bytes = UINT64_C(1) << 30};
    static const struct {
        const char *name;
        struct series series;
    } rows[] = {
        {"devices_one_page",
         {.count = DEVICES, .iova_step = 4096, .bytes = 64, .op = TRACE_WRITE, .devices = true}},
        {"devices_nothing", {.count = DEVICES, .bytes = 4096, .op = TRACE_UNMAP, .devices = true}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        struct trace_store store = {0};
        struct cell_config config = bench_cell(&pt_intel_ss);
        config.domains = DOMAINS_PER_DEVICE;
        config.mapping.regions = &region;
        config.mapping.region_count = 1;
        if (!bench_wanted(bench, rows[i].name))
            continue;
        add_series(&store, &rows[i].series);
        struct run run = run_cell(&store, &config);
        print(bench, rows[i].name, &run, DEVICES, "domains", DEVICES);
        trace_store_free(&store);
    }
}

/* Writes to a million pages, then 100 s in which nothing happens and a harvest comes every 100 us. */
static void bench_idle_harvests(struct bench *bench)
{
    static struct config_region region = {.bytes = UINT64_C(4) << 30};
    struct trace_store store = {0};
    struct cell_config config = bench_cell(&pt_intel_ss);
    config.mapping.regions = &region;
    config.mapping.region_count = 1;
    config.harvest.interval_ns = 100000;
    if (!bench_wanted(bench, "idle_harvests"))
        return;
    add_series(&store, &(struct series){.count = 1 << 20, .iova_step = 4096, .bytes = 64, .op = TRACE_WRITE});
    add_series(&store, &(struct series){.count = 2, .time_step_ns = UINT64_C(100000000000), .bytes = 64});
    struct run run = run_cell(&store, &config);
    print(bench, "idle_harvests", &run, run.metrics.harvests, "harvests", 0);
    trace_store_free(&store);
}

void bench_maps(struct bench *bench)
{
    bench_map_records(bench);
    bench_devices(bench);
    bench_idle_harvests(bench);
}
