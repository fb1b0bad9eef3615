/* interface.md 4: results appear whole or not at all, and a cell reads back as it was written. */
#include <criterion/criterion.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "analysis/cell_record.h"
#include "analysis/metrics_table.h"
#include "analysis/outfile.h"
#include "sim/cli/human.h"

static char folder[] = "/tmp/dirtywalk-test-XXXXXX";

static void make_folder(void)
{
    cr_assert(mkdtemp(folder));
}

static void remove_folder(void)
{
    char command[64];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    cr_assert_eq(system(command), 0);
}

TestSuite(results_files, .init = make_folder, .fini = remove_folder);

static size_t entries(void)
{
    size_t count = 0;
    DIR *list = opendir(folder);
    cr_assert(list);
    for (struct dirent *entry; (entry = readdir(list));)
        count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
    closedir(list);
    return count;
}

static void read_file(const char *name, char *text, size_t bytes)
{
    char *path = outfile_join(folder, name, NULL);
    FILE *file = fopen(path, "r");
    cr_assert(file, "%s is not there", path);
    text[fread(text, 1, bytes - 1, file)] = '\0';
    fclose(file);
    free(path);
}

Test(results_files, a_file_appears_at_commit_only)
{
    struct outfile out;
    struct error error = {0};
    char text[64];
    cr_assert(outfile_open(&out, folder, "a.csv", &error));
    fputs("one\n", out.file);
    fflush(out.file);
    char *path = outfile_join(folder, "a.csv", NULL);
    cr_expect_neq(access(path, F_OK), 0);
    cr_assert(outfile_commit(&out, true, &error));
    read_file("a.csv", text, sizeof text);
    cr_expect_str_eq(text, "one\n");
    cr_expect_eq(entries(), 1);

    cr_assert(outfile_open(&out, folder, "a.csv", &error));
    fputs("two\n", out.file);
    outfile_abort(&out);
    read_file("a.csv", text, sizeof text);
    cr_expect_str_eq(text, "one\n");
    cr_expect_eq(entries(), 1);
    free(path);
}

Test(results_files, a_full_disk_is_an_error_with_a_remedy_and_leaves_nothing)
{
    struct outfile out;
    struct error error = {0};
    cr_assert(outfile_open(&out, folder, "a.csv", &error));
    FILE *full = fopen("/dev/full", "w");
    cr_assert(full);
    fclose(out.file);
    out.file = full;
    for (int i = 0; i < 10000; i++)
        fputs("more\n", out.file);
    cr_expect_not(outfile_commit(&out, false, &error));
    cr_expect_eq(error.kind, ERROR_RESULTS);
    cr_expect(strstr(error.text, "a.csv: error: cannot write it: No space left on device; free some space"),
              "%s", error.text);
    cr_expect_eq(entries(), 0);
}

Test(results_files, leftovers_of_dead_processes_are_known)
{
    struct error error = {0};
    char *mine = outfile_temporary(folder, "a-b.csv", &error);
    cr_assert(mine);
    char *name = strrchr(mine, '/') + 1;
    cr_expect(outfile_is_temporary(name));
    cr_expect_not(outfile_is_leftover(name), "this process lives");
    char dead[256];
    snprintf(dead, sizeof dead, "%.*s-2147483646", (int)(strrchr(name, '-') - name), name);
    cr_expect(outfile_is_leftover(dead));
    cr_expect_not(outfile_is_leftover(".tmp-a.csv-another.host.example-2147483646"));
    cr_expect_not(outfile_is_leftover("a.csv"));
    free(mine);
}

static void expect_csv(const char *field, const char *expected)
{
    char *text = NULL;
    size_t bytes;
    FILE *file = open_memstream(&text, &bytes);
    outfile_csv(file, field);
    fclose(file);
    cr_expect_str_eq(text, expected);
    free(text);
}

Test(results_files, csv_fields_are_quoted_as_rfc_4180_says)
{
    expect_csv("plain text", "plain text");
    expect_csv("", "");
    expect_csv("a,b", "\"a,b\"");
    expect_csv("say \"hi\"", "\"say \"\"hi\"\"\"");
    expect_csv("two\nlines", "\"two\nlines\"");
}

/* A record with a different number in every counter. */
static struct cell_record example(void)
{
    struct cell_record record = {
        .label = "iommu.model=\"x\", more",
        .trace = "caf\xe9.csv", /* a file name that is not UTF-8 */
        .trace_sha256 = "00",
        .seen = {.short_trace = 1, .ignored_translates = 1, .beyond_width = 1},
        .trace_records = 77,
        .has_intervals = true,
        .interval_count = 2,
    };
    strcpy(record.id, "0123456789ab");
    for (size_t c = 0; c < metrics_table_count; c++)
        if (metrics_table[c].kind == METRIC_COUNT)
            metric_store(&metrics_table[c], &record.metrics, c % 7 == 0 ? UINT64_MAX - c : 1000 + c);
    strcpy(record.timing.host, "here");
    record.timing.wall_s = 0.25;
    record.timing.threads = 3;
    record.timing.sharing = 7;
    record.finding_count = 1;
    record.findings[0] = (struct cell_finding){"lost", 2.5, "one sentence"};
    record.timing.peak_rss_bytes = 4096;
    return record;
}

Test(results_files, a_cell_reads_back_as_written)
{
    struct interval intervals[2] = {{.time_ns = 5, .records = UINT64_MAX}, {.time_ns = 6, .iotlb_misses = 9}};
    struct cell_record written = example(), read;
    struct error error = {0};
    cr_assert(cell_record_write(folder, &written, "schema: 1\n", intervals, &error), "%s", error.text);
    cr_expect_eq(entries(), 1);
    cr_assert(cell_record_read(folder, written.id, &read));
    cr_expect_eq(memcmp(&read.metrics, &written.metrics, sizeof read.metrics), 0);
    cr_expect(!read.failed && read.seen.short_trace && read.seen.ignored_translates && read.seen.beyond_width &&
              !read.seen.ignored_map_records);
    cr_expect(read.has_intervals && read.interval_count == 2 && read.trace_records == 77);
    cr_expect_str_eq(read.timing.host, "here");
    cr_expect_float_eq(read.timing.wall_s, 0.25, 1e-12);
    cr_expect_eq(read.timing.sharing, 7);
    cr_assert_eq(read.finding_count, 1);
    cr_expect_str_eq(read.findings[0].kind, "lost");
    cr_expect_str_eq(read.findings[0].sentence, "one sentence");
    cr_expect_float_eq(read.findings[0].grade, 2.5, 1e-12);
    char text[512];
    read_file("0123456789ab/intervals.csv", text, sizeof text);
    cr_expect_str_eq(
        text, "interval,time_ns,records,scanned_entries,harvested_leaves,reported_pages,true_pages,"
              "false_pages,missed_pages,late_pages,flush_commands,iotlb_misses,written_pages,caught_pages,"
              "duration_ns\n"
              "1,5,18446744073709551615,0,0,0,0,0,0,0,0,0,0,0,0\n"
              "2,6,0,0,0,0,0,0,0,0,0,9,0,0,0\n");
}

Test(results_files, a_failure_replaces_a_result_and_the_other_way_round)
{
    struct interval intervals[2] = {{0}};
    struct cell_record written = example(), read;
    struct error error = {0};
    cr_assert(cell_record_write(folder, &written, "", intervals, &error));
    struct cell_record failed = example();
    failed.failed = true;
    failed.kind = ERROR_MEMORY;
    strcpy(failed.message, "needs \"more\"\nthan there is");
    cr_assert(cell_record_write(folder, &failed, "", intervals, &error), "%s", error.text);
    cr_assert(cell_record_read(folder, failed.id, &read));
    cr_expect(read.failed && read.kind == ERROR_MEMORY && !read.has_intervals);
    cr_expect_str_eq(read.message, failed.message);
    written = example();
    cr_assert(cell_record_write(folder, &written, "", intervals, &error));
    cr_assert(cell_record_read(folder, written.id, &read));
    cr_expect_not(read.failed);
    cr_expect_eq(entries(), 1);
}

Test(results_files, torn_cells_are_not_finished)
{
    static const char *const torn[] = {"result.json", "intervals.csv"};
    for (size_t t = 0; t < sizeof torn / sizeof *torn; t++) {
        struct interval intervals[2] = {{0}};
        struct cell_record written = example(), read;
        struct error error = {0};
        cr_assert(cell_record_write(folder, &written, "", intervals, &error));
        cr_assert(cell_record_read(folder, written.id, &read));
        char path[128];
        snprintf(path, sizeof path, "%s/%s/%s", folder, written.id, torn[t]);
        struct stat status;
        cr_assert_eq(stat(path, &status), 0);
        cr_assert_eq(truncate(path, status.st_size - 3), 0);
        cr_expect_not(cell_record_read(folder, written.id, &read), "torn %s", torn[t]);
    }
    struct cell_record read;
    cr_expect_not(cell_record_read(folder, "ffffffffffff", &read));
}

static void expect_human(const char *value, const char *unit, const char *expected)
{
    char text[64];
    human_parameter(value, unit, text, sizeof text);
    cr_expect_str_eq(text, expected, "%s %s is shown as \"%s\"", value, unit, text);
}

/* As units.h writes them, exactly, so that the table and the label of a cell agree. */
Test(results_human, parameters_have_units)
{
    expect_human("4096+2097152", "bytes", "4KiB+2MiB");
    expect_human("1610612736", "bytes", "1536MiB");
    expect_human("100000000", "ns", "100ms");
    expect_human("1500", "ns", "1500ns");
    expect_human("0", "ns", "0ns");
    expect_human("smmu-s1", "", "smmu-s1");
    expect_human("none", "ns", "none");
    expect_human("64", "", "64");
}
