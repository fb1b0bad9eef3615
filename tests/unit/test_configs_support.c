#include "test_configs_support.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static char folder[32];

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status, (void)type, (void)walk;
    return remove(path);
}

void leave_folder(void)
{
    cr_assert_eq(chdir("/"), 0);
    cr_assert_eq(nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

void enter_fresh_folder(void)
{
    strcpy(folder, "/tmp/test_configs_XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    cr_assert_eq(chdir(folder), 0);
}

void write_file(const char *path, const char *text, size_t bytes)
{
    FILE *out = fopen(path, "wb");
    cr_assert_not_null(out);
    cr_assert_eq(fwrite(text, 1, bytes, out), bytes);
    cr_assert_eq(fclose(out), 0);
}

struct loaded load_text(const char *yaml, const char *const sets[])
{
    struct loaded loaded = {0};
    size_t set_count = 0;
    while (sets && sets[set_count])
        set_count++;
    enter_fresh_folder();
    write_file("x.yaml", yaml, strlen(yaml));
    write_file("t.csv", "", 0);
    loaded.good = experiment_load("x.yaml", sets, set_count, &loaded.experiment, &loaded.messages) &&
                  plan_build(loaded.experiment, &loaded.plan, &loaded.messages);
    leave_folder();
    return loaded;
}

void unload(struct loaded *loaded)
{
    plan_free(loaded->plan);
    experiment_free(loaded->experiment);
    error_list_free(&loaded->messages);
}

static void expect_items(const struct error_item *items, size_t count, const char *const expected[])
{
    size_t i = 0;
    for (; i < count && expected[i]; i++)
        cr_expect_str_eq(items[i].text, expected[i]);
    for (size_t more = i; more < count; more++)
        cr_expect(false, "not expected: %s", items[more].text);
    cr_expect_null(expected[i], "missing: %s", expected[i]);
}

void expect_errors(const char *yaml, const char *const sets[], const char *const expected[])
{
    struct loaded loaded = load_text(yaml, sets);
    cr_expect_not(loaded.good);
    cr_expect_null(loaded.plan);
    expect_items(loaded.messages.errors, loaded.messages.error_count, expected);
    unload(&loaded);
}

void expect_warnings(const char *yaml, const char *const expected[])
{
    struct loaded loaded = load_text(yaml, NULL);
    cr_expect(loaded.good, "%s", loaded.messages.error_count ? loaded.messages.errors[0].text : "");
    expect_items(loaded.messages.warnings, loaded.messages.warning_count, expected);
    unload(&loaded);
}

void expect_labels(const char *yaml, const char *const expected[])
{
    struct loaded loaded = load_text(yaml, NULL);
    cr_assert(loaded.good, "%s", loaded.messages.error_count ? loaded.messages.errors[0].text : "");
    size_t i = 0;
    for (; i < loaded.plan->cell_count && expected[i]; i++) {
        cr_expect_str_eq(loaded.plan->cells[i].label, expected[i]);
        cr_expect_eq(loaded.plan->cells[i].index, i);
    }
    cr_expect_eq(i, loaded.plan->cell_count);
    cr_expect_null(expected[i]);
    unload(&loaded);
}
