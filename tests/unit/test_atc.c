/* ATCs against lists looked through whole (semantics.md 10): shapes, rights, invalidations; and what devices
 * cost. */
#include <criterion/criterion.h>
#include <string.h>

#include "sim/base/memory.h"
#include "sim/base/rng.h"
#include "sim/cache/atcs.h"

enum { ENTRIES_MAX = 64, STEPS = 6000, SIZES = 3 };

static const unsigned size_lg2[SIZES] = {12, 16, 21};

/* ---- the model: entries in order of use, the newest first ---- */

struct model {
    uint64_t entries, ways, sets;
    struct atc_entry list[ENTRIES_MAX];
    size_t count;
};

static void take_out(struct model *model, size_t at)
{
    model->count--;
    memmove(&model->list[at], &model->list[at + 1], (model->count - at) * sizeof *model->list);
}

static void put_first(struct model *model, const struct atc_entry *entry)
{
    memmove(&model->list[1], &model->list[0], model->count * sizeof *model->list);
    model->list[0] = *entry;
    model->count++;
}

static size_t find(const struct model *model, unsigned lg2, uint64_t number)
{
    size_t at = 0;
    while (at < model->count && (model->list[at].lg2 != lg2 || model->list[at].number != number))
        at++;
    return at;
}

static bool model_lookup(struct model *model, unsigned lg2, uint64_t number, bool write)
{
    size_t at = find(model, lg2, number);
    if (at == model->count || (write && !model->list[at].may_write))
        return false;
    struct atc_entry entry = model->list[at];
    take_out(model, at);
    put_first(model, &entry);
    return true;
}

static void model_fill(struct model *model, const struct atc_entry *entry)
{
    size_t at = find(model, entry->lg2, entry->number), oldest = 0, in_set = 0;
    if (model->entries == 0)
        return;
    for (size_t i = 0; i < model->count; i++)
        if ((model->list[i].number ^ entry->number) % model->sets == 0) {
            in_set++;
            oldest = i;
        }
    if (at < model->count)
        take_out(model, at);
    else if (in_set == model->ways)
        take_out(model, oldest);
    put_first(model, entry);
}

static void model_drop(struct model *model, struct span span)
{
    for (size_t i = model->count; i-- > 0;) {
        const struct atc_entry *entry = &model->list[i];
        uint64_t first = entry->number << entry->lg2;
        if (first <= span.last && (first | ((UINT64_C(1) << entry->lg2) - 1)) >= span.first)
            take_out(model, i);
    }
}

/* ---- comparing ---- */

struct showing {
    const struct model *model;
    size_t count;
    uint64_t set, age;
    size_t place; /* in the model, of the entry before */
};

static void check_entry(void *context, const struct atc_entry *entry, uint64_t set, uint64_t age)
{
    struct showing *showing = context;
    size_t at = find(showing->model, entry->lg2, entry->number);
    cr_assert_lt(at, showing->model->count);
    cr_assert_eq(entry->may_write, showing->model->list[at].may_write);
    cr_assert_eq(entry->shift, showing->model->list[at].shift);
    cr_assert_eq(set, entry->number % showing->model->sets);
    cr_assert(age == 0 || (set == showing->set && age == showing->age + 1 && at > showing->place),
              "entries of a set are shown from the newest on");
    showing->set = set;
    showing->age = age;
    showing->place = at;
    showing->count++;
}

static void compare(const struct atc *atc, const struct model *model)
{
    struct showing showing = {.model = model};
    atc_visit(atc, check_entry, &showing);
    cr_assert_eq(showing.count, model->count);
    cr_assert_eq(atc->count, model->count);
}

static void step(struct atc *atc, struct model *model, uint64_t *rng)
{
    struct error error = {0};
    uint64_t draw = rng_next(rng), sizes = 0;
    unsigned lg2 = size_lg2[draw % SIZES];
    struct atc_entry entry = {.number = (draw >> 8 & 0xfff) >> (lg2 - 12),
                              .shift = draw >> 40,
                              .lg2 = (uint8_t)lg2,
                              .may_write = draw >> 30 & 1};
    for (unsigned i = 0; i < SIZES; i++)
        sizes |= UINT64_C(1) << size_lg2[i];
    if (draw >> 24 & 1)
        entry.number &= 7;
    switch (draw >> 56 & 31) {
    case 0:
        atc_drop_all(atc);
        model->count = 0;
        break;
    case 1:
    case 2:
    case 3: { /* from one page to everything */
        unsigned block = 12 + (unsigned)(draw >> 32 & 7) * 2;
        uint64_t first = (draw >> 8 & 0xfff) << 12 >> block << block;
        struct span span = {first, draw >> 31 & 1 ? first | ((UINT64_C(1) << block) - 1) : UINT64_MAX};
        atc_drop(atc, span, sizes);
        model_drop(model, span);
        break;
    }
    default:
        if (draw >> 31 & 1) {
            cr_assert(atc_fill(atc, &entry, &error));
            model_fill(model, &entry);
        } else {
            bool write = draw >> 29 & 1;
            cr_assert_eq(atc_lookup(atc, lg2, entry.number, write),
                         model_lookup(model, lg2, entry.number, write));
        }
    }
}

Test(atc, equals_a_list)
{
    static const struct {
        uint64_t entries, ways;
    } shapes[] = {{0, 0}, {1, 1}, {5, 0}, {64, 0}, {64, 64}, {64, 8}, {64, 1}, {12, 3}, {40, 5}};
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        struct atc atc;
        struct error error = {0};
        uint64_t ways = shapes[i].ways ? shapes[i].ways : shapes[i].entries, rng = i;
        struct model model = {
            .entries = shapes[i].entries, .ways = ways, .sets = ways ? shapes[i].entries / ways : 0};
        cr_assert(atc_init(&atc, shapes[i].entries, shapes[i].ways, &error));
        for (unsigned s = 0; s < STEPS; s++) {
            step(&atc, &model, &rng);
            compare(&atc, &model);
        }
        atc_free(&atc);
    }
    cr_expect_eq(memory_used(), 0);
}

/* Chains stay short although the cache is large: a fill, a hit and a drop of each of a million entries take
 * about as many steps. */
Test(atc, memory_grows_with_what_is_held)
{
    struct atc atc;
    struct error error = {0};
    cr_assert(atc_init(&atc, 1 << 24, 0, &error));
    cr_expect_lt(memory_used(), 1024);
    for (uint64_t n = 0; n < 1 << 20; n++)
        cr_assert(atc_fill(&atc, &(struct atc_entry){.number = n << 9, .lg2 = 12}, &error));
    cr_expect_lt(memory_used(), UINT64_C(64) << 20);
    for (uint64_t n = 0; n < 1 << 20; n++)
        cr_assert(atc_lookup(&atc, 12, n << 9, false));
    for (uint64_t n = 0; n < 1 << 20; n++)
        atc_drop(&atc, (struct span){n << 21, (n << 21) + 4095}, UINT64_C(1) << 12 | UINT64_C(1) << 21);
    cr_expect_eq(atc.count, 0);
    atc_free(&atc);
}

Test(atc, devices_cost_nothing_before_they_ask)
{
    struct atcs atcs;
    struct error error = {0};
    cr_assert(atcs_init(&atcs, 1 << 20, 8, 3, 65536, &error));
    uint64_t before = memory_used();
    struct atc_entry entry = {.number = 7, .lg2 = 12};
    cr_assert(atc_fill(atcs_get(&atcs, 0, 4), &entry, &error));
    cr_assert(atc_fill(atcs_get(&atcs, 0, 5), &entry, &error));
    cr_assert(atc_fill(atcs_get(&atcs, 2, 65535), &entry, &error));
    cr_expect_eq(atcs.count, 3);
    cr_expect_gt(memory_used(), before);
    atcs_drop(&atcs, 0, (struct span){0x7000, 0x7fff}, UINT64_C(1) << 12);
    cr_expect_eq(atcs_get(&atcs, 0, 4)->count, 0);
    cr_expect_eq(atcs_get(&atcs, 0, 5)->count, 0);
    cr_expect_eq(atcs_get(&atcs, 2, 65535)->count, 1);
    atcs_drop_all(&atcs, 1); /* nobody has asked there */
    atcs_drop_all(&atcs, 2);
    cr_expect_eq(atcs_get(&atcs, 2, 65535)->count, 0);
    memory_limit_set(memory_used());
    cr_expect_null(atcs_get(&atcs, 1, 77));
    cr_expect(atcs.failed);
    memory_limit_set(0);
    atcs_free(&atcs);
    cr_expect_eq(memory_used(), 0);
}
