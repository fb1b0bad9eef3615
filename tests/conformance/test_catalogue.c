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
    if ((strcmp(format->name, "smmu-s1") == 0 || strcmp(format->name, "riscv-g") == 0) && !leaf->readable)
        return false; /* cannot be written without being read */
    if (strcmp(format->name, "intel-ss") == 0 && !leaf->readable && !leaf->writable)
        return false; /* absent */
    if (!format_has_dbm(format))
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
        for (unsigned lg2 = 0; lg2 < 64; lg2++) {
            unsigned outputs = shapes[i].geometry.sizes >> lg2 & 1 ? 12 : 0;
            for (unsigned n = 0; n < outputs; n++) {
                uint64_t output = n == 0 ? 0 : n == 1 ? UINT64_MAX : rng_next(&stream);
                output = output >> (64 - shapes[i].geometry.output_bits) >> lg2 << lg2;
                for (unsigned flags = 0; flags < FLAG_COMBINATIONS; flags++) {
                    struct pt_leaf leaf = {.output = output, .lg2 = lg2};
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
    return a->output == b->output && a->lg2 == b->lg2 && a->readable == b->readable &&
           a->writable == b->writable && a->dbm == b->dbm && a->dirty == b->dirty &&
           a->accessed == b->accessed;
}

/* Entry `index` of a leaf says the whole leaf. */
static void check_entry(const struct format_shape *shape, const struct pt_leaf *leaf, unsigned index)
{
    const struct pt_format *format = shape->format;
    unsigned level = pt_leaf_level(&shape->geometry, leaf->lg2);
    uint64_t entry = format->leaf_entry(&shape->geometry, leaf, index);
    struct pt_leaf decoded = {0};
    cr_assert_eq(format->decode(&shape->geometry, entry, level, &decoded), PT_LEAF, "%s level %u: 0x%016jx",
                 format->name, level, (uintmax_t)entry);
    cr_assert(leaves_equal(leaf, &decoded), "%s level %u: 0x%016jx", format->name, level, (uintmax_t)entry);
    cr_assert_eq(format->is_dirty(entry), leaf->dirty, "%s: 0x%016jx", format->name, (uintmax_t)entry);
}

static void check_round_trip(const struct format_shape *shape, const struct pt_leaf *leaf)
{
    unsigned last = (1U << pt_leaf_entries_lg2(&shape->geometry, leaf->lg2)) - 1;
    check_entry(shape, leaf, 0);
    check_entry(shape, leaf, last / 3);
    check_entry(shape, leaf, last);
}

Test(catalogue, decode_inverts_leaf_entry)
{
    cr_assert_gt(for_every_leaf(check_round_trip), 10000);
}

static void check_clean(const struct format_shape *shape, const struct pt_leaf *leaf)
{
    const struct pt_format *format = shape->format;
    uint64_t cleaned = format->clean(format->leaf_entry(&shape->geometry, leaf, 0));
    struct pt_leaf expected = *leaf, decoded = {0};
    expected.dirty = false;
    cr_assert_not(format->is_dirty(cleaned), "%s: 0x%016jx", format->name, (uintmax_t)cleaned);
    cr_assert_eq(format->clean(cleaned), cleaned, "%s: cleaning twice", format->name);
    cr_assert_eq(
        format->decode(&shape->geometry, cleaned, pt_leaf_level(&shape->geometry, leaf->lg2), &decoded),
        PT_LEAF);
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
        uint64_t before = format->leaf_entry(&shape->geometry, leaf, 0), entry = before;
        enum pt_outcome outcome = format->access(&entry, switches, write);
        struct pt_leaf after = {0};
        cr_assert_eq(
            format->decode(&shape->geometry, entry, pt_leaf_level(&shape->geometry, leaf->lg2), &after),
            PT_LEAF);
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
    bool managed = leaf->writable && (!format_has_dbm(format) || leaf->dbm);
    uint64_t entry = format->clean(format->leaf_entry(&shape->geometry, leaf, 0));
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
                uint64_t output = rng_next(&stream) >> (64 - geometry->output_bits) >> lg2 << lg2;
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

/* Hardware dirties any one entry of a leaf; the leaf is dirty then, and cleaning all of them undoes it. */
static void check_every_replica(const struct format_shape *shape, unsigned lg2)
{
    enum { REPLICAS_MAX = 256 };
    const struct pt_format *format = shape->format;
    struct pt_leaf leaf = {
        .lg2 = lg2, .readable = true, .writable = true, .dbm = format_has_dbm(format), .accessed = true};
    unsigned count = 1U << pt_leaf_entries_lg2(&shape->geometry, lg2);
    uint64_t clean[REPLICAS_MAX], entries[REPLICAS_MAX];
    cr_assert_leq(count, REPLICAS_MAX);
    for (unsigned i = 0; i < count; i++)
        clean[i] = entries[i] = format->leaf_entry(&shape->geometry, &leaf, i);
    for (unsigned hit = 0; hit < count; hit++) {
        bool dirty = false;
        cr_assert_eq(format->access(&entries[hit], (struct pt_switches){true, true}, true), PT_ALLOWED);
        for (unsigned i = 0; i < count; i++)
            dirty = dirty || format->is_dirty(entries[i]);
        cr_assert(dirty, "%s 2^%u entry %u", format->name, lg2, hit);
        for (unsigned i = 0; i < count; i++)
            entries[i] = format->clean(entries[i]);
        cr_assert_arr_eq(entries, clean, count * sizeof clean[0], "%s 2^%u entry %u", format->name, lg2, hit);
    }
}

Test(catalogue, dirty_in_any_entry)
{
    struct format_shape shapes[FORMAT_SHAPES_MAX];
    size_t count = format_shapes(shapes);
    for (size_t i = 0; i < count; i++)
        for (unsigned lg2 = 0; lg2 < 64; lg2++)
            if (shapes[i].geometry.sizes >> lg2 & 1)
                check_every_replica(&shapes[i], lg2);
}

/* Hardware refuses or lets pass a write to a clean managed leaf while the switches are off, as the format
 * says; what it is born as never faults. */
Test(catalogue, born_leaves_and_switches_fit)
{
    for (size_t f = 0; pt_formats[f]; f++)
        for (unsigned n = 0; n < 3 * 3 * 2 * 2; n++) {
            const struct pt_format *format = pt_formats[f];
            struct pt_geometry geometry = format_geometry(format, format->levels_default, 12, 48);
            enum phase phase = (enum phase)(n % 3);
            bool hardware = n / 9 % 2, tracked = n / 18 % 2;
            struct cell_config config = {0};
            config.iommu.dbm = (enum dbm)(n / 3 % 3);
            config.iommu.ha = config.iommu.hd = true;
            uint8_t born = format->born(&config, hardware, phase, true, tracked);
            struct pt_leaf leaf = {.lg2 = 12,
                                   .readable = true,
                                   .writable = true,
                                   .dbm = format_has_dbm(format) && (born & LEAF_MANAGED),
                                   .dirty = born & LEAF_DIRTY,
                                   .accessed = born & LEAF_ACCESSED};
            uint64_t entry = format->leaf_entry(&geometry, &leaf, 0);
            cr_expect_eq(format->is_dirty(entry), leaf.dirty, "%s", format->name);
            uint64_t written = entry;
            struct pt_switches switches = format->switches(&config, hardware, phase);
            cr_expect(!switches.dirty || switches.accessed, "%s", format->name);
            cr_expect_eq(format->access(&written, switches, true), PT_ALLOWED, "%s %u", format->name, n);
            if (switches.dirty && (born & LEAF_MANAGED))
                cr_expect(format->is_dirty(written), "%s %u", format->name, n);
            if (!format->sets_accessed)
                cr_expect(leaf.accessed, "%s", format->name);
            if ((born & LEAF_MANAGED) == 0)
                continue;
            written = format->clean(entry);
            cr_expect_eq(format->access(&written, (struct pt_switches){false, false}, true),
                         format->clean_refuses ? PT_FAULT_PERMISSION : PT_ALLOWED, "%s", format->name);
        }
}

static void check_shape(const struct pt_geometry *geometry, const char *name)
{
    unsigned below_root = pt_entry_lg2(geometry, geometry->levels - 1);
    cr_expect_leq(geometry->levels, PT_LEVELS_MAX, "%s", name);
    cr_expect_lt(below_root, geometry->iova_bits, "%s: the root has no index", name);
    cr_expect_eq(geometry->table_bytes, UINT64_C(8) << geometry->index_bits, "%s", name);
    uint64_t root_bytes = UINT64_C(8) << (geometry->iova_bits - below_root);
    cr_expect_eq(geometry->root_bytes,
                 root_bytes > geometry->table_bytes ? root_bytes : geometry->table_bytes, "%s", name);
    cr_expect_eq(__builtin_ctzll(geometry->sizes), (int)geometry->granule_lg2, "%s", name);
    cr_expect_eq(geometry->plain_sizes & ~geometry->sizes, 0, "%s", name);
    cr_expect(geometry->plain_sizes >> geometry->granule_lg2 & 1, "%s", name);
    for (unsigned lg2 = 0; lg2 < 64; lg2++) {
        if ((geometry->sizes >> lg2 & 1) == 0)
            continue;
        unsigned level = pt_leaf_level(geometry, lg2);
        cr_expect_leq(lg2, geometry->iova_bits, "%s", name);
        cr_expect_lt(pt_leaf_entries_lg2(geometry, lg2), geometry->index_bits, "%s", name);
        if (geometry->plain_sizes >> lg2 & 1)
            cr_expect(pt_entry_lg2(geometry, level) == lg2 && pt_level_holds_leaf(geometry, level),
                      "%s: a plain leaf is one entry of its level", name);
    }
}

Test(catalogue, shapes_are_consistent)
{
    struct format_shape shapes[FORMAT_SHAPES_MAX];
    size_t count = format_shapes(shapes);
    cr_assert_geq(count, 46, "shapes of formats that we ship are gone"); /* a new format adds its own */
    for (size_t i = 0; i < count; i++)
        check_shape(&shapes[i].geometry, shapes[i].format->name);
}

/* Words never pass the end they are given. */
Test(catalogue, descriptions_fit)
{
    struct format_shape shapes[FORMAT_SHAPES_MAX];
    size_t count = format_shapes(shapes);
    uint64_t stream = 4;
    for (size_t i = 0; i < count; i++)
        for (unsigned n = 0; n < 1000; n++) {
            char text[100], cut[100];
            uint64_t entry = n ? rng_next(&stream) : UINT64_MAX;
            unsigned level = n % shapes[i].geometry.levels;
            size_t bytes = 1 + n % 40;
            memset(cut, '#', sizeof cut);
            shapes[i].format->describe(&shapes[i].geometry, entry, level, text, sizeof text);
            shapes[i].format->describe(&shapes[i].geometry, entry, level, cut, bytes);
            cr_assert(strlen(text) > 0 && strlen(text) < sizeof text - 1);
            cr_assert(strlen(cut) < bytes && cut[bytes] == '#', "%s", shapes[i].format->name);
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
