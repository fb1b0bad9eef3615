/* dirtywalk trace info: what a trace is like. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/doc.h"
#include "sim/base/units.h"
#include "sim/cli/cli.h"
#include "sim/cli/cmd_trace.h"
#include "sim/cli/human.h"
#include "sim/cli/interrupt.h"
#include "sim/cli/remarks.h"
#include "traces/device.h"
#include "traces/native/native.h"
#include "traces/stats/stats.h"

struct info_options {
    struct trace_common common;
    struct stats_options stats;
    bool json;
    char **files;
    size_t count;
};

/* One file, looked at. */
struct info {
    const char *path;
    const struct trace_format *format; /* NULL: not known by name */
    const struct stats_options *options;
    const struct stats_result *result;
    const char *warning; /* or NULL */
    struct trace_missing missing;
    struct native_file *native; /* for its provenance, or NULL */
};

/* ---- options ---- */

static const struct argp_option info_options[] = {
    {"json", CLI_KEY_JSON, NULL, 0, "a JSON array with one object per file, exact numbers", 1},
    {"window", TRACE_KEY_WINDOW, "TIME", 0, "length of a window (default: 100ms)", 1},
    {"per-device", TRACE_KEY_PER_DEVICE, NULL, 0,
     "each device has its own address space (domains: per_device); default: one for all", 1},
    {0},
};

static error_t parse(int key, char *argument, struct argp_state *state)
{
    struct info_options *info = state->input;
    struct error cause = {0};
    switch (key) {
    case ARGP_KEY_INIT:
        state->child_inputs[0] = &info->common;
        return 0;
    case CLI_KEY_JSON:
        info->json = true;
        return 0;
    case TRACE_KEY_WINDOW:
        if (!units_parse_time(argument, &info->stats.window_ns, &cause) || info->stats.window_ns == 0)
            argp_error(state, "--window: %s", cause.text[0] ? cause.text : "a window has at least 1ns");
        return 0;
    case TRACE_KEY_PER_DEVICE:
        info->stats.per_device = true;
        return 0;
    case ARGP_KEY_ARGS:
        info->files = state->argv + state->next;
        info->count = (size_t)(state->argc - state->next);
        return 0;
    case ARGP_KEY_NO_ARGS:
        argp_error(state, "which trace? Name its file");
        return 0;
    default:
        return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_child children[] = {{&trace_read_argp, 0, NULL, 0}, {0}};

static const struct argp info_argp = {
    .options = info_options,
    .parser = parse,
    .args_doc = "FILE...",
    .doc =
        "Read traces and describe them: records, pages touched overall and per window of time, sizes, reuse, "
        "maps, and what the source does not show.\n"
        "\n"
        "  dirtywalk trace info web.dwt\n"
        "  dirtywalk trace info vm.dwt --per-device --window 1s --json\n"
        "\v"
        "Reuse distances are exact LRU stack distances in 4 KiB pages over writes and reads: a fully "
        "associative LRU cache of n pages hits a touch whose distance is less than n. Windows begin at the "
        "first record; those without a write are not counted. Amplification is the size of the pages written "
        "over that of the 4 KiB pages written. A map ends with an unmap of its device whose range has its "
        "iova.",
    .children = children,
};

/* ---- for people ---- */

static void print_share(const char *name, uint64_t part, uint64_t whole)
{
    printf("  %s %.1f%%", name, whole ? 100.0 * (double)part / (double)whole : 0);
}

static void print_volume(const char *name, uint64_t records, uint64_t bytes)
{
    char count[HUMAN_BYTES], size[HUMAN_BYTES], mean[HUMAN_BYTES];
    if (records == 0)
        return;
    human_count((double)records, count);
    human_bytes(bytes, size);
    human_bytes(bytes / records, mean);
    printf("  %-12s %s in %s records of %s on average\n", name, size, count, mean);
}

static void print_facts(const struct info *info)
{
    const struct trace_facts *facts = &info->result->facts;
    char span[HUMAN_BYTES], rate[HUMAN_BYTES];
    uint64_t span_ns = facts->last_time_ns - facts->first_time_ns;
    human_ns(span_ns, span);
    human_count(span_ns ? (double)facts->records / ((double)span_ns * 1e-9) : 0, rate);
    printf("%s\n", info->path);
    if (info->format)
        printf("  %-12s %s: %s\n", "format", info->format->name, info->format->summary);
    printf("  %-12s %llu in %s (%llu ns), %s/s\n", "records", (unsigned long long)facts->records, span,
           (unsigned long long)span_ns, rate);
    printf("  %-12s", "ops");
    for (unsigned op = 0; op < TRACE_OP_COUNT; op++)
        if (facts->records_by_op[op] > 0)
            printf(" %llu %s", (unsigned long long)facts->records_by_op[op], trace_op_names[op]);
    printf("\n  %-12s %llu:", "devices", (unsigned long long)facts->device_count);
    enum { SHOWN = 8 };
    unsigned shown = 0;
    for (unsigned id = 0; id < TRACE_DEVICES && shown < SHOWN; id++) {
        char text[TRACE_DEVICE_TEXT_BYTES];
        if (facts->devices[id / 8] >> id % 8 & 1) {
            printf(" %s", trace_device_format((uint16_t)id, text));
            shown++;
        }
    }
    printf("%s\n", facts->device_count > SHOWN ? " ..." : "");
    print_volume("written", facts->records_by_op[TRACE_WRITE], info->result->bytes_by_op[TRACE_WRITE]);
    print_volume("read", facts->records_by_op[TRACE_READ], info->result->bytes_by_op[TRACE_READ]);
}

static void print_pages(const struct info *info)
{
    const struct stats_result *result = info->result;
    char window[UNITS_TEXT_BYTES];
    if (result->pages[0].touched == 0)
        return;
    units_format_time(info->options->window_ns, window);
    printf("  %-12s %10s %10s   per %s window (%llu of %llu): median, p90, most   amplification: median, "
           "whole\n",
           "pages", "written", "touched", window, (unsigned long long)result->written_windows,
           (unsigned long long)result->windows);
    for (unsigned s = 0; s < STATS_PAGE_SIZES; s++) {
        const struct stats_pages *pages = &result->pages[s];
        char size[UNITS_TEXT_BYTES];
        printf("    %-10s %10llu %10llu   %10.0f %10.0f %10.0f   %10.1f %10.1f\n",
               units_format_size(stats_page_bytes[s], size), (unsigned long long)pages->written,
               (unsigned long long)pages->touched, pages->window.median, pages->window.p90, pages->window.max,
               pages->window_amplification.median, pages->amplification);
    }
}

static void print_sizes_and_reuse(const struct stats_result *result)
{
    enum { SHOWN = 6 };
    if (result->write_sizes > 0)
        printf("  %-12s", "write sizes");
    for (unsigned t = 0; t < SHOWN && result->top_writes[t].count > 0; t++) {
        char size[UNITS_TEXT_BYTES];
        print_share(units_format_size(result->top_writes[t].bytes, size), result->top_writes[t].count,
                    result->write_bytes.total);
    }
    if (result->write_sizes > 0)
        printf("  (%llu sizes)\n", (unsigned long long)result->write_sizes);
    uint64_t touches = result->reuse.total + result->cold, hits = 0;
    if (touches == 0)
        return;
    printf("  %-12s", "reuse");
    print_share("cold", result->cold, touches);
    printf("; hits of an LRU cache of n pages:");
    for (unsigned b = 0; b <= 18; b++) {
        char name[32];
        hits += result->reuse.bucket[b];
        snprintf(name, sizeof name, "%u:", 1U << b);
        if (b % 3 == 0)
            print_share(name, hits, touches);
    }
    putchar('\n');
}

/* The upper end of the bucket where the middle value lies. */
static uint64_t median_bound(const struct stats_histogram *histogram)
{
    uint64_t seen = 0;
    for (unsigned b = 0; b < STATS_BUCKETS; b++) {
        seen += histogram->bucket[b];
        if (seen * 2 >= histogram->total)
            return b == 0 ? 0 : b == 64 ? UINT64_MAX : (UINT64_C(1) << b) - 1;
    }
    return 0;
}

static void print_maps(const struct stats_result *result)
{
    const struct trace_facts *facts = &result->facts;
    uint64_t maps = result->map_bytes.total, unmaps = facts->records_by_op[TRACE_UNMAP];
    double span_s = (double)(facts->last_time_ns - facts->first_time_ns) * 1e-9;
    char map_rate[HUMAN_BYTES], unmap_rate[HUMAN_BYTES], lifetime[HUMAN_BYTES];
    if (maps + unmaps == 0)
        return;
    human_count(span_s > 0 ? (double)maps / span_s : 0, map_rate);
    human_count(span_s > 0 ? (double)unmaps / span_s : 0, unmap_rate);
    printf(
        "  %-12s %llu maps (%s/s) at %llu addresses, %llu unmaps (%s/s, %llu of no open map), at most %llu "
        "open",
        "maps", (unsigned long long)maps, map_rate, (unsigned long long)result->map_addresses,
        (unsigned long long)unmaps, unmap_rate, (unsigned long long)result->unmatched_unmaps,
        (unsigned long long)result->live_maps_most);
    if (result->lifetime_ns.total > 0) {
        human_ns(median_bound(&result->lifetime_ns), lifetime);
        printf("; half live %s or less", lifetime);
    }
    putchar('\n');
}

/* What the file itself says (FORMAT.md, "Summary and index"). */
static void print_summary(const struct native_summary *summary)
{
    char payload[HUMAN_BYTES], granule[HUMAN_BYTES];
    human_bytes(summary->payload_bytes, payload);
    human_bytes(UINT64_C(1) << summary->granule_shift, granule);
    printf("  %-12s %llu, payload %s, SHA-256 %s\n", "blocks", (unsigned long long)summary->blocks, payload,
           summary->sha256);
    printf("  %-12s %u runs of touched granules of %s\n", "extents", summary->extent_count, granule);
}

static void print_text(const struct info *info)
{
    print_facts(info);
    print_pages(info);
    print_sizes_and_reuse(info->result);
    print_maps(info->result);
    if (info->result->clipped > 0)
        printf("  %-12s %llu accesses are longer than 1 GiB; only that much of each is in the pages\n",
               "note", (unsigned long long)info->result->clipped);
    if (info->warning)
        printf("  %-12s %s\n", "note", info->warning);
    if (info->missing.count > 0)
        puts("  what is missing");
    remarks_print_missing(&info->missing, "    ", stdout);
    if (info->format && info->format->limits)
        printf("  %-12s %s\n", "not seen", info->format->limits);
    if (info->native)
        print_summary(native_file_summary(info->native));
    const char *line = info->native ? native_file_summary(info->native)->provenance : NULL;
    while (line && *line) {
        size_t length = strcspn(line, "\n");
        if (!trace_missing_is_line(line))
            printf("  %-12s %.*s\n", "origin", (int)length, line);
        line += length + (line[length] == '\n');
    }
}

/* ---- for programs ---- */

static struct json_t *by_op(const uint64_t values[TRACE_OP_COUNT])
{
    struct json_t *object = doc_object();
    for (unsigned op = 0; op < TRACE_OP_COUNT; op++)
        object = doc_put(object, trace_op_names[op], doc_integer(values[op]));
    return object;
}

/* [{"from", "to", "count"}], buckets that are not empty; both ends belong to them. */
static struct json_t *histogram_doc(const struct stats_histogram *histogram)
{
    struct json_t *array = doc_array();
    for (unsigned b = 0; b < STATS_BUCKETS; b++) {
        if (histogram->bucket[b] == 0)
            continue;
        uint64_t from = b ? UINT64_C(1) << (b - 1) : 0, to = b ? from - 1 + from : 0;
        struct json_t *bucket = doc_put(doc_object(), "from", doc_integer(from));
        bucket = doc_put(bucket, "to", doc_integer(to));
        array = doc_add(array, doc_put(bucket, "count", doc_integer(histogram->bucket[b])));
    }
    return array;
}

static struct json_t *spread_doc(const struct stats_spread *spread)
{
    struct json_t *object = doc_put(doc_object(), "min", doc_real(spread->min));
    object = doc_put(object, "p10", doc_real(spread->p10));
    object = doc_put(object, "median", doc_real(spread->median));
    object = doc_put(object, "p90", doc_real(spread->p90));
    object = doc_put(object, "max", doc_real(spread->max));
    return doc_put(object, "mean", doc_real(spread->mean));
}

static struct json_t *pages_doc(const struct stats_result *result)
{
    struct json_t *array = doc_array();
    for (unsigned s = 0; s < STATS_PAGE_SIZES; s++) {
        const struct stats_pages *pages = &result->pages[s];
        struct json_t *object = doc_put(doc_object(), "page_bytes", doc_integer(stats_page_bytes[s]));
        object = doc_put(object, "written", doc_integer(pages->written));
        object = doc_put(object, "touched", doc_integer(pages->touched));
        object = doc_put(object, "amplification", doc_real(pages->amplification));
        object = doc_put(object, "written_per_window", spread_doc(&pages->window));
        object = doc_put(object, "amplification_per_window", spread_doc(&pages->window_amplification));
        array = doc_add(array, object);
    }
    return array;
}

static struct json_t *maps_doc(const struct stats_result *result)
{
    struct json_t *maps = doc_put(doc_object(), "addresses", doc_integer(result->map_addresses));
    maps = doc_put(maps, "open_most", doc_integer(result->live_maps_most));
    maps = doc_put(maps, "unmatched_unmaps", doc_integer(result->unmatched_unmaps));
    maps = doc_put(maps, "bytes", histogram_doc(&result->map_bytes));
    return doc_put(maps, "lifetime_ns", histogram_doc(&result->lifetime_ns));
}

static struct json_t *sizes_doc(const struct stats_result *result)
{
    struct json_t *array = doc_array();
    for (unsigned t = 0; t < STATS_TOP_SIZES && result->top_writes[t].count > 0; t++) {
        struct json_t *size = doc_put(doc_object(), "bytes", doc_integer(result->top_writes[t].bytes));
        array = doc_add(array, doc_put(size, "count", doc_integer(result->top_writes[t].count)));
    }
    return array;
}

static struct json_t *summary_doc(const struct native_summary *summary)
{
    struct json_t *extents = doc_array();
    for (uint32_t i = 0; i < summary->extent_count; i++) {
        const struct trace_extent *extent = &summary->extents[i];
        struct json_t *pair = doc_put(doc_object(), "first", doc_integer(extent->first));
        extents = doc_add(extents, doc_put(pair, "count", doc_integer(extent->count)));
    }
    struct json_t *object = doc_put(doc_object(), "blocks", doc_integer(summary->blocks));
    object = doc_put(object, "payload_bytes", doc_integer(summary->payload_bytes));
    object = doc_put(object, "payload_sha256", doc_string(summary->sha256));
    object = doc_put(object, "granule_bytes", doc_integer(UINT64_C(1) << summary->granule_shift));
    return doc_put(object, "extents", extents);
}

static struct json_t *info_doc(const struct info *info)
{
    const struct stats_result *result = info->result;
    struct json_t *devices = doc_array();
    for (unsigned id = 0; id < TRACE_DEVICES; id++)
        if (result->facts.devices[id / 8] >> id % 8 & 1)
            devices = doc_add(devices, doc_integer(id));
    struct json_t *object = doc_put(doc_object(), "path", doc_string(info->path));
    object = doc_put(object, "format", info->format ? doc_string(info->format->name) : doc_null());
    object = doc_put(object, "limits",
                     info->format && info->format->limits ? doc_string(info->format->limits) : doc_null());
    object = doc_put(object, "warning", info->warning ? doc_string(info->warning) : doc_null());
    object = doc_put(object, "missing", remarks_missing_doc(&info->missing));
    object = doc_put(object, "provenance",
                     info->native ? doc_string(native_file_summary(info->native)->provenance) : doc_null());
    object = doc_put(object, "summary",
                     info->native ? summary_doc(native_file_summary(info->native)) : doc_null());
    object = doc_put(object, "records", doc_integer(result->facts.records));
    object = doc_put(object, "records_by_op", by_op(result->facts.records_by_op));
    object = doc_put(object, "bytes_by_op", by_op(result->bytes_by_op));
    object = doc_put(object, "first_time_ns", doc_integer(result->facts.first_time_ns));
    object = doc_put(object, "last_time_ns", doc_integer(result->facts.last_time_ns));
    object = doc_put(object, "devices", devices);
    object = doc_put(object, "window_ns", doc_integer(info->options->window_ns));
    object = doc_put(object, "per_device", doc_boolean(info->options->per_device));
    object = doc_put(object, "windows", doc_integer(result->windows));
    object = doc_put(object, "written_windows", doc_integer(result->written_windows));
    object = doc_put(object, "pages", pages_doc(result));
    object = doc_put(object, "write_bytes", histogram_doc(&result->write_bytes));
    object = doc_put(object, "read_bytes", histogram_doc(&result->read_bytes));
    object = doc_put(object, "write_sizes", doc_integer(result->write_sizes));
    object = doc_put(object, "top_write_sizes", sizes_doc(result));
    object = doc_put(object, "cold_touches", doc_integer(result->cold));
    object = doc_put(object, "reuse_distance_pages", histogram_doc(&result->reuse));
    object = doc_put(object, "clipped_accesses", doc_integer(result->clipped));
    return doc_put(object, "maps", maps_doc(result));
}

/* ---- files ---- */

static bool read_all(const struct info_options *options, struct trace *trace, struct stats *stats,
                     struct error *error)
{
    struct trace_meter meter;
    struct trace_batch batch;
    trace_meter_begin(&meter, &options->common, "info", 0);
    bool good = true;
    do
        good = trace_next(trace, &batch, error) && stats_add(stats, &batch, error) &&
               trace_meter_step(&meter, batch.count, error);
    while (good && batch.count > 0);
    meter.mode = meter.mode == PROGRESS_JSON ? PROGRESS_NEVER : meter.mode;
    trace_meter_end(&meter);
    return good;
}

static struct native_file *open_native(const char *path, const char *format)
{
    struct native_file *file = NULL;
    bool native = format && strcmp(format, "native") == 0;
    return native && native_file_open(path, &file, NULL) ? file : NULL;
}

static bool show(const struct info_options *options, const char *path, struct trace *trace,
                 struct stats *stats, struct json_t **all, struct error *error)
{
    const char *format = trace_input_format(path, options->common.from);
    struct info info = {.path = path, .options = &options->stats};
    if (!stats_finish(stats, &info.result, error))
        return false;
    for (size_t f = 0; format && trace_formats[f]; f++)
        if (strcmp(trace_formats[f]->name, format) == 0)
            info.format = trace_formats[f];
    info.warning = trace_warning(trace);
    trace_add_missing(trace, &info.missing);
    info.native = open_native(path, format);
    if (options->json)
        *all = doc_add(*all, info_doc(&info));
    else
        print_text(&info);
    native_file_close(info.native);
    return true;
}

static bool look_at(const struct info_options *options, const char *path, struct json_t **all,
                    struct error *error)
{
    struct trace *trace = NULL;
    struct stats *stats = NULL;
    bool good = trace_input_open(path, &options->common, &trace, error) &&
                stats_new(&options->stats, &stats, error) && read_all(options, trace, stats, error) &&
                show(options, path, trace, stats, all, error);
    stats_free(stats);
    trace_close(trace);
    return good;
}

int cmd_trace_info(int argc, char **argv)
{
    enum { DEFAULT_WINDOW_NS = 100000000 };
    struct info_options info = {.stats = {.window_ns = DEFAULT_WINDOW_NS}};
    if (!cli_parse(&info_argp, argc, argv, 0, &info))
        return EXIT_USAGE;
    int code = EXIT_DONE;
    struct json_t *all = info.json ? doc_array() : NULL;
    for (size_t f = 0; f < info.count && !interrupt_flag; f++) {
        struct error error = {0};
        if (look_at(&info, info.files[f], &all, &error))
            continue;
        if (error.kind == ERROR_INTERRUPTED)
            break;
        int failed = cli_fail(&error);
        code = failed == EXIT_TRACE || code == EXIT_DONE ? failed : code;
    }
    if (info.json && !doc_write(all, true, stdout))
        code = EXIT_RESULTS;
    if (interrupt_flag) {
        fputs("interrupted\n", stderr);
        code = EXIT_SIGNAL + interrupt_signal();
    }
    return code;
}
