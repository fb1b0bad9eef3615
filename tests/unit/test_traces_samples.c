/* traces/samples/: MANIFEST.csv tells the truth, and all samples together stay small. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <criterion/criterion.h>

#include "tests/unit/test_traces.h"

#define SAMPLES TEST_SOURCE_DIR "/traces/samples"

enum { TOTAL_BYTES_LIMIT = 2 * 1024 * 1024 };

static size_t traces_in_folder(void)
{
    DIR *folder = opendir(SAMPLES);
    cr_assert_not_null(folder);
    size_t count = 0;
    for (struct dirent *entry; (entry = readdir(folder));)
        count += strstr(entry->d_name, ".csv.gz") != NULL;
    closedir(folder);
    return count;
}

/* One row: path,sha256,bytes,records,writes,origin,how_recorded. */
static uint64_t check_row(const char *row)
{
    char name[128], digest[65], hex[65], path[512];
    unsigned long long bytes, records, writes;
    int rest = 0;
    cr_assert_eq(
        sscanf(row, "%127[^,],%64[^,],%llu,%llu,%llu,%n", name, digest, &bytes, &records, &writes, &rest), 5,
        "%s", row);
    cr_assert_gt(strlen(row + rest), 20, "origin and way of recording are missing: %s", row);
    snprintf(path, sizeof path, SAMPLES "/%s", name);
    struct error error = {0};
    cr_assert(trace_file_sha256(path, hex, &error), "%s", error.text);
    cr_expect_str_eq(hex, digest, "%s", name);
    struct stat status;
    cr_assert_eq(stat(path, &status), 0);
    cr_expect_eq((unsigned long long)status.st_size, bytes, "%s", name);
    struct trace_store store = trace_test_good(path);
    uint64_t written = 0;
    for (size_t i = 0; i < store.count; i++)
        written += store.op[i] == TRACE_WRITE;
    cr_expect_eq(store.count, records, "%s", name);
    cr_expect_eq(written, writes, "%s", name);
    trace_store_free(&store);
    return bytes;
}

Test(traces_samples, the_manifest_is_right_and_complete)
{
    FILE *manifest = fopen(SAMPLES "/MANIFEST.csv", "r");
    cr_assert_not_null(manifest);
    char row[4096];
    cr_assert_not_null(fgets(row, sizeof row, manifest));
    cr_expect_str_eq(row, "path,sha256,bytes,records,writes,origin,how_recorded\n");
    uint64_t total_bytes = 0;
    size_t count = 0;
    for (; fgets(row, sizeof row, manifest); count++)
        total_bytes += check_row(row);
    fclose(manifest);
    cr_expect_eq(count, traces_in_folder());
    cr_expect_geq(count, 4);
    cr_expect_lt(total_bytes, TOTAL_BYTES_LIMIT);
}

static struct trace_facts *facts_of(const char *path)
{
    struct trace_facts *facts = calloc(1, sizeof *facts);
    cr_assert_not_null(facts);
    struct trace_store store = trace_test_good(path);
    for (size_t i = 0; i < store.count; i += TRACE_BATCH_RECORDS) {
        struct trace_batch view = trace_store_view(&store, i);
        trace_facts_add(facts, &view);
    }
    trace_store_free(&store);
    return facts;
}

Test(traces_samples, the_samples_hold_what_they_are_for)
{
    struct trace_facts *guest = facts_of(SAMPLES "/r3-nvme-net.csv.gz");
    cr_expect_eq(guest->device_count, 3);
    cr_expect_gt(guest->records_by_op[TRACE_READ], 0);
    cr_expect_eq(guest->records_by_op[TRACE_READ] + guest->records_by_op[TRACE_WRITE], guest->records);
    cr_expect_lt(guest->last_time_ns, UINT64_C(9700000000));
    free(guest);
    struct trace_facts *mapped = facts_of(SAMPLES "/r2-virtio-iommu.csv.gz");
    cr_expect_gt(mapped->records_by_op[TRACE_MAP], 530);
    cr_expect_gt(mapped->records_by_op[TRACE_MAP_RO], 0);
    cr_expect_gt(mapped->records_by_op[TRACE_UNMAP], 0);
    cr_expect_eq(mapped->first_time_ns, 0);
    free(mapped);
}
