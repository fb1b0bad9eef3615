/* Writing native traces: whole files or none, and errors that say why. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "sim/base/memory.h"
#include "tests/unit/test_native.h"

TestSuite(native_write, .fini = trace_test_clean);

/* Write all records; false with the error of the first call that failed. */
static bool write_to(const char *path, const struct trace_store *store, const char *provenance,
                     struct error *error)
{
    struct native_writer *writer;
    if (!native_writer_open(path, &writer, error))
        return false;
    for (size_t i = 0; i < store->count; i += TRACE_BATCH_RECORDS) {
        struct trace_batch batch = trace_store_view(store, i);
        if (!native_writer_add(writer, &batch, error)) {
            native_writer_abandon(writer);
            return false;
        }
    }
    return native_writer_close(writer, provenance, error);
}

static size_t entries(const char *folder)
{
    DIR *dir = opendir(folder);
    cr_assert_not_null(dir);
    size_t count = 0;
    for (struct dirent *entry; (entry = readdir(dir));)
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

/* A folder of its own, to see what is left in it. */
static const char *new_folder(void)
{
    static char folder[300];
    snprintf(folder, sizeof folder, "%s/native_write_%ld", TEST_BINARY_DIR, (long)getpid());
    cr_assert_eq(mkdir(folder, 0777), 0);
    return folder;
}

Test(native_write, the_file_appears_whole_or_not_at_all)
{
    const char *folder = new_folder();
    char path[400];
    snprintf(path, sizeof path, "%s/x.dwt", folder);
    struct trace_store store = {0};
    native_test_random(&store, 40000, 1, 10, 2);
    struct native_writer *writer;
    struct error error = {0};
    cr_assert(native_writer_open(path, &writer, &error), "%s", error.text);
    for (size_t i = 0; i < store.count; i += TRACE_BATCH_RECORDS) {
        struct trace_batch batch = trace_store_view(&store, i);
        cr_assert(native_writer_add(writer, &batch, &error));
    }
    cr_expect_neq(access(path, F_OK), 0);
    cr_expect_str_eq(native_writer_part(writer) + strlen(path), ".part");
    native_writer_abandon(writer);
    cr_expect_eq(entries(folder), 1);
    cr_expect_neq(access(path, F_OK), 0);
    cr_assert(write_to(path, &store, "first", &error), "%s", error.text);
    cr_expect_eq(entries(folder), 1);
    /* Without a whole block nothing is left. */
    cr_assert(native_writer_open(path, &writer, &error), "%s", error.text);
    native_writer_abandon(writer);
    cr_expect_eq(entries(folder), 1);
    /* What is there stays until the next one is complete. */
    size_t length, again_length;
    uint8_t *bytes = native_test_bytes(path, &length);
    cr_assert(native_writer_open(path, &writer, &error), "%s", error.text);
    struct trace_batch batch = trace_store_view(&store, 0);
    cr_assert(native_writer_add(writer, &batch, &error));
    uint8_t *again = native_test_bytes(path, &again_length);
    cr_expect(again_length == length && memcmp(bytes, again, length) == 0);
    free(again);
    cr_assert(native_writer_close(writer, "", &error), "%s", error.text);
    again = native_test_bytes(path, &again_length);
    cr_expect_lt(again_length, length);
    free(again);
    /* The same records give the same file. */
    cr_assert(write_to(path, &store, "first", &error), "%s", error.text);
    again = native_test_bytes(path, &again_length);
    cr_expect(again_length == length && memcmp(bytes, again, length) == 0);
    free(again);
    free(bytes);
    struct stat status;
    mode_t mask = umask(0);
    umask(mask);
    cr_assert_eq(stat(path, &status), 0);
    cr_expect_eq(status.st_mode & 0777, 0666 & ~mask);
    unlink(path);
    rmdir(folder);
    trace_store_free(&store);
}

Test(native_write, a_full_disk_is_an_error_and_leaves_whole_blocks)
{
    struct trace_store store = {0};
    native_test_random(&store, 40000, 1, 10, 2);
    struct error error = {0};
    cr_expect_not(write_to("/dev/full", &store, "", &error));
    cr_expect_eq(error.kind, ERROR_RESULTS);
    cr_expect_str_eq(error.text,
                     "/dev/full: error: cannot write: No space left on device; free some space or write to "
                     "another place");
    /* The limit is met in the blocks, and in the summary. */
    const char *folder = new_folder();
    char path[400], expected[500];
    snprintf(path, sizeof path, "%s/x.dwt", folder);
    snprintf(expected, sizeof expected,
             "%s: error: cannot write: File too large; free some space or write to another place", path);
    struct error none = {0};
    cr_assert(write_to(path, &store, "", &none), "%s", none.text);
    struct stat status;
    cr_assert_eq(stat(path, &status), 0);
    unlink(path);
    signal(SIGXFSZ, SIG_IGN);
    const off_t limits[] = {0, 1000, 100000, status.st_size - 200, status.st_size - 1};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        struct error full = {0};
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){.rlim_cur = (rlim_t)limits[i], .rlim_max = RLIM_INFINITY});
        bool written = write_to(path, &store, "", &full);
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){.rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY});
        cr_expect_not(written);
        cr_expect_eq(full.kind, ERROR_RESULTS);
        cr_expect_str_eq(full.text, expected);
        cr_expect_eq(entries(folder), limits[i] > 200000);
        cr_expect_neq(access(path, F_OK), 0);
    }
    char part[420];
    snprintf(part, sizeof part, "%s.part", path);
    cr_assert_eq(stat(part, &status), 0);
    cr_expect_gt(status.st_size, 100000);
    unlink(part);
    rmdir(folder);
    trace_store_free(&store);
}

Test(native_write, a_reader_that_went_away_is_an_error)
{
    struct trace_store store = {0};
    native_test_random(&store, 40000, 1, 1 << 30, 2);
    int ends[2];
    cr_assert_eq(pipe(ends), 0);
    close(ends[0]);
    signal(SIGPIPE, SIG_IGN);
    char path[64], expected[200];
    snprintf(path, sizeof path, "/proc/self/fd/%d", ends[1]);
    snprintf(expected, sizeof expected, "%s: error: cannot write: Broken pipe", path);
    struct error error = {0};
    cr_expect_not(write_to(path, &store, "", &error));
    cr_expect_eq(error.kind, ERROR_RESULTS);
    cr_expect_str_eq(error.text, expected, "%s", error.text);
    close(ends[1]);
    trace_store_free(&store);
}

Test(native_write, standard_output_and_pipes_get_the_same_bytes)
{
    struct trace_store store = native_test_few();
    size_t length;
    uint8_t *bytes = native_test_bytes(native_test_file(&store, "x"), &length), piped[4096];
    const char *names[] = {"-", "/proc/self/fd/1"};
    for (size_t i = 0; i < 2; i++) {
        int ends[2], before = dup(STDOUT_FILENO);
        cr_assert_eq(pipe(ends), 0);
        fflush(stdout);
        dup2(ends[1], STDOUT_FILENO);
        struct error error = {0};
        bool written = write_to(names[i], &store, "x", &error);
        dup2(before, STDOUT_FILENO);
        close(before);
        close(ends[1]);
        cr_expect(written, "%s", error.text);
        cr_expect_eq(read(ends[0], piped, sizeof piped), (ssize_t)length);
        cr_expect_eq(memcmp(piped, bytes, length), 0);
        close(ends[0]);
    }
    free(bytes);
    trace_store_free(&store);
}

Test(native_write, what_cannot_be_created_says_why)
{
    struct trace_store store = {0};
    struct error error = {0};
    cr_expect_not(write_to("/nowhere/x.dwt", &store, "", &error));
    cr_expect_eq(error.kind, ERROR_RESULTS);
    cr_expect_str_eq(error.text,
                     "/nowhere/x.dwt: error: cannot write: No such file or directory; make the folder first");
    struct error folder = {0};
    cr_expect_not(write_to("/", &store, "", &folder));
    cr_expect_str_eq(folder.text, "/: error: cannot write: Is a directory");
}

Test(native_write, wrong_records_are_refused)
{
    const char *path = trace_test_file(".dwt", "", 0);
    char expected[500];
    struct trace_store store = native_test_few();
    store.time_ns[6] = 9999;
    struct error error = {0};
    cr_expect_not(write_to(path, &store, "", &error));
    cr_expect_eq(error.kind, ERROR_TRACE);
    snprintf(expected, sizeof expected,
             "%s: record 7: error: time goes backwards (9999 ns after 10000 ns); dirtywalk trace convert "
             "--sort puts a file in order",
             path);
    cr_expect_str_eq(error.text, expected);
    store.time_ns[6] = 10000;
    /* Across two calls as well. */
    struct native_writer *writer;
    struct error later = {0};
    struct trace_batch batch = trace_store_view(&store, 0);
    cr_assert(native_writer_open(path, &writer, &later));
    cr_assert(native_writer_add(writer, &batch, &later));
    cr_expect_not(native_writer_add(writer, &batch, &later));
    native_writer_abandon(writer);
    snprintf(expected, sizeof expected,
             "%s: record 8: error: time goes backwards (1000 ns after 10000 ns); dirtywalk trace convert "
             "--sort puts a file in order",
             path);
    cr_expect_str_eq(later.text, expected);
    trace_store_free(&store);
}

Test(native_write, the_text_about_the_origin_has_a_limit)
{
    struct trace_store store = native_test_few();
    char *text = malloc((1 << 16) + 2);
    cr_assert_not_null(text);
    memset(text, 'a', (1 << 16) + 1);
    text[1 << 16] = '\0';
    const char *path = trace_test_file(".dwt", "", 0);
    struct error error = {0};
    cr_expect(write_to(path, &store, text, &error), "%s", error.text);
    struct native_file *file;
    cr_assert(native_file_open(path, &file, &error), "%s", error.text);
    cr_expect_str_eq(native_file_summary(file)->provenance, text);
    native_file_close(file);
    text[1 << 16] = 'a';
    text[(1 << 16) + 1] = '\0';
    cr_expect_not(write_to(path, &store, text, &error));
    char expected[500];
    snprintf(expected, sizeof expected, "%s: error: the text about the origin has 65537 bytes; 65536 at most",
             path);
    cr_expect_str_eq(error.text, expected);
    free(text);
    trace_store_free(&store);
}

Test(native_write, memory_that_does_not_fit_is_an_error)
{
    uint64_t before = memory_used();
    for (uint64_t room = 1000; room < 16 << 20; room *= 3) {
        struct trace_store store = {0};
        struct error error = {0};
        memory_limit_set(before + room);
        struct native_writer *writer;
        bool opened = native_writer_open(trace_test_file(".dwt", "", 0), &writer, &error);
        if (opened)
            native_writer_abandon(writer);
        memory_limit_set(0);
        cr_expect(opened || error.kind == ERROR_MEMORY);
        cr_expect_eq(memory_used(), before);
        trace_store_free(&store);
    }
}
