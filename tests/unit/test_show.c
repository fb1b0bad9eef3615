/* Tables of results: rows made by hand, what becomes of them in a table (sim/cli/show/). */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/memory.h"
#include "sim/cli/show/pivot.h"
#include "sim/cli/show/show.h"

static struct frame frame;
static struct show_column columns[3];
static char *text;

static void set_word(struct frame_key *key, size_t row, const char *word)
{
    size_t w = 0;
    while (w < key->word_count && strcmp(key->words[w], word) != 0)
        w++;
    if (w == key->word_count) {
        cr_assert(memory_grow(&key->words, &key->word_capacity, w + 1, sizeof *key->words, NULL));
        key->words[key->word_count++] = strdup(word);
    }
    cr_assert(memory_grow(&key->at, &key->at_capacity, row + 1, sizeof *key->at, NULL));
    key->at[row] = (uint32_t)w;
}

/* Two groups of metrics, judgement and cost; three columns. */
static void begin(size_t keys, const char *const names[])
{
    const char *const chosen[] = {"amplification", "missed_pages", "harvest_ns"};
    frame = (struct frame){.key_count = keys, .columns = columns, .column_count = 3, .group_count = 2};
    frame.groups[0] = "judgement";
    frame.groups[1] = "cost";
    for (size_t c = 0; c < 3; c++)
        cr_assert(show_find_column(chosen[c], &columns[c]));
    frame.keys = memory_zeroed(keys, sizeof *frame.keys, NULL);
    for (size_t k = 0; k < keys; k++) {
        frame.keys[k] = (struct frame_key){.name = strdup(names[k]), .column = strdup(names[k]), .unit = ""};
        if (strstr(names[k], "_ns"))
            frame.keys[k].unit = "ns";
    }
}

static void add(const char *const words[], double amplification, uint64_t missed, uint64_t cost_ns)
{
    size_t r = frame.row_count++;
    cr_assert(memory_grow(&frame.rows, &frame.row_capacity, r + 1, sizeof *frame.rows, NULL));
    cr_assert(memory_grow(&frame.values, &frame.value_capacity, 3 * (r + 1), sizeof *frame.values, NULL));
    frame.rows[r] = (struct frame_row){.label = strdup(words[0])};
    snprintf(frame.rows[r].id, sizeof frame.rows[r].id, "%012zu", r);
    frame.values[3 * r] = (struct show_value){true, 0, amplification};
    frame.values[3 * r + 1] = (struct show_value){true, missed, (double)missed};
    frame.values[3 * r + 2] = (struct show_value){true, cost_ns, (double)cost_ns};
    frame.rows[r].prints[0] = (uint64_t)(amplification * 1000) + missed;
    frame.rows[r].prints[1] = cost_ns;
    for (size_t k = 0; k < frame.key_count; k++)
        set_word(&frame.keys[k], r, words[k]);
}

static void print(const struct show_options *options)
{
    size_t bytes;
    FILE *file = open_memstream(&text, &bytes);
    struct error error = {0};
    cr_assert(show_print(&frame, options, file, &error), "%s", error.text);
    fclose(file);
}

static void end(void)
{
    for (const char *line = strstr(text ? text : "", ",failed,") ? NULL : text; line && *line;
         line += strcspn(line, "\n") + 1)
        cr_expect_leq(strcspn(line, "\n"), SHOW_WIDTH, "too wide: %s", line);
    free(text);
    text = NULL;
    frame_free(&frame);
}

#define SAYS(what) cr_expect_not_null(strstr(text, what), "%s", text)
#define SAYS_NOT(what) cr_expect_null(strstr(text, what), "%s", text)
static const struct show_options plain = {0};

TestSuite(show, .fini = end);

Test(show, few_rows_are_all_there_with_units_and_what_is_the_same_said_once)
{
    begin(2, (const char *const[]){"iommu.model", "interval_ns"});
    add((const char *const[]){"amd", "1000000"}, 1, 0, 1500);
    add((const char *const[]){"amd", "10000000"}, 2.5, 0, 3000000);
    add((const char *const[]){"intel", "1000000"}, 1, 0, 2500);
    add((const char *const[]){"intel", "10000000"}, 2.5, 0, 4000000);
    print(&plain);
    SAYS("iommu                reported  harvest\nmodel  interval ns  / written     cost");
    SAYS("\namd    1ms             1.00 x    1.5us\n");
    SAYS("\nintel  10ms            2.50 x      4ms\n");
    SAYS("\nall rows  missed pages 0\n");
    SAYS("\nalike     iommu.model: amd = intel in every column but costs\n");
    SAYS_NOT("interval_ns:"); /* they report different pages */
    SAYS_NOT("ranges");
}

Test(show, many_rows_are_pivoted_over_the_keys_that_matter)
{
    static char words[3][16];
    begin(3, (const char *const[]){"noise", "size", "seed"});
    for (int size = 0; size < 5; size++)
        for (int noise = 0; noise < 20; noise++)
            for (int seed = 0; seed < 4; seed++) {
                snprintf(words[0], sizeof words[0], "n%d", noise);
                snprintf(words[1], sizeof words[1], "s%d", size);
                snprintf(words[2], sizeof words[2], "%d", seed);
                add((const char *const[]){words[0], words[1], words[2]}, 1 + 10 * size + 0.01 * noise,
                    (uint64_t)(noise % 2), (uint64_t)(1000 * (size + 1) + seed));
            }
    size_t keys[PIVOT_KEYS_MAX], count;
    struct error error = {0};
    cr_assert(pivot_choose(&frame, keys, &count, &error));
    cr_expect_geq(count, 1);
    cr_expect_eq(keys[0], 1, "the size matters most");
    print(&plain);
    SAYS("\ns4");
    SAYS("41.00..41.19 x");
    SAYS("ranges    over the 400 rows of these");
    SAYS("best      reported / written 1.00 x: 000000000000 n0 and 3 more rows\n");
    SAYS("worst     reported / written 41.19 x: 000000000396 n19 and 3 more rows\n");
    SAYS_NOT("\nn1 "); /* 100 lines would be too many */
}

Test(show, keys_that_change_nothing_make_no_lines)
{
    begin(3, (const char *const[]){"a", "b", "c"});
    for (int a = 0; a < 2; a++)
        for (int b = 0; b < 3; b++) {
            const char *const words[] = {a ? "a1" : "a0", (const char *[]){"b0", "b1", "b2"}[b],
                                         (const char *[]){"c0", "c1", "c2"}[b]};
            add(words, a + 1, 0, b == 2 ? 10 : 5); /* b0 and b1 are the same */
        }
    print(&plain);
    SAYS("together  c goes with b\n");
    SAYS("alike     b: b0 = b1 in every column\n");
    SAYS("alike     b: b0,.. = b2 in every column but costs\n");
    SAYS("\na0  b0,..");
    SAYS("ranges    over the 6 rows of these 4 lines");
    SAYS_NOT("c0");
}

Test(show, a_key_that_some_rows_do_not_look_at_separates_nobody)
{
    begin(2, (const char *const[]){"model", "dbm"});
    add((const char *const[]){"amd", ""}, 1, 3, 10);
    add((const char *const[]){"smmu", "static"}, 1, 3, 20);
    add((const char *const[]){"smmu", "dynamic"}, 1, 3, 30);
    print(&plain);
    SAYS("alike     model: amd = smmu in every column but costs\n");
    SAYS("alike     dbm: static = dynamic in every column but costs\n");
    SAYS("\namd    -");
}

Test(show, keys_that_are_asked_for_and_csv)
{
    begin(2, (const char *const[]){"model", "size"});
    add((const char *const[]){"amd", "1"}, 1, 18446744073709551615u, 10);
    add((const char *const[]){"amd", "2"}, 3, 4, 20);
    add((const char *const[]){"say \"x\", y", "1"}, 1, 5, 30);
    const char *const by[] = {"model"};
    print(&(struct show_options){.by = by, .by_count = 1, .csv = true});
    cr_expect_str_eq(
        text, "model,rows,failed,amplification_min,amplification_max,missed_pages_min,missed_pages_max,"
              "harvest_ns_min,harvest_ns_max\n"
              "amd,2,0,1.000000,3.000000,4,18446744073709551615,10,20\n"
              "\"say \"\"x\"\", y\",1,0,1.000000,1.000000,5,5,30,30\n");
}

Test(show, an_unknown_key_is_an_error)
{
    begin(1, (const char *const[]){"harvest.interval"});
    add((const char *const[]){"1"}, 1, 0, 0);
    const char *const by[] = {"interval"};
    struct error error = {0};
    cr_expect_not(show_print(&frame, &(struct show_options){.by = by, .by_count = 1}, stdout, &error));
    cr_expect_eq(error.kind, ERROR_EXPERIMENT);
    cr_expect_not_null(strstr(error.text, "did you mean \"harvest.interval\"?"), "%s", error.text);
}

Test(show, values_say_their_units)
{
    struct show_column column;
    char said[COLUMN_TEXT_BYTES];
    struct show_value low = {true, 1500, 1500}, high = {true, 2500, 2500}, far = {true, 2000000, 2e6},
                      none = {0};
    begin(1, (const char *const[]){"k"});
    cr_assert(show_find_column("flush_ns", &column));
    show_range_text(&column, &low, &high, said);
    cr_expect_str_eq(said, "1.5..2.5us");
    show_range_text(&column, &low, &far, said);
    cr_expect_str_eq(said, "1.5us..2ms");
    cr_assert(show_find_column("table_bytes", &column));
    show_value_text(&column, &far, said);
    cr_expect_str_eq(said, "1.9MiB");
    cr_assert(show_find_column("flush_commands", &column));
    cr_expect_str_eq(column.head[0], "flush");
    cr_expect_str_eq(column.head[1], "commands");
    show_value_text(&column, &low, said);
    cr_expect_str_eq(said, "1500");
    show_value_text(&column, &none, said);
    cr_expect_str_eq(said, "-");
    cr_assert(show_find_column("recall", &column));
    struct metrics metrics = {.caught_pages = 1, .written_pages = 4};
    struct show_value value = show_value_of(&column, &metrics);
    show_value_text(&column, &value, said);
    cr_expect_str_eq(said, "25.00 %");
    cr_expect_not(show_find_column("nothing", &column));
    cr_expect_str_eq(show_nearest_column("flush_comands"), "flush_commands");
}
