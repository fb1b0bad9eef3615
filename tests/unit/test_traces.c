/* traces/trace.c and sha256.c: opening, batches, the rules of semantics.md 2, facts, the store. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "sim/base/memory.h"
#include "tests/unit/test_traces.h"

TestSuite(traces, .fini = trace_test_clean);

static void expect_open_error(const char *path, const char *format, enum error_kind kind, const char *text)
{
    struct trace *trace;
    struct error error = {0};
    cr_expect_not(trace_open(path, format, UINT64_MAX, &trace, &error));
    cr_expect_eq(error.kind, kind);
    cr_expect_str_eq(error.text, text, "got %s", error.text);
}

Test(traces, the_format_comes_from_the_name_or_the_suffix)
{
    /* The formats there are come in the order of their files, so new ones change these lists. */
    char names[256] = "", endings[256] = "", text[800];
    for (size_t i = 0; trace_formats[i]; i++) {
        size_t used = strlen(names);
        snprintf(names + used, sizeof names - used, "%s%s", used ? ", " : "", trace_formats[i]->name);
        for (const char *const *suffix = trace_formats[i]->suffixes; *suffix; suffix++) {
            used = strlen(endings);
            snprintf(endings + used, sizeof endings - used, "%s%s", used ? ", " : "", *suffix);
        }
    }
    cr_expect_eq(strncmp(names, "csv, ", 5), 0, "%s", names);
    cr_expect_not_null(strstr(names, "native"), "%s", names);
    cr_expect_eq(strncmp(endings, ".csv, .csv.gz, ", 15), 0, "%s", endings);
    cr_expect_not_null(strstr(endings, ".dwt"), "%s", endings);
    snprintf(text, sizeof text, "web.csv: error: unknown trace format \"cvs\"; formats: %s", names);
    expect_open_error("web.csv", "cvs", ERROR_EXPERIMENT, text);
    const char *unclear[] = {"web.xyz", ".csv"};
    for (size_t i = 0; i < 2; i++) {
        snprintf(text, sizeof text,
                 "%s: error: the file name does not tell the trace format; end it in one of %s, "
                 "or name one of %s (--from, in an experiment `format:`)",
                 unclear[i], endings, names);
        expect_open_error(unclear[i], NULL, ERROR_EXPERIMENT, text);
    }
    struct trace *trace;
    struct error error = {0};
    const char *path = trace_test_file(".log", TRACE_TEST_HEADER, strlen(TRACE_TEST_HEADER));
    cr_assert(trace_open(path, "csv", UINT64_MAX, &trace, &error), "%s", error.text);
    trace_close(trace);
}

Test(traces, a_file_that_cannot_be_read_says_why)
{
    expect_open_error("/nowhere/web.csv", NULL, ERROR_TRACE,
                      "/nowhere/web.csv: error: cannot open: No such file or directory");
    expect_open_error("/", "csv", ERROR_TRACE, "/: error: is a directory; name a trace file in it");
    /* Nobody maps page 0, so reading there fails. */
    expect_open_error("/proc/self/mem", "csv", ERROR_TRACE,
                      "/proc/self/mem: error: cannot read: Input/output error");
}

Test(traces, the_end_of_a_long_path_is_shown)
{
    char path[2000];
    memset(path, 'x', sizeof path);
    memcpy(path + sizeof path - 5, ".csv", 5);
    struct trace *trace;
    struct error error = {0};
    cr_assert_not(trace_open(path, NULL, UINT64_MAX, &trace, &error));
    cr_assert_not_null(strstr(error.text, "xx.csv: error: cannot open: File name too long"), "%s",
                       error.text);
    cr_assert_eq(strncmp(error.text, "...xx", 5), 0);
}

Test(traces, every_rule_of_a_record_has_its_message)
{
    static const struct {
        const char *row, *message;
    } cases[] = {
        {"81002311,0,read,0,1", "time goes backwards (81002311 ns after 81002399 ns); dirtywalk trace "
                                "convert --sort puts a file in order"},
        {"81002398,0,mark,0,1", "time goes backwards (81002398 ns after 81002399 ns); dirtywalk trace "
                                "convert --sort puts a file in order"},
        {"81002399,0,write,4096,0", "write of 0 bytes; only a mark may have 0"},
        {"81002399,0,read,0,0", "read of 0 bytes; only a mark may have 0"},
        {"81002399,0,map,4096,0", "map of 0 bytes; only a mark may have 0"},
        {"81002399,0,unmap,4096,0", "unmap of 0 bytes; only a mark may have 0"},
        {"81002399,0,translate,4096,0", "translate of 0 bytes; only a mark may have 0"},
        {"81002399,0,write,0xfffffffffffffff0,17", "iova 0xfffffffffffffff0 + 17 bytes passes 2^64"},
        {"81002399,0,write,0,4294967296", NULL},
        {"81002399,0,write,0,4294967297",
         "write of 4294967297 bytes; an access has at most 4 GiB, so this is damaged, or no size in bytes"},
        {"81002399,0,translate_w,1,9223372036854775808",
         "translate_w of 9223372036854775808 bytes; an access has at most 4 GiB, so this is damaged, or no "
         "size in "
         "bytes"},
        {"81002399,0,translate_w,0xffffffff00000000,4294967296", NULL},
        {"81002399,0,translate_w,0xffffffff00000001,4294967296",
         "iova 0xffffffff00000001 + 4294967296 bytes passes 2^64"},
        {"81002399,0,map,0,8589934592", NULL},
        {"81002399,0,unmap,0,0xfffffffffffff000", NULL},
        {"81002399,0,map,0xfffffffffffff000,8192", "iova 0xfffffffffffff000 + 8192 bytes passes 2^64"},
        {"81002399,0,map,0x1001,4096", "map at iova 0x1001, which is no multiple of 4 KiB"},
        {"81002399,0,map_ro,0x800,4096", "map_ro at iova 0x800, which is no multiple of 4 KiB"},
        {"81002399,0,unmap,0x1200,4096", "unmap at iova 0x1200, which is no multiple of 4 KiB"},
        {"81002399,0,map,4096,4097", "map of 4097 bytes, which is no multiple of 4 KiB"},
        {"81002399,0,map_ro,4096,2048", "map_ro of 2048 bytes, which is no multiple of 4 KiB"},
        {"81002399,0,unmap,4096,1", "unmap of 1 bytes, which is no multiple of 4 KiB"},
        {"81002399,0,write,1,1", NULL},
        {"81002399,0,write,0xffffffffffffffff,1", NULL},
        {"81002399,0,map,0xfffffffffffff000,4096", NULL},
        {"81002399,0,mark,5,0", NULL},
        {"81002399,0,mark,0xffffffffffffffff,18446744073709551615", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[256], message[256];
        snprintf(text, sizeof text, "# rows\n" TRACE_TEST_HEADER "81002399,0,write,0,1\n\n%s\n",
                 cases[i].row);
        const char *path = trace_test_text(text);
        if (cases[i].message) {
            snprintf(message, sizeof message, "record 2: error: %s", cases[i].message);
            trace_test_bad(path, message);
        } else {
            struct trace_store store = trace_test_good(path);
            cr_expect_eq(store.count, 2, "%s", cases[i].row);
            trace_store_free(&store);
        }
    }
}

Test(traces, addresses_matter_for_maps_alone)
{
    const char *header = "time_ns,device,op,iova,bytes,address\n";
    char text[256];
    snprintf(text, sizeof text, "%s1,0,map,0,4096,0x1000\n1,0,map_ro,0x2000,4096,0x1800\n", header);
    trace_test_bad(trace_test_text(text),
                   "record 2: error: map_ro to address 0x1800, which is no multiple of 4 KiB");
    snprintf(text, sizeof text, "%s1,0,map,0x3000,4096,\n1,0,map_ro,0,4096,0x7000\n1,0,unmap,0,4096,0x1800\n",
             header);
    struct trace_store store = trace_test_good(trace_test_text(text));
    cr_expect_eq(store.address[0], 0x3000);
    cr_expect_eq(store.address[1], 0x7000);
    trace_store_free(&store);
}

static void expect_batches(size_t records)
{
    size_t length;
    char *text = trace_test_rows(records, records, &length);
    struct trace *trace;
    struct error error = {0};
    cr_assert(trace_open(trace_test_file(".csv", text, length), NULL, UINT64_MAX, &trace, &error));
    free(text);
    struct trace_batch batch;
    size_t done = 0;
    while (done < records) {
        cr_assert(trace_next(trace, &batch, &error), "%s", error.text);
        size_t left = records - done;
        cr_assert_eq(batch.count, left < TRACE_BATCH_RECORDS ? left : TRACE_BATCH_RECORDS);
        cr_assert_eq(batch.first_record, done);
        done += batch.count;
    }
    for (int again = 0; again < 2; again++) {
        cr_assert(trace_next(trace, &batch, &error), "%s", error.text);
        cr_assert_eq(batch.count, 0);
        cr_assert_eq(batch.first_record, records);
    }
    trace_close(trace);
}

Test(traces, all_batches_but_the_last_are_full)
{
    static const size_t counts[] = {0, 1, 4095, 4096, 4097, 8191, 8192, 8193, 50000};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++)
        expect_batches(counts[i]);
}

static size_t count_with_limit(const char *path, uint64_t limit)
{
    struct trace_store store = {0};
    struct error error = {0};
    cr_assert(trace_test_read(path, limit, &store, &error), "%s", error.text);
    size_t count = store.count;
    trace_store_free(&store);
    return count;
}

Test(traces, a_limit_ends_the_trace_before_a_later_error)
{
    size_t length;
    char *text = trace_test_rows(5000, 1, &length);
    const char *path = trace_test_file(".csv", text, length);
    static const size_t limits[] = {0, 1, 4095, 4096, 4097, 4999, 5000, 5001};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
        cr_expect_eq(count_with_limit(path, limits[i]), limits[i] < 5000 ? limits[i] : 5000);
    memcpy(text + length - 6, ",x,yz\n", 6);
    path = trace_test_file(".csv", text, length);
    cr_expect_eq(count_with_limit(path, 4999), 4999);
    struct trace_store store = {0};
    struct error error = {0};
    cr_expect_not(trace_test_read(path, 5000, &store, &error));
    trace_store_free(&store);
    free(text);
    path = trace_test_text(TRACE_TEST_HEADER "5,0,read,0,1\n4,0,read,0,1\n");
    cr_expect_eq(count_with_limit(path, 1), 1);
}

Test(traces, the_first_wrong_record_is_reported)
{
    trace_test_bad(trace_test_text(TRACE_TEST_HEADER "5,0,read,0,1\n4,0,read,0,1\n4,0,raed,0,1\n"),
                   "record 2: error: time goes backwards (4 ns after 5 ns); dirtywalk trace convert --sort "
                   "puts a file in order");
    trace_test_bad(
        trace_test_text(TRACE_TEST_HEADER "5,0,read,0,1\n4,0,raed,0,1\n4,0,read,0,1\n"),
        "record 2: error: line 3: op: \"raed\" is not one of write, read, map, map_ro, unmap, translate, "
        "translate_w, mark");
}

Test(traces, a_wrong_record_behind_a_batch_has_its_number_and_the_error_stays)
{
    size_t length;
    char *text = trace_test_rows(4096, 2, &length);
    memcpy(text + length, "1,0,read,0,1\n", 13);
    struct trace *trace;
    struct trace_batch batch;
    struct error error = {0};
    cr_assert(trace_open(trace_test_file(".csv", text, length + 13), NULL, UINT64_MAX, &trace, &error));
    free(text);
    for (int round = 0; round < 2; round++) {
        cr_assert(trace_next(trace, &batch, &error));
        cr_assert_eq(batch.count, 4096);
        for (int again = 0; again < 2; again++) {
            struct error failure = {0};
            cr_assert_not(trace_next(trace, &batch, &failure));
            cr_assert_eq(failure.kind, ERROR_TRACE);
            cr_assert_not_null(
                strstr(failure.text, ".csv: record 4097: error: time goes backwards (1 ns after 1"), "%s",
                failure.text);
        }
        cr_assert(trace_rewind(trace, &error), "%s", error.text);
    }
    trace_close(trace);
}

Test(traces, a_malformed_record_behind_a_batch_has_its_number_and_the_error_goes_with_a_rewind)
{
    size_t length;
    char *text = trace_test_rows(4097, 6, &length);
    memcpy(text + length, "1\n", 2);
    struct trace *trace;
    struct trace_batch batch;
    struct error error = {0};
    cr_assert(trace_open(trace_test_file(".csv", text, length + 2), NULL, UINT64_MAX, &trace, &error));
    free(text);
    for (int round = 0; round < 2; round++) {
        struct error failure = {0};
        cr_assert(trace_next(trace, &batch, &error), "%s", error.text);
        cr_assert_eq(batch.count, 4096);
        cr_assert(trace_next(trace, &batch, &error), "%s", error.text);
        cr_assert_eq(batch.count, 1);
        cr_assert_not(trace_next(trace, &batch, &failure));
        cr_assert_not_null(strstr(failure.text, ".csv: record 4098: error: line 4099: 1 field where"), "%s",
                           failure.text);
        cr_assert(trace_rewind(trace, &error), "%s", error.text);
    }
    trace_close(trace);
}

static void read_rest(struct trace *trace, struct trace_store *store)
{
    struct trace_batch batch = {.count = 1};
    struct error error = {0};
    while (batch.count > 0) {
        cr_assert(trace_next(trace, &batch, &error), "%s", error.text);
        cr_assert(trace_store_add(store, &batch, &error));
    }
}

Test(traces, rewinding_gives_the_same_records)
{
    size_t length, gzip_length;
    char *text = trace_test_rows(20000, 3, &length);
    unsigned char *packed = trace_test_gzip(text, length, &gzip_length);
    const char *paths[] = {trace_test_file(".csv", text, length),
                           trace_test_file(".csv.gz", packed, gzip_length)};
    free(text);
    free(packed);
    for (int i = 0; i < 2; i++) {
        struct trace_store whole = trace_test_good(paths[i]), again = {0};
        struct trace *trace;
        struct trace_batch batch;
        struct error error = {0};
        cr_assert(trace_open(paths[i], NULL, UINT64_MAX, &trace, &error));
        cr_assert(trace_next(trace, &batch, &error));
        cr_assert(trace_rewind(trace, &error));
        read_rest(trace, &again);
        cr_expect(trace_test_same(&whole, &again));
        trace_store_free(&again);
        cr_assert(trace_rewind(trace, &error));
        read_rest(trace, &again);
        cr_expect(trace_test_same(&whole, &again));
        trace_store_free(&again);
        trace_store_free(&whole);
        trace_close(trace);
    }
}

Test(traces, facts_count_ops_devices_and_the_time_span)
{
    struct trace_store store = trace_test_good(
        trace_test_text(TRACE_TEST_HEADER "100,7,map,0,4096\n100,7,map_ro,4096,4096\n101,65535,write,0,1\n"
                                          "102,0,read,0,1\n103,7,unmap,0,4096\n104,3,translate,0,1\n"
                                          "105,3,translate_w,0,1\n110,9,mark,0,1\n111,9,mark,0,2\n"));
    struct trace_facts *facts = calloc(1, sizeof *facts);
    cr_assert_not_null(facts);
    struct trace_batch none = {0};
    trace_facts_add(facts, &none);
    for (size_t i = 0; i < store.count; i++) {
        struct trace_batch one = trace_store_view(&store, i);
        one.count = 1;
        trace_facts_add(facts, &one);
    }
    static const uint64_t by_op[TRACE_OP_COUNT] = {1, 1, 1, 1, 1, 1, 1, 2};
    for (size_t op = 0; op < TRACE_OP_COUNT; op++)
        cr_expect_eq(facts->records_by_op[op], by_op[op], "%s", trace_op_names[op]);
    cr_expect_eq(facts->records, 9);
    cr_expect_eq(facts->first_time_ns, 100);
    cr_expect_eq(facts->last_time_ns, 111);
    cr_expect_eq(facts->device_count, 4);
    for (size_t id = 0; id < TRACE_DEVICES; id++) {
        bool present = id == 0 || id == 3 || id == 7 || id == 65535;
        cr_assert_eq((bool)(facts->devices[id / 8] >> id % 8 & 1), present, "device %zu", id);
    }
    struct trace_facts *at_once = calloc(1, sizeof *at_once);
    cr_assert_not_null(at_once);
    struct trace_batch all = trace_store_view(&store, 0);
    trace_facts_add(at_once, &all);
    cr_expect_eq(memcmp(facts, at_once, sizeof *facts), 0);
    free(at_once);
    free(facts);
    trace_store_free(&store);
}

Test(traces, the_store_is_viewed_from_any_record)
{
    size_t length;
    char *text = trace_test_rows(10000, 4, &length);
    struct trace_store store = trace_test_good(trace_test_file(".csv", text, length));
    free(text);
    cr_assert_eq(store.count, 10000);
    cr_assert_geq(store.capacity, 10000);
    static const size_t firsts[] = {0, 1, 4096, 5904, 5905, 9999};
    for (size_t i = 0; i < sizeof firsts / sizeof *firsts; i++) {
        struct trace_batch view = trace_store_view(&store, firsts[i]);
        size_t left = 10000 - firsts[i];
        cr_expect_eq(view.count, left < TRACE_BATCH_RECORDS ? left : TRACE_BATCH_RECORDS);
        cr_expect_eq(view.first_record, firsts[i]);
        cr_expect_eq(view.time_ns, store.time_ns + firsts[i]);
        cr_expect_eq(view.iova, store.iova + firsts[i]);
        cr_expect_eq(view.bytes, store.bytes + firsts[i]);
        cr_expect_eq(view.address, store.address + firsts[i]);
        cr_expect_eq(view.device, store.device + firsts[i]);
        cr_expect_eq(view.op, store.op + firsts[i]);
    }
    cr_expect_eq(trace_store_view(&store, 10000).count, 0);
    cr_expect_eq(trace_store_view(&store, SIZE_MAX).count, 0);
    trace_store_free(&store);
    cr_expect_eq(store.count, 0);
    cr_expect_eq(trace_store_view(&store, 0).count, 0);
}

Test(traces, a_memory_ceiling_is_respected_and_nothing_is_kept)
{
    size_t length;
    char *text = trace_test_rows(100000, 5, &length);
    const char *path = trace_test_file(".csv", text, length);
    free(text);
    uint64_t before = memory_used();
    struct trace_store store = {0};
    struct error error = {0};
    memory_limit_set(before + 1000);
    cr_expect_not(trace_test_read(path, UINT64_MAX, &store, &error));
    cr_expect_eq(error.kind, ERROR_MEMORY);
    char start[512];
    snprintf(start, sizeof start, "%s: error: needs ", path);
    cr_expect_eq(strncmp(error.text, start, strlen(start)), 0, "%s", error.text);
    cr_expect_eq(memory_used(), before);
    memory_limit_set(before + 3000000);
    error = (struct error){0};
    cr_expect_not(trace_test_read(path, UINT64_MAX, &store, &error));
    cr_expect_eq(error.kind, ERROR_MEMORY);
    /* What came in before the ceiling is whole. */
    cr_expect_gt(store.count, 0);
    cr_expect_eq(store.count % TRACE_BATCH_RECORDS, 0);
    memory_limit_set(0);
    struct trace_store whole = trace_test_good(path);
    whole.count = store.count;
    cr_expect(trace_test_same(&whole, &store));
    trace_store_free(&whole);
    trace_store_free(&store);
    cr_expect_eq(memory_used(), before);
}

Test(traces, a_failed_open_keeps_no_memory)
{
    uint64_t before = memory_used();
    trace_test_bad(trace_test_text(""),
                   "error: the file is empty; a CSV trace begins with a header that names its "
                   "columns: time_ns,device,op,iova,bytes");
    cr_expect_eq(memory_used(), before);
}

Test(traces, op_names_are_the_words_of_the_specification)
{
    static const char *const words[] = {"write", "read",      "map",         "map_ro",
                                        "unmap", "translate", "translate_w", "mark"};
    cr_assert_eq(sizeof words / sizeof *words, (size_t)TRACE_OP_COUNT);
    for (size_t op = 0; op < TRACE_OP_COUNT; op++)
        cr_expect_str_eq(trace_op_names[op], words[op]);
}

static void expect_sha256(const void *data, size_t length, const char *expected)
{
    char hex[65];
    struct error error = {0};
    cr_assert(trace_file_sha256(trace_test_file(".csv", data, length), hex, &error), "%s", error.text);
    cr_expect_str_eq(hex, expected);
}

Test(traces, sha256_is_that_of_the_bytes_of_the_file)
{
    /* Published test vectors. */
    expect_sha256("", 0, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    expect_sha256("abc", 3, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    char *many = malloc(1000000);
    cr_assert_not_null(many);
    memset(many, 'a', 1000000);
    expect_sha256(many, 1000000, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    free(many);
    char hex[65];
    struct error error = {0};
    cr_expect_not(trace_file_sha256("/nowhere/x.csv", hex, &error));
    cr_expect_str_eq(error.text, "/nowhere/x.csv: error: cannot open: No such file or directory");
    error = (struct error){0};
    cr_expect_not(trace_file_sha256("/", hex, &error));
    cr_expect_eq(error.kind, ERROR_TRACE);
    cr_expect_str_eq(error.text, "/: error: cannot read: Is a directory");
}
