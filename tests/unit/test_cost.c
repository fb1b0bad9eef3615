/* The cost model as data (semantics.md 12): every price is charged somewhere, every cost column is a sum, and the
 * formulas say what cost_apply adds. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "sim/engine/cost.h"

#define NAME(name, ...) #name,
static const char *const columns[] = {METRICS_COST(NAME)};
#define PRICE(name) #name,
static const char *const prices[] = {COST_KEYS(PRICE)};

Test(cost, every_column_and_price_has_a_term)
{
    for (size_t c = 0; c < sizeof columns / sizeof *columns; c++) {
        char text[512];
        cost_formula(columns[c], text, sizeof text);
        cr_expect(*text != '\0', "%s", columns[c]);
    }
    for (size_t p = 0; p < sizeof prices / sizeof *prices; p++) {
        size_t found = 0;
        for (size_t i = 0; i < cost_term_count; i++)
            found += strcmp(cost_terms[i].price, prices[p]) == 0;
        cr_expect(found > 0, "%s", prices[p]);
    }
    char text[512];
    cost_formula("harvests", text, sizeof text);
    cr_expect_str_empty(text);
}

/* Sums are exact and rounded once: 3 reads at 0.3 ns and 2 hits at 0.3 ns are 1.5 ns, printed 2. */
Test(cost, sums_are_rounded_once)
{
    struct cost_model cost = {.walk_read_ps = 300, .iotlb_hit_ps = 300, .split_entry_ps = 60000};
    struct metrics m = {.walk_reads = 3, .iotlb_hits = 2, .split_entries = 513};
    cost_apply(&cost, &m);
    cr_expect_eq(m.walk_ns, 2);
    cr_expect_eq(m.split_ns, 30780);
    m.walk_reads = UINT64_MAX;
    cost.walk_read_ps = UINT64_MAX;
    cost_apply(&cost, &m);
    cr_expect_eq(m.walk_ns, UINT64_MAX); /* not the low bits */
}
