/* traces/file/gz.c, and what damage to a gzip trace does. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "tests/unit/test_traces.h"
#include "traces/file/gz.h"

TestSuite(traces_gz, .fini = trace_test_clean);

static void *copy(const void *data, size_t length, size_t room)
{
    void *bytes = malloc(length + room);
    cr_assert_not_null(bytes);
    memcpy(bytes, data, length);
    return bytes;
}

Test(traces_gz, the_content_decides_whether_a_file_is_gzip)
{
    size_t length, packed_length;
    char *text = trace_test_rows(30000, 21, &length);
    unsigned char *packed = trace_test_gzip(text, length, &packed_length);
    cr_assert_lt(packed_length, length);
    struct trace_store plain = trace_test_good(trace_test_file(".csv", text, length));
    cr_assert_eq(plain.count, 30000);
    const char *others[] = {trace_test_file(".csv.gz", packed, packed_length),
                            trace_test_file(".csv", packed, packed_length),
                            trace_test_file(".csv.gz", text, length)};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct trace_store store = trace_test_good(others[i]);
        cr_expect(trace_test_same(&plain, &store), "%s", others[i]);
        trace_store_free(&store);
    }
    trace_store_free(&plain);
    free(text);
    free(packed);
}

Test(traces_gz, members_follow_each_other_without_a_seam)
{
    size_t length, part_length;
    char *text = trace_test_rows(6000, 22, &length);
    struct trace_store plain = trace_test_good(trace_test_file(".csv", text, length));
    unsigned char *packed = malloc(length * 2);
    cr_assert_not_null(packed);
    /* An empty member at both ends, and cuts in the header, in lines and at the end. */
    const size_t cuts[] = {0, 0, 1, 17, 30, 31, 100, 4096, 262144, length - 1, length, length};
    size_t used = 0;
    for (size_t i = 1; i < sizeof cuts / sizeof *cuts; i++) {
        unsigned char *part = trace_test_gzip(text + cuts[i - 1], cuts[i] - cuts[i - 1], &part_length);
        memcpy(packed + used, part, part_length);
        used += part_length;
        free(part);
    }
    struct trace_store store = trace_test_good(trace_test_file(".csv.gz", packed, used));
    cr_expect(trace_test_same(&plain, &store));
    trace_store_free(&store);
    trace_store_free(&plain);
    free(packed);
    free(text);
}

Test(traces_gz, each_kind_of_damage_has_its_message)
{
    size_t length, size;
    char *text = trace_test_rows(50000, 23, &length);
    unsigned char *packed = trace_test_gzip(text, length, &size);
    unsigned char *damaged = copy(packed, size, 16);
    char message[200];
    const char *again = "make or copy the file again";
    const size_t cuts[] = {2, 9, 10, 11, 1000, size / 2, size - 9, size - 8, size - 5, size - 1};
    for (size_t i = 0; i < sizeof cuts / sizeof *cuts; i++) {
        snprintf(message, sizeof message, "error: the gzip data is truncated at byte %zu; %s", cuts[i],
                 again);
        trace_test_bad(trace_test_file(".csv.gz", packed, cuts[i]), message);
    }
    damaged[size - 8] ^= 1;
    snprintf(message, sizeof message,
             "error: the gzip data is corrupt before byte %zu (incorrect data check); %s", size - 4, again);
    trace_test_bad(trace_test_file(".csv.gz", damaged, size), message);
    damaged[size - 8] ^= 1;
    damaged[size - 4] ^= 1;
    snprintf(message, sizeof message,
             "error: the gzip data is corrupt before byte %zu (incorrect length check); %s", size, again);
    trace_test_bad(trace_test_file(".csv.gz", damaged, size), message);
    damaged[size - 4] ^= 1;
    memcpy(damaged + size, "rest", 4);
    snprintf(message, sizeof message,
             "error: other bytes after the end of the gzip data at byte %zu; cut the file "
             "there, or make or copy it again",
             size);
    trace_test_bad(trace_test_file(".csv.gz", damaged, size + 4), message);
    damaged[size] = 0x1f;
    snprintf(message, sizeof message,
             "error: a truncated member after the end of the gzip data at byte %zu; cut the "
             "file there, or make or copy it again",
             size);
    trace_test_bad(trace_test_file(".csv.gz", damaged, size + 1), message);
    damaged[size + 1] = 0x8b;
    snprintf(message, sizeof message, "error: the gzip data is truncated at byte %zu; %s", size + 2, again);
    trace_test_bad(trace_test_file(".csv.gz", damaged, size + 2), message);
    free(packed);
    free(damaged);
    free(text);
}

/* Damage makes wrong lines long before the checksum is read; then it is the damage that the user must know.
 */
Test(traces_gz, damage_is_reported_before_the_wrong_records_that_it_makes)
{
    static const struct {
        const char *right, *wrong, *message;
    } cases[] = {
        {"time_ns,", "time-ns,", "error: line 1: the header \"time-ns,device,op,iova,bytes\" lacks time_ns"},
        {"\n17953264", "\n9999999x", "record 1: error: line 2: time_ns: \"9999999x77142711"},
        {"\n17953264", "\n99999999", "record 2: error: time goes backwards ("},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t length, size;
        char *text = trace_test_rows(40000, 26, &length), message[300];
        memcpy(strstr(text, cases[i].right), cases[i].wrong, strlen(cases[i].right));
        unsigned char *packed = trace_test_gzip(text, length, &size);
        struct trace_store store = {0};
        struct error error = {0};
        const char *path = trace_test_file(".csv.gz", packed, size);
        cr_expect_not(trace_test_read(path, UINT64_MAX, &store, &error));
        snprintf(message, sizeof message, "%s: %.25s", path, cases[i].message);
        cr_expect_eq(strncmp(error.text, message, strlen(message)), 0, "%s", error.text);
        trace_store_free(&store);
        packed[size - 8] ^= 1;
        snprintf(
            message, sizeof message,
            "error: the gzip data is corrupt before byte %zu (incorrect data check); make or copy the file "
            "again",
            size - 4);
        trace_test_bad(trace_test_file(".csv.gz", packed, size), message);
        free(packed);
        free(text);
    }
}

/* Whatever happens to a gzip file: an error, or the records that it had. */
static void expect_error_or_same(const unsigned char *data, size_t length, const struct trace_store *whole,
                                 const char *what, size_t at)
{
    const char *path = trace_test_file(".csv.gz", data, length);
    struct trace_store store = {0};
    struct error error = {0};
    if (trace_test_read(path, UINT64_MAX, &store, &error))
        cr_assert(trace_test_same(whole, &store), "%s %zu", what, at);
    else
        cr_assert(error.kind == ERROR_TRACE && strncmp(error.text, path, strlen(path)) == 0, "%s %zu: %s",
                  what, at, error.text);
    trace_store_free(&store);
    trace_test_clean();
}

Test(traces_gz, truncating_anywhere_or_flipping_any_bit_is_noticed)
{
    size_t length, size, second;
    char *text = trace_test_rows(24, 24, &length);
    unsigned char *packed = trace_test_gzip(text, length / 2, &size);
    unsigned char *tail = trace_test_gzip(text + length / 2, length - length / 2, &second);
    unsigned char *both = copy(packed, size, second);
    memcpy(both + size, tail, second);
    struct trace_store whole = trace_test_good(trace_test_file(".csv", text, length));
    cr_assert_eq(whole.count, 24);
    trace_test_clean();
    for (size_t cut = 0; cut < size + second; cut++) {
        /* A file cut between two members is a whole gzip file: nothing can be seen there. */
        if (cut != size)
            expect_error_or_same(both, cut, &whole, "cut at", cut);
    }
    for (size_t bit = 0; bit < 8 * (size + second); bit++) {
        both[bit / 8] ^= (unsigned char)(1U << bit % 8);
        expect_error_or_same(both, size + second, &whole, "bit", bit);
        both[bit / 8] ^= (unsigned char)(1U << bit % 8);
    }
    expect_error_or_same(both, size + second, &whole, "whole", 0);
    trace_store_free(&whole);
    free(packed);
    free(tail);
    free(both);
    free(text);
}

/* The reader under the traces: any request size gives the same bytes. */
Test(traces_gz, requests_of_any_size_give_the_same_bytes)
{
    size_t length, size;
    char *text = trace_test_rows(3000, 25, &length);
    unsigned char *packed = trace_test_gzip(text, length, &size);
    const char *paths[] = {trace_test_file(".csv", text, length), trace_test_file(".csv.gz", packed, size)};
    static const size_t requests[] = {1, 3, 4095, 65536, 262144, 1000000};
    char *buffer = malloc(1000000);
    cr_assert_not_null(buffer);
    for (size_t i = 0; i < 2 * sizeof requests / sizeof *requests; i++) {
        size_t request = requests[i / 2], done = 0, got = request;
        struct gz_reader *reader;
        struct error error = {0};
        cr_assert(gz_open(paths[i % 2], &reader, &error), "%s", error.text);
        while (got == request) {
            cr_assert(gz_read(reader, buffer, request, &got, &error), "%s", error.text);
            cr_assert_leq(got, request);
            cr_assert_leq(done + got, length);
            cr_assert_eq(memcmp(buffer, text + done, got), 0);
            done += got;
        }
        cr_expect_eq(done, length);
        cr_assert(gz_read(reader, buffer, request, &got, &error));
        cr_expect_eq(got, 0);
        cr_assert(gz_rewind(reader, &error));
        cr_assert(gz_read(reader, buffer, 10, &got, &error));
        cr_expect(got == 10 && memcmp(buffer, text, 10) == 0);
        gz_close(reader);
    }
    free(buffer);
    free(packed);
    free(text);
}

Test(traces_gz, other_forms_are_named_with_the_command_that_reads_them)
{
    static const struct {
        const char *first, *message;
        size_t bytes;
    } cases[] = {
        {"\xfd"
         "7zXZ\0",
         "is compressed with xz, which is not read here; pipe it in: xz -dc", 6},
        {"\x28\xb5\x2f\xfd", "is compressed with zstd, which is not read here; pipe it in: zstd -dc", 4},
        {"BZh91AY", "is compressed with bzip2, which is not read here; pipe it in: bzip2 -dc", 7},
        {"PK\3\4", "is a zip archive, which is not read here; pipe it in: unzip -p", 4},
        {"\xff\xfet\0i\0", "is UTF-16 text, which is not read here; pipe it in: iconv -f UTF-16 -t UTF-8", 6},
        {"\xfe\xff\0t\0i", "is UTF-16 text, which is not read here; pipe it in: iconv -f UTF-16 -t UTF-8", 6},
        {"t\0i\0m\0e\0_\0", "is UTF-16 text, which is not read here; pipe it in: iconv -f UTF-16LE -t UTF-8",
         10},
        {"\0t\0i\0m\0e", "is UTF-16 text, which is not read here; pipe it in: iconv -f UTF-16BE -t UTF-8", 8},
    };
    static const char *const names[] = {".csv", ".csv.form", ".qemu.log.form", ".form"};
    static const char *const formats[] = {"csv", "csv", "qemu", "FORMAT"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t n = 0; n < sizeof names / sizeof *names; n++) {
            const char *path = trace_test_file(names[n], cases[i].first, cases[i].bytes);
            char message[1024];
            snprintf(message, sizeof message, "error: %s %s | dirtywalk trace convert - OUT.dwt --from %s",
                     cases[i].message, path, formats[n]);
            trace_test_bad(path, message);
        }
    /* Text that only begins alike. */
    struct trace_store store = trace_test_good(trace_test_text("#BZh"
                                                               "\n" TRACE_TEST_HEADER "1,2,read,3,4\n"));
    trace_store_free(&store);
}
