/* Properties that every page-table format of the catalogue has. A new format gets them for free. */
#include <criterion/criterion.h>
#include <string.h>

#include "formats.h"
#include "sim/base/rng.h"
#include "sim/iommu/iommu.h"

enum { FLAG_COMBINATIONS = 32 };

static const struct pt_switches all_switches[] = {{false, false}, {true, false}, {false, true}, {true, true}};
enum { SWITCHES = sizeof all_switches / sizeof all_switches[0] };

/* The words that `flags` stands for, as decode gives them back; false where the format has no such
 * leaf. */
static bool leaf_of_flags(const struct pt_format *format, unsigned flags, struct pt_leaf *leaf)
{
    leaf->readable = flags & 1;
    leaf->writable = flags & 2;
    leaf->dbm = flags & 4;
    leaf->dirty = flags & 8;
    leaf->accessed = flags & 16;
    if (strcmp(format->name, "smmu-s1") == 0 && !leaf->readable)
        return false; /* cannot be written without being read */
    if (strcmp(format->name, "intel-ss") == 0 && !leaf->readable && !leaf->writable)
        return false; /* absent */
    if (format->control == PT_CONTROL_CONTEXT)
        return !leaf->dbm;
    return leaf->dbm ? leaf->writable : !leaf->dirty;
}

/* Call `check` for every leaf of every shape at several output addresses. */
static size_t for_every_leaf(void (*check)(const struct format_shape *, const struct pt_leaf *))
{
    struct format_shape shapes[FORMAT_SHAPES_MAX];
    size_t count = format_shapes(shapes), checked = 0;
    uint64_t stream = 1;
    for (size_t i = 0; i < count; i++)
        for (unsigned size = 0; size < shapes[i].geometry.leaf_size_count; size++) {
            unsigned lg2 = shapes[i].geometry.leaf_sizes_lg2[size];
            for (unsigned n = 0; n < 24; n++) {
                uint64_t output = n == 0 ? 0 : n == 1 ? UINT64_MAX : rng_next(&stream);
                output = output >> (64 - PT_OUTPUT_BITS) >> lg2 << lg2;
                for (unsigned flags = 0; flags < FLAG_COMBINATIONS; flags++) {
                    struct pt_leaf leaf = {.output = output, .level = size};
                    if (!leaf_of_flags(shapes[i].format, flags, &leaf))
                        continue;
                    check(&shapes[i], &leaf);
                    checked++;
                }
            }
        }
    return checked;
}

static bool leaves_equal(const struct pt_leaf *a, const struct pt_leaf *b)
{
    return a->output == b->output && a->level == b->level && a->readable == b->readable &&
           a->writable == b->writable && a->dbm == b->dbm && a->dirty == b->dirty &&
           a->accessed == b->accessed;
}

static void check_round_trip(const struct format_shape *shape, const struct pt_leaf *leaf)
{
    const struct pt_format *format = shape->format;
    uint64_t entry = format->leaf_entry(&shape->geometry, leaf);
    struct pt_leaf decoded = {0};
    cr_assert_eq(format->decode(&shape->geometry, entry, leaf->level, &decoded), PT_LEAF,
                 "%s level %u: 0x%016jx", format->name, leaf->level, (uintmax_t)entry);
    cr_assert(leaves_equal(leaf, &decoded), "%s level %u: 0x%016jx", format->name, leaf->level,
              (uintmax_t)entry);
    cr_assert_eq(format->is_dirty(entry), leaf->dirty, "%s: 0x%016jx", format->name, (uintmax_t)entry);
}

Test(catalogue, decode_inverts_leaf_entry)
{
    cr_assert_gt(for_every_leaf(check_round_trip), 10000);
}

static void check_clean(const struct format_shape *shape, const struct pt_leaf *leaf)
{
    const struct pt_format *format = shape->format;
    uint64_t cleaned = format->clean(format->leaf_entry(&shape->geometry, leaf));
    struct pt_leaf expected = *leaf, decoded = {0};
    expected.dirty = false;
    cr_assert_not(format->is_dirty(cleaned), "%s: 0x%016jx", format->name, (uintmax_t)cleaned);
    cr_assert_eq(format->clean(cleaned), cleaned, "%s: cleaning twice", format->name);
    cr_assert_eq(format->decode(&shape->geometry, cleaned, leaf->level, &decoded), PT_LEAF);
    cr_assert(leaves_equal(&expected, &decoded), "%s: cleaning changed 0x%016jx otherwise", format->name,
              (uintmax_t)cleaned);
}

Test(catalogue, clean_takes_only_the_dirtiness)
{
    cr_assert_gt(for_every_leaf(check_clean), 10000);
}

static void check_access(const struct format_shape *shape, const struct pt_leaf *leaf)
{
    const struct pt_format *format = shape->format;
    for (unsigned n = 0; n < 2 * SWITCHES; n++) {
        struct pt_switches switches = all_switches[n / 2];
        bool write = n % 2;
        uint64_t before = format->leaf_entry(&shape->geometry, leaf), entry = before;
        enum pt_outcome outcome = format->access(&entry, switches, write);
        struct pt_leaf after = {0};
        cr_assert_eq(format->decode(&shape->geometry, entry, leaf->level, &after), PT_LEAF);
        if (!switches.accessed || outcome != PT_ALLOWED)
            cr_assert_eq(entry, before, "%s: changed 0x%016jx", format->name, (uintmax_t)before);
        /* Hardware sets, it never takes back, and what software granted stays. */
        cr_assert(after.accessed >= leaf->accessed && after.dirty >= leaf->dirty);
        cr_assert(after.dirty == leaf->dirty || (write && switches.dirty && switches.accessed));
        after.accessed = leaf->accessed;
        after.dirty = leaf->dirty;
        cr_assert(leaves_equal(leaf, &after), "%s: 0x%016jx", format->name, (uintmax_t)entry);
        /* The same access again finds nothing to do. */
        uint64_t again = entry;
        cr_assert_eq(format->access(&again, switches, write), outcome);
        cr_assert_eq(again, entry, "%s: not settled", format->name);
    }
}

Test(catalogue, accesses_only_set_bits)
{
    cr_assert_gt(for_every_leaf(check_access), 10000);
}

/* Soundness of the bits: with tracking on, a write to a clean managed leaf always shows. */
static void check_write_shows(const struct format_shape *shape, const struct pt_leaf *leaf)
{
    const struct pt_format *format = shape->format;
    bool managed = leaf->writable && (format->control == PT_CONTROL_CONTEXT || leaf->dbm);
    uint64_t entry = format->clean(format->leaf_entry(&shape->geometry, leaf));
    enum pt_outcome outcome = format->access(&entry, (struct pt_switches){true, true}, true);
    cr_assert_eq(outcome, leaf->writable ? PT_ALLOWED : PT_FAULT_PERMISSION, "%s", format->name);
    cr_assert_eq(format->is_dirty(entry), managed, "%s: 0x%016jx", format->name, (uintmax_t)entry);
}

Test(catalogue, writes_show_where_hardware_manages)
{
    cr_assert_gt(for_every_leaf(check_write_shows), 10000);
}

Test(catalogue, table_entries_are_tables)
{
    struct format_shape shapes[FORMAT_SHAPES_MAX];
    size_t count = format_shapes(shapes);
    uint64_t stream = 2;
    for (size_t i = 0; i < count; i++) {
        const struct pt_geometry *geometry = &shapes[i].geometry;
        unsigned lg2 = (unsigned)__builtin_ctzll(geometry->table_bytes);
        for (unsigned level = 1; level < geometry->levels; level++)
            for (unsigned n = 0; n < 100; n++) {
                uint64_t output = rng_next(&stream) >> (64 - PT_OUTPUT_BITS) >> lg2 << lg2;
                uint64_t entry = shapes[i].format->table_entry(geometry, output, level);
                cr_assert_eq(shapes[i].format->decode(geometry, entry, level, NULL), PT_TABLE,
                             "%s level %u: 0x%016jx", shapes[i].format->name, level, (uintmax_t)entry);
            }
    }
}

Test(catalogue, nothing_is_nothing)
{
    struct format_shape shapes[FORMAT_SHAPES_MAX];
    size_t count = format_shapes(shapes);
    for (size_t i = 0; i < count; i++)
        for (unsigned level = 0; level < shapes[i].geometry.levels; level++) {
            uint64_t entry = 0;
            cr_expect_eq(shapes[i].format->decode(&shapes[i].geometry, 0, level, NULL), PT_ABSENT);
            cr_expect_eq(shapes[i].format->access(&entry, all_switches[3], true), PT_FAULT_TRANSLATION);
            cr_expect_eq(entry, 0);
            cr_expect_not(shapes[i].format->is_dirty(0));
        }
}

Test(catalogue, shapes_are_consistent)
{
    struct format_shape shapes[FORMAT_SHAPES_MAX];
    size_t count = format_shapes(shapes);
    cr_assert_geq(count, 13);
    for (size_t i = 0; i < count; i++) {
        const struct pt_geometry *geometry = &shapes[i].geometry;
        const char *name = shapes[i].format->name;
        unsigned below_root = pt_entry_lg2(geometry, geometry->levels - 1);
        cr_expect_leq(geometry->levels, PT_LEVELS_MAX, "%s", name);
        cr_expect_lt(below_root, geometry->iova_bits, "%s: the root has no index", name);
        cr_expect_leq(geometry->iova_bits, below_root + geometry->index_bits, "%s", name);
        cr_expect_eq(geometry->table_bytes, UINT64_C(8) << geometry->index_bits, "%s", name);
        cr_expect(geometry->leaf_size_count >= 1 && geometry->leaf_size_count <= PT_LEAF_SIZES_MAX);
        cr_expect_eq(geometry->leaf_sizes_lg2[0], geometry->granule_lg2, "%s", name);
        for (unsigned size = 0; size < geometry->leaf_size_count; size++) {
            cr_expect_eq(geometry->leaf_sizes_lg2[size], pt_entry_lg2(geometry, size),
                         "%s: a plain leaf is one entry of its level", name);
            cr_expect_lt(size, geometry->levels, "%s", name);
            cr_expect(pt_level_holds_leaf(geometry, size), "%s", name);
        }
        cr_expect_not(pt_level_holds_leaf(geometry, geometry->leaf_size_count), "%s", name);
    }
}

Test(catalogue, formats_describe_themselves)
{
    for (size_t i = 0; pt_formats[i]; i++) {
        const struct pt_format *format = pt_formats[i];
        cr_expect(format->summary[0] && format->source[0], "%s", format->name);
        cr_expect_str_eq(iommu_vendor_find(format->vendor)->name, format->vendor);
        cr_expect(format->levels_min <= format->levels_default &&
                      format->levels_default <= format->levels_max,
                  "%s", format->name);
        for (size_t j = 0; j < i; j++)
            cr_expect_str_neq(format->name, pt_formats[j]->name);
    }
}
