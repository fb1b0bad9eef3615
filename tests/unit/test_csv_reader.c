/* Reading CSV back: what outfile_csv writes comes back as it was, and what is damaged is said with its place.
 */
#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "analysis/csv_reader.h"
#include "analysis/outfile.h"

static const char *write_file(const char *text)
{
    static char path[] = "/tmp/dirtywalk-csv-XXXXXX";
    memcpy(path + sizeof path - 7, "XXXXXX", 6);
    int descriptor = mkstemp(path);
    cr_assert(descriptor >= 0);
    cr_assert_eq(write(descriptor, text, strlen(text)), (ssize_t)strlen(text));
    close(descriptor);
    return path;
}

Test(csv_reader, gives_back_what_was_written)
{
    static const char *const fields[] = {"plain",    "a,b", "say \"x\"", "two\nlines",
                                         " blanks ", "",    "\xc3\xa9"};
    enum { COUNT = sizeof fields / sizeof *fields };
    char *text;
    size_t bytes;
    FILE *file = open_memstream(&text, &bytes);
    fputs("a,b,c,d,e,f,g\n", file);
    for (int row = 0; row < 2; row++)
        for (size_t f = 0; f < COUNT; f++) {
            outfile_csv(file, fields[f]);
            putc(f + 1 < COUNT ? ',' : '\n', file);
        }
    fclose(file);
    const char *path = write_file(text);
    free(text);
    struct error error = {0};
    struct csv_reader *reader = csv_open(path, &error);
    cr_assert(reader, "%s", error.text);
    cr_expect_eq(csv_columns(reader), COUNT);
    cr_expect_eq(csv_column(reader, "c"), 2);
    cr_expect_eq(csv_column(reader, "z"), SIZE_MAX);
    bool end = false;
    for (int row = 0; row < 2; row++) {
        cr_assert(csv_next(reader, &end, &error) && !end, "%s", error.text);
        for (size_t f = 0; f < COUNT; f++)
            cr_expect_str_eq(csv_field(reader, f), fields[f]);
    }
    cr_assert(csv_next(reader, &end, &error));
    cr_expect(end);
    csv_close(reader);
    unlink(path);
}

Test(csv_reader, numbers)
{
    const char *path = write_file("a,b,c,d\n18446744073709551615,18446744073709551616,-1,\n");
    struct error error = {0};
    struct csv_reader *reader = csv_open(path, &error);
    bool end;
    uint64_t number;
    cr_assert(reader && csv_next(reader, &end, &error) && !end);
    cr_expect(csv_number(reader, 0, &number));
    cr_expect_eq(number, UINT64_MAX);
    for (size_t column = 1; column < 4; column++)
        cr_expect_not(csv_number(reader, column, &number));
    csv_close(reader);
    unlink(path);
}

Test(csv_reader, damage_is_said_with_its_place)
{
    static const struct {
        const char *text, *message;
    } rows[] = {
        {"a,b\n1,2\n1\n", "row 3: error: has 1 fields, the header 2"},
        {"a,b\n1,2\n1,2,3", "row 3: error: has 3 fields"},
        {"a,b\n\"1\" x,2\n", "row 2: error: is no CSV"},
        {"a,b\n1,\"2\n", "row 2: error: is no CSV"},
        {"", "error: is empty"},
    };
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        const char *path = write_file(rows[r].text);
        struct error error = {0};
        struct csv_reader *reader = csv_open(path, &error);
        bool end = false;
        while (reader && !end && csv_next(reader, &end, &error))
            continue;
        cr_expect_eq(error.kind, ERROR_RESULTS);
        cr_expect(strstr(error.text, rows[r].message), "%s", error.text);
        cr_expect(strncmp(error.text, path, strlen(path)) == 0, "%s", error.text);
        csv_close(reader);
        unlink(path);
    }
    struct error error = {0};
    cr_expect_null(csv_open("/nowhere/at/all.csv", &error));
    cr_expect(strstr(error.text, "cannot read it"), "%s", error.text);
}
