/* The example of traces/FORMAT.md, made again from its records and compared with its bytes. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "tests/unit/test_native.h"

TestSuite(native_format, .fini = trace_test_clean);

/* What stands between a line "```NAME" of FORMAT.md and the next "```", to be freed. */
static char *example(const char *name)
{
    size_t length;
    char *page = (char *)native_test_bytes(TEST_SOURCE_DIR "/traces/FORMAT.md", &length), fence[32];
    page[length] = '\0';
    snprintf(fence, sizeof fence, "\n```%s\n", name);
    char *begin = strstr(page, fence);
    cr_assert_not_null(begin, "no %s in FORMAT.md", name);
    begin += strlen(fence);
    char *end = strstr(begin, "\n```");
    cr_assert_not_null(end);
    end[1] = '\0';
    char *text = strdup(begin);
    cr_assert_not_null(text);
    free(page);
    return text;
}

/* "OFFSET  xx xx ..  meaning" in each line. */
static size_t read_dump(char *dump, uint8_t *bytes, size_t capacity)
{
    size_t count = 0;
    for (char *line = strtok(dump, "\n"); line; line = strtok(NULL, "\n")) {
        char *at;
        cr_assert_eq(strtoul(line, &at, 16), count, "%s", line);
        cr_assert_eq(strncmp(at, "  ", 2), 0, "%s", line);
        at += 2;
        while (isxdigit((unsigned char)at[0]) && isxdigit((unsigned char)at[1])) {
            cr_assert_lt(count, capacity);
            bytes[count++] = (uint8_t)strtoul(at, &at, 16);
            at += *at == ' ';
        }
    }
    return count;
}

Test(native_format, the_page_shows_the_file_that_its_records_give)
{
    char *csv = example("csv"), *dump = example("dwt");
    struct trace_store store = trace_test_good(trace_test_text(csv));
    cr_expect_eq(store.count, 7);
    const char *path = native_test_file(&store, "example");
    size_t length;
    uint8_t *bytes = native_test_bytes(path, &length), expected[4096];
    size_t expected_length = read_dump(dump, expected, sizeof expected);
    cr_expect_eq(length, expected_length);
    for (size_t i = 0; i < length && i < expected_length; i++)
        cr_assert_eq(bytes[i], expected[i], "byte 0x%zx is %02x, in FORMAT.md %02x", i, bytes[i],
                     expected[i]);
    /* And the other way: the bytes of the page are a trace of these records. */
    struct trace_store back = trace_test_good(trace_test_file(".dwt", expected, expected_length));
    cr_expect(trace_test_same(&store, &back));
    trace_store_free(&back);
    trace_store_free(&store);
    free(bytes);
    free(dump);
    free(csv);
}
