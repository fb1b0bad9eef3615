/* traces/missing.h: what is missing from a trace, and how a native trace keeps it. */
#include <string.h>

#include <criterion/criterion.h>

#include "tests/unit/test_native.h"

TestSuite(missing, .fini = trace_test_clean);

Test(missing, kinds_are_added_up)
{
    struct trace_missing missing = {0}, more = {0};
    char text[TRACE_MISSING_TEXT_BYTES];
    trace_missing_add(&missing, 3, "events were lost", "record less");
    trace_missing_add(&missing, 0, "events were cut", NULL);
    trace_missing_add(&more, 4, "events were lost", "record less");
    trace_missing_add(&more, 5, "events were lost", NULL);
    trace_missing_add_all(&missing, &more);
    cr_assert_eq(missing.count, 2);
    cr_expect_str_eq(trace_missing_text(&missing.items[0], text), "7 events were lost; record less");
    cr_expect_str_eq(trace_missing_text(&missing.items[1], text), "5 events were lost");
    trace_missing_add(&missing, UINT64_MAX, "events were lost", NULL);
    cr_expect_eq(missing.items[1].count, UINT64_MAX);
    for (unsigned i = 0; i < 2 * TRACE_MISSING_KINDS; i++) {
        char what[16] = {'k', (char)('0' + i)};
        trace_missing_add(&missing, 1, what, NULL);
    }
    cr_expect_eq(missing.count, TRACE_MISSING_KINDS);
}

Test(missing, lines_of_a_provenance)
{
    struct trace_missing missing = {0};
    trace_missing_add_lines(&missing, "made by something\n"
                                      "missing: 12 lists were cut; make them shorter; really\n"
                                      "missing: many things\nmissing: 5\nnot missing: 7 of it\n"
                                      "    missing: 1 line");
    cr_assert_eq(missing.count, 2);
    cr_expect_eq(missing.items[0].count, 12);
    cr_expect_str_eq(missing.items[0].what, "lists were cut");
    cr_expect_str_eq(missing.items[0].remedy, "make them shorter; really");
    cr_expect_eq(missing.items[1].count, 1);
    cr_expect_str_eq(missing.items[1].what, "line");
    cr_expect_str_eq(missing.items[1].remedy, "");
    cr_expect(trace_missing_is_line("  missing: 1 line") && !trace_missing_is_line("not missing: 1"));
}

Test(missing, a_native_trace_keeps_it)
{
    struct trace_store store = native_test_few();
    struct trace_missing missing = {0};
    struct error error = {0};
    struct trace *trace;
    const char *path = native_test_file(&store, "made\nmissing: 9 events were lost\n");
    cr_assert(trace_open(path, NULL, UINT64_MAX, &trace, &error), "%s", error.text);
    trace_add_missing(trace, &missing);
    cr_assert_eq(missing.count, 1);
    cr_expect_eq(missing.items[0].count, 9);
    trace_close(trace);
    trace_store_free(&store);
}
