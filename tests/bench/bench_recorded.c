/* Rows of recorded traces: what a user waits for when the trace is decoded already, set-up and teardown
 * included. The rows of a trace take turns in every round, so that their ratios hold on a noisy machine. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/cpu.h"
#include "sim/engine/pass.h"
#include "tests/bench/bench.h"
#include "tests/bench/plain_loop.h"

enum { ROUNDS = 5, ROWS_MAX = 64, NAME_BYTES = 64, INTERVAL_NS = 100000000, MS = 1000000 };

/* What a row changes in the cell of bench_cell: fields that are 0 change nothing, but for `flush`. */
struct row {
    const char *name;              /* behind the trace's */
    const char *beside;            /* of the same trace: print the ratio to that row */
    const struct pt_format *model; /* intel-ss */
    enum flush_mode flush;
    unsigned leaf_lg2;      /* 4 KiB */
    uint64_t interval_ns;   /* 100 ms */
    uint64_t entries, ways; /* 1024 of 8 ways; `full`: of as many ways as entries */
    bool full;
    enum replacement replacement;
    enum dbm dbm;
    bool no_clear, before_unmap;
    enum unmap_flush unmap_flush;
    bool plain_loop; /* beside it */
    void (*change)(struct cell_config *config); /* the rest */
};

static void use_device_logs(struct cell_config *config)
{
    config->tracking.method = &tracking_device;
}

static void take_time(struct cell_config *config)
{
    config->harvest.timing = TIMING_TIMED;
    config->cost = (struct cost_model){.scan_entry_ps = 2750,
                                       .clear_entry_ps = 10000,
                                       .report_page_ps = 1000,
                                       .command_ps = 66000,
                                       .sync_ps = 1060000};
}

static void use_rings(struct cell_config *config)
{
    config->tracking.method = &tracking_log;
    config->log.entries = 1 << 20;
}

static void use_small_rings(struct cell_config *config)
{
    config->tracking.method = &tracking_log;
    config->log.entries = 512;
}

static void split_dirty(struct cell_config *config)
{
    config->tracking.split = SPLIT_DIRTY;
}

static void split_at_start(struct cell_config *config)
{
    config->tracking.split = SPLIT_START;
}

static void use_protection(struct cell_config *config)
{
    config->tracking.method = &tracking_write_protect;
}

static void use_ats(struct cell_config *config)
{
    config->ats.enabled = config->ats.no_write = config->ats.invalidate = true;
    config->ats.entries = 64;
}

static void use_large_atcs(struct cell_config *config)
{
    use_ats(config);
    config->ats.entries = 1 << 20;
}

/* From the middle of r3 on, over a link that takes 40 s for memory as a whole. */
static void migrate(struct cell_config *config)
{
    config->harvest.policy = &policy_precopy;
    config->harvest.link_rate = 200000000;
    config->harvest.max_rounds = 30;
    config->tracking.start_ns = UINT64_C(60000000000);
}

/* Everything is mapped from 0 up. */
static const struct row mapped_rows[] = {
    {.name = "4k_domain", .flush = FLUSH_DOMAIN, .plain_loop = true},
    {.name = "4k_range", .flush = FLUSH_RANGE, .beside = "4k_domain"},
    {.name = "4k_none", .flush = FLUSH_NONE, .beside = "4k_domain"},
    {.name = "2m_domain", .flush = FLUSH_DOMAIN, .leaf_lg2 = 21, .plain_loop = true},
    {.name = "2m_range", .flush = FLUSH_RANGE, .leaf_lg2 = 21, .beside = "2m_domain"},
    {.name = "2m_none", .flush = FLUSH_NONE, .leaf_lg2 = 21, .beside = "2m_domain"},
    {.name = "fifo", .flush = FLUSH_DOMAIN, .replacement = REPLACEMENT_FIFO, .beside = "4k_domain"},
    {.name = "plru", .flush = FLUSH_DOMAIN, .replacement = REPLACEMENT_PLRU, .beside = "4k_domain"},
    {.name = "random", .flush = FLUSH_DOMAIN, .replacement = REPLACEMENT_RANDOM, .beside = "4k_domain"},
    {.name = "16_ways", .flush = FLUSH_DOMAIN, .ways = 16, .beside = "4k_domain"},
    {.name = "full", .flush = FLUSH_DOMAIN, .full = true, .beside = "4k_domain"},
    {.name = "full_none", .flush = FLUSH_NONE, .full = true, .beside = "4k_domain"},
    {.name = "amd_v1", .flush = FLUSH_DOMAIN, .model = &pt_amd_v1, .beside = "4k_domain"},
    {.name = "smmu_s1", .flush = FLUSH_DOMAIN, .model = &pt_smmu_s1, .beside = "4k_domain"},
    {.name = "smmu_s1_none", .flush = FLUSH_NONE, .model = &pt_smmu_s1, .beside = "smmu_s1"},
    {.name = "smmu_s1_1ms",
     .flush = FLUSH_DOMAIN,
     .model = &pt_smmu_s1,
     .interval_ns = MS,
     .beside = "smmu_s1"},
    {.name = "smmu_s1_off_1ms",
     .flush = FLUSH_DOMAIN,
     .model = &pt_smmu_s1,
     .interval_ns = MS,
     .dbm = DBM_OFF,
     .beside = "smmu_s1_1ms"},
    {.name = "10ms", .flush = FLUSH_RANGE, .interval_ns = 10 * MS, .beside = "4k_range"},
    {.name = "full_1mi_10ms",
     .flush = FLUSH_RANGE,
     .entries = 1 << 20,
     .full = true,
     .interval_ns = 10 * MS,
     .beside = "10ms"},
    {.name = "4k_log", .flush = FLUSH_DOMAIN, .change = use_rings, .beside = "4k_domain"},
    {.name = "4k_log_overflows", .flush = FLUSH_DOMAIN, .change = use_small_rings, .beside = "4k_domain"},
    {.name = "2m_split_dirty",
     .flush = FLUSH_DOMAIN,
     .leaf_lg2 = 21,
     .change = split_dirty,
     .beside = "4k_domain"},
    {.name = "2m_split_start",
     .flush = FLUSH_DOMAIN,
     .leaf_lg2 = 21,
     .change = split_at_start,
     .beside = "4k_domain"},
    {.name = "no_clear_10ms",
     .flush = FLUSH_RANGE,
     .no_clear = true,
     .interval_ns = 10 * MS,
     .beside = "10ms"},
    {.name = "no_clear_1ms", .flush = FLUSH_RANGE, .no_clear = true, .interval_ns = MS, .beside = "10ms"},
    {.name = "timed", .flush = FLUSH_RANGE, .change = take_time, .beside = "4k_range"},
    {.name = "timed_10ms",
     .flush = FLUSH_RANGE,
     .interval_ns = 10 * MS,
     .change = take_time,
     .beside = "10ms"},
    {.name = "device", .change = use_device_logs, .beside = "4k_range"},
    {.name = "write_protect", .flush = FLUSH_RANGE, .change = use_protection, .beside = "4k_range"},
    {.name = "write_protect_fifo",
     .flush = FLUSH_RANGE,
     .change = use_protection,
     .replacement = REPLACEMENT_FIFO,
     .beside = "fifo"},
    {.name = "ats", .flush = FLUSH_RANGE, .change = use_ats, .beside = "4k_range"},
    {.name = "ats_1mi", .flush = FLUSH_RANGE, .change = use_large_atcs, .beside = "ats"},
    {.name = "ats_2m", .flush = FLUSH_RANGE, .leaf_lg2 = 21, .change = use_ats, .beside = "2m_range"},
    {.name = "precopy", .flush = FLUSH_RANGE, .change = migrate, .beside = "4k_range"},
};

/* Tables follow the trace, a domain per device. */
static const struct row following_rows[] = {
    {.name = "strict", .flush = FLUSH_RANGE},
    {.name = "deferred", .flush = FLUSH_RANGE, .unmap_flush = UNMAP_DEFERRED, .beside = "strict"},
    {.name = "none", .flush = FLUSH_RANGE, .unmap_flush = UNMAP_NONE, .beside = "strict"},
    {.name = "before_unmap", .flush = FLUSH_RANGE, .before_unmap = true, .beside = "strict"},
    {.name = "amd_v1_strict", .flush = FLUSH_RANGE, .model = &pt_amd_v1, .beside = "strict"},
    {.name = "amd_v1_deferred",
     .flush = FLUSH_RANGE,
     .model = &pt_amd_v1,
     .unmap_flush = UNMAP_DEFERRED,
     .beside = "deferred"},
    {.name = "amd_v1_none",
     .flush = FLUSH_RANGE,
     .model = &pt_amd_v1,
     .unmap_flush = UNMAP_NONE,
     .beside = "none"},
    {.name = "smmu_s1_strict", .flush = FLUSH_RANGE, .model = &pt_smmu_s1, .beside = "strict"},
    {.name = "smmu_s1_deferred",
     .flush = FLUSH_RANGE,
     .model = &pt_smmu_s1,
     .unmap_flush = UNMAP_DEFERRED,
     .beside = "deferred"},
    {.name = "smmu_s1_none",
     .flush = FLUSH_RANGE,
     .model = &pt_smmu_s1,
     .unmap_flush = UNMAP_NONE,
     .beside = "none"},
    {.name = "smmu_s2_strict", .flush = FLUSH_RANGE, .model = &pt_smmu_s2, .beside = "strict"},
    {.name = "smmu_s2_deferred",
     .flush = FLUSH_RANGE,
     .model = &pt_smmu_s2,
     .unmap_flush = UNMAP_DEFERRED,
     .beside = "deferred"},
    {.name = "smmu_s2_none",
     .flush = FLUSH_RANGE,
     .model = &pt_smmu_s2,
     .unmap_flush = UNMAP_NONE,
     .beside = "none"},
    {.name = "riscv_g_strict", .flush = FLUSH_RANGE, .model = &pt_riscv_g, .beside = "strict"},
    {.name = "riscv_g_deferred",
     .flush = FLUSH_RANGE,
     .model = &pt_riscv_g,
     .unmap_flush = UNMAP_DEFERRED,
     .beside = "deferred"},
    {.name = "riscv_g_none",
     .flush = FLUSH_RANGE,
     .model = &pt_riscv_g,
     .unmap_flush = UNMAP_NONE,
     .beside = "none"},
};

/* ---- the trace ---- */

struct recording {
    struct trace_store store;
    struct trace_facts facts;
    char name[NAME_BYTES]; /* of the file up to the first '-' or '.' */
    uint64_t bytes;        /* everything that is accessed is below, a multiple of 2 MiB */
    bool maps;             /* has map records */
};

static void load(struct recording *recording, const char *path)
{
    struct trace *trace;
    struct trace_batch batch = {.count = 1};
    struct error error = {0};
    const char *base = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    *recording = (struct recording){0};
    snprintf(recording->name, NAME_BYTES, "%.*s", (int)strcspn(base, "-."), base);
    bench_must(trace_open(path, NULL, UINT64_MAX, &trace, &error), &error);
    while (batch.count > 0) {
        bench_must(trace_next(trace, &batch, &error) && trace_store_add(&recording->store, &batch, &error),
                   &error);
        trace_facts_add(&recording->facts, &batch);
        for (size_t i = 0; i < batch.count; i++)
            if (batch.op[i] <= TRACE_READ && batch.iova[i] + batch.bytes[i] > recording->bytes)
                recording->bytes = batch.iova[i] + batch.bytes[i];
    }
    trace_close(trace);
    recording->bytes = (recording->bytes + (2 << 20) - 1) & ~(uint64_t)((2 << 20) - 1);
    recording->maps = recording->facts.records_by_op[TRACE_MAP] > 0;
}

/* ---- measuring ---- */

struct measured {
    const struct row *row;
    char name[NAME_BYTES];
    struct cell_config config;
    unsigned repeats; /* in each round; 0: left out */
    unsigned rounds;
    uint64_t requests, records, check;
    double seconds[ROUNDS], loop[ROUNDS]; /* of one replay */
    double median, loop_median;
};

static double run_once(struct measured *m, const struct recording *recording)
{
    const struct cell_config *cell = &m->config;
    struct pass_options options = {.threads = 1, .batch_records = TRACE_BATCH_RECORDS};
    struct pass_result result;
    struct error error = {0};
    double before = bench_cpu_s();
    bench_must(pass_run_store(&options, &recording->store, &cell, 1, &result, &error), &error);
    double seconds = bench_cpu_s() - before;
    bench_must(result.error.kind == ERROR_NONE, &result.error);
    m->requests = result.metrics.requests;
    m->records = result.metrics.records;
    m->check = result.metrics.iotlb_misses + result.metrics.dirty_updates;
    pass_result_free(&result);
    return seconds;
}

static double run_plain_loop(const struct measured *m, const struct recording *recording)
{
    unsigned leaf_lg2 = (unsigned)__builtin_ctzll(m->config.mapping.page_sizes);
    uint64_t ways = m->config.iotlb.ways;
    double before = bench_cpu_s();
    uint64_t check = plain_loop_timed(&recording->store, recording->bytes >> leaf_lg2, leaf_lg2,
                                      m->config.iotlb.entries / ways, ways, m->config.harvest.interval_ns);
    double seconds = bench_cpu_s() - before;
    if (check != m->check) {
        fprintf(stderr, "%s: engine and plain loop disagree: %llu, %llu\n", m->name,
                (unsigned long long)m->check, (unsigned long long)check);
        exit(1);
    }
    return seconds;
}

static struct cell_config make_cell(const struct row *row, bool follows, struct config_region *whole)
{
    struct cell_config config = bench_cell(row->model ? row->model : &pt_intel_ss);
    config.mapping.page_sizes = UINT64_C(1) << (row->leaf_lg2 ? row->leaf_lg2 : 12);
    if (follows) {
        config.domains = DOMAINS_PER_DEVICE;
        config.mapping.source = &mapping_trace;
        config.mapping.page_sizes |= UINT64_C(1) << 21 | UINT64_C(1) << 30;
        config.mapping.unmap_flush = row->unmap_flush;
        config.harvest.before_unmap = row->before_unmap;
    } else {
        config.mapping.regions = whole;
        config.mapping.region_count = 1;
    }
    config.iommu.dbm = row->dbm;
    config.iotlb.entries = row->entries ? row->entries : 1024;
    config.iotlb.ways = row->full ? 0 : row->ways ? row->ways : 8;
    config.iotlb.replacement = row->replacement;
    config.harvest.interval_ns = row->interval_ns ? row->interval_ns : INTERVAL_NS;
    config.harvest.flush = row->flush;
    config.harvest.no_clear = row->no_clear;
    config.device.granule_bytes = 4096;
    if (row->change)
        row->change(&config);
    return config;
}

/* How often a row runs: long enough to time in each round, and fewer rounds where that takes long. */
static void plan(struct measured *m, const struct recording *recording)
{
    run_once(m, recording); /* wakes the processor up */
    double seconds = run_once(m, recording);
    m->repeats = seconds < 0.05 ? (unsigned)(0.05 / seconds) + 1 : 1;
    m->rounds = seconds > 2 ? 1 : seconds > 0.5 ? 3 : ROUNDS;
}

static void run_round(struct measured *m, const struct recording *recording, unsigned round)
{
    double sum = 0, loops = 0;
    for (unsigned i = 0; i < m->repeats; i++) {
        sum += run_once(m, recording);
        if (m->row->plain_loop)
            loops += run_plain_loop(m, recording);
    }
    m->seconds[round] = sum / m->repeats;
    m->loop[round] = loops / m->repeats;
}

/* ---- printing ---- */

static const struct measured *find(const struct measured rows[], size_t count, const char *name)
{
    for (size_t i = 0; name && i < count; i++)
        if (strcmp(rows[i].row->name, name) == 0 && rows[i].repeats > 0)
            return &rows[i];
    return NULL;
}

static void print(struct bench *bench, const struct measured *m, const struct measured *beside, bool records)
{
    double rate = (double)(records ? m->records : m->requests) / m->median;
    json_t *row = json_pack("{s:f, s:f, s:f, s:s}", "requests_per_s", (double)m->requests / m->median,
                            "records_per_s", (double)m->records / m->median, "seconds", m->median,
                            "instructions", cpu_set_name(cpu_set()));
    printf("%-26s %8.1f M %s/s", m->name, rate / 1e6, records ? "records" : "requests");
    if (m->row->plain_loop) {
        json_object_set_new(row, "loop_requests_per_s", json_real((double)m->requests / m->loop_median));
        json_object_set_new(row, "ratio", json_real(m->loop_median / m->median));
        printf("   plain loop %6.1f M/s   ratio %5.2f", (double)m->requests / m->loop_median / 1e6,
               m->loop_median / m->median);
    }
    if (beside) {
        json_object_set_new(row, "beside", json_string(beside->name));
        json_object_set_new(row, "times_slower", json_real(m->median / beside->median));
        printf("   %5.2f times as long as %s", m->median / beside->median, beside->name);
    }
    printf("\n");
    fflush(stdout);
    json_object_set_new(bench->out, m->name, row);
}

void bench_recorded(struct bench *bench, const char *path)
{
    static struct measured rows[ROWS_MAX];
    struct recording recording;
    load(&recording, path);
    const struct row *list = recording.maps ? following_rows : mapped_rows;
    size_t count = recording.maps ? sizeof following_rows / sizeof *list : sizeof mapped_rows / sizeof *list;
    struct config_region whole = {.bytes = recording.bytes};
    assert(count <= ROWS_MAX);
    for (size_t i = 0; i < count; i++) {
        rows[i] = (struct measured){.row = &list[i]};
        snprintf(rows[i].name, NAME_BYTES, "%.20s_%s", recording.name, list[i].name);
        rows[i].config = make_cell(&list[i], recording.maps, &whole);
        if (bench_wanted(bench, rows[i].name))
            plan(&rows[i], &recording);
    }
    for (unsigned round = 0; round < ROUNDS; round++)
        for (size_t i = 0; i < count; i++)
            if (rows[i].repeats > 0 && round < rows[i].rounds)
                run_round(&rows[i], &recording, round);
    for (size_t i = 0; i < count; i++) {
        rows[i].median = bench_median(rows[i].seconds, rows[i].repeats > 0 ? rows[i].rounds : 1);
        rows[i].loop_median = bench_median(rows[i].loop, rows[i].repeats > 0 ? rows[i].rounds : 1);
    }
    bool any = false;
    for (size_t i = 0; i < count; i++)
        any = any || rows[i].repeats > 0;
    if (any)
        printf("%s: %zu records, %s; medians of processor time, with set-up and teardown\n", recording.name,
               recording.store.count,
               recording.maps ? "tables follow it, a domain per device" : "all mapped");
    for (size_t i = 0; i < count; i++)
        if (rows[i].repeats > 0)
            print(bench, &rows[i], find(rows, count, list[i].beside), recording.maps);
    trace_store_free(&recording.store);
}
