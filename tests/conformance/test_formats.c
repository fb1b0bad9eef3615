/* Entry images, shapes and hardware state tables, row by row from the CSV files of this folder. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

#include "formats.h"
#include "table.h"

#define BIT(n) (UINT64_C(1) << (n))
static uint64_t bit_if(bool set, unsigned n)
{
    return set ? BIT(n) : 0;
}

Test(formats, geometry)
{
    const struct table *table = table_read("geometry.csv", 13);
    for (size_t row = 0; row < table->row_count; row++) {
        const struct pt_format *format = format_named(table_text(table, row, "format"));
        unsigned levels = (unsigned)table_number(table, row, "levels", 10);
        struct pt_geometry shape =
            format->geometry(levels, (unsigned)table_number(table, row, "granule_lg2", 10));
        table_expect(table, row, shape.levels == table_number(table, row, "levels_got", 10));
        table_expect(table, row, shape.granule_lg2 == table_number(table, row, "granule_lg2", 10));
        table_expect(table, row, shape.index_bits == table_number(table, row, "index_bits", 10));
        table_expect(table, row, shape.iova_bits == table_number(table, row, "iova_bits", 10));
        table_expect(table, row, shape.table_bytes == table_number(table, row, "table_bytes", 10));
        table_expect(table, row, strcmp(format->vendor, table_text(table, row, "vendor")) == 0);
        table_expect(table, row, levels >= format->levels_min && levels <= format->levels_max);
        char sizes[64] = "";
        for (unsigned i = 0; i < shape.leaf_size_count; i++)
            snprintf(sizes + strlen(sizes), sizeof sizes - strlen(sizes), "%s%u", i ? " " : "",
                     shape.leaf_sizes_lg2[i]);
        table_expect(table, row, strcmp(sizes, table_text(table, row, "leaf_sizes_lg2")) == 0);
    }
}

static void check_leaf(const struct table *table, size_t row, const struct pt_format *format,
                       const struct pt_geometry *shape, unsigned level, uint64_t entry)
{
    struct pt_leaf leaf = {
        .output = table_number(table, row, "output", 16),
        .level = level,
        .readable = table_flag(table, row, "readable"),
        .writable = table_flag(table, row, "writable"),
        .dbm = table_flag(table, row, "dbm"),
        .dirty = table_flag(table, row, "dirty"),
        .accessed = table_flag(table, row, "accessed"),
    };
    struct pt_leaf decoded;
    memset(&decoded, 0xff, sizeof decoded);
    table_expect(table, row, format->leaf_entry(shape, &leaf) == entry);
    cr_assert_eq(format->decode(shape, entry, level, &decoded), PT_LEAF, "%s:%u: not a leaf", table->name,
                 table->lines[row]);
    table_expect(table, row, decoded.output == leaf.output);
    table_expect(table, row, decoded.level == leaf.level);
    table_expect(table, row, decoded.readable == leaf.readable);
    table_expect(table, row, decoded.writable == leaf.writable);
    table_expect(table, row, decoded.dbm == leaf.dbm);
    table_expect(table, row, decoded.dirty == leaf.dirty);
    table_expect(table, row, decoded.accessed == leaf.accessed);
    table_expect(table, row, format->is_dirty(entry) == leaf.dirty);
    /* Without somewhere to put the words decode still says what the entry is. */
    table_expect(table, row, format->decode(shape, entry, level, NULL) == PT_LEAF);
}

Test(formats, entry_encodings)
{
    const struct table *table = table_read("entry_encodings.csv", 127);
    for (size_t row = 0; row < table->row_count; row++) {
        const struct pt_format *format = format_named(table_text(table, row, "format"));
        uint64_t granule = table_number(table, row, "granule", 16);
        struct pt_geometry shape = format->geometry((unsigned)table_number(table, row, "levels", 10),
                                                    (unsigned)__builtin_ctzll(granule));
        unsigned level = (unsigned)table_number(table, row, "level", 10);
        uint64_t entry = table_number(table, row, "entry", 16);
        const char *kind = table_text(table, row, "kind");
        if (strcmp(kind, "leaf") == 0) {
            check_leaf(table, row, format, &shape, level, entry);
        } else if (strcmp(kind, "table") == 0) {
            uint64_t output = table_number(table, row, "output", 16);
            table_expect(table, row, format->table_entry(&shape, output, level) == entry);
            table_expect(table, row, format->decode(&shape, entry, level, NULL) == PT_TABLE);
        } else {
            table_expect(table, row, strcmp(kind, "absent") == 0);
            table_expect(table, row, format->decode(&shape, entry, level, NULL) == PT_ABSENT);
        }
    }
}

/* One access to `before`; everything but what the row says must stay as it was. */
static void check_access(const struct table *table, size_t row, const struct pt_format *format,
                         struct pt_switches switches, uint64_t before, uint64_t after)
{
    uint64_t entry = before;
    enum pt_outcome outcome = format->access(&entry, switches, row_is_write(table, row));
    table_expect(table, row, outcome == row_outcome(table, row));
    cr_expect_eq(entry, after, "%s:%u: 0x%016jx became 0x%016jx, not 0x%016jx", table->name,
                 table->lines[row], (uintmax_t)before, (uintmax_t)entry, (uintmax_t)after);
}

/* A page and a block differ in descriptor bit 1 only. */
static const uint64_t arm_leaves[] = {UINT64_C(0x12345003), UINT64_C(0x40200001)};
enum { ARM_LEAVES = sizeof arm_leaves / sizeof arm_leaves[0] };

Test(formats, smmu_s1_states)
{
    const struct table *table = table_read("smmu_s1_states.csv", 32);
    const struct pt_format *format = format_named("smmu-s1");
    for (size_t row = 0; row < table->row_count; row++)
        for (size_t i = 0; i < ARM_LEAVES; i++) {
            struct pt_switches switches = {.accessed = table_flag(table, row, "ha"),
                                           .dirty = table_flag(table, row, "hd")};
            uint64_t base = arm_leaves[i] | BIT(10) | bit_if(table_flag(table, row, "dbm"), 51);
            check_access(table, row, format, switches, base | bit_if(table_flag(table, row, "ap2"), 7),
                         base | bit_if(table_flag(table, row, "ap2_after"), 7));
        }
}

static uint64_t s2ap(const struct table *table, size_t row, const char *column)
{
    return table_number(table, row, column, 2) << 6;
}

Test(formats, smmu_s2_states)
{
    const struct table *table = table_read("smmu_s2_states.csv", 64);
    const struct pt_format *format = format_named("smmu-s2");
    for (size_t row = 0; row < table->row_count; row++)
        for (size_t i = 0; i < ARM_LEAVES; i++) {
            struct pt_switches switches = {.accessed = table_flag(table, row, "ha"),
                                           .dirty = table_flag(table, row, "hd")};
            uint64_t base = arm_leaves[i] | BIT(10) | bit_if(table_flag(table, row, "dbm"), 51);
            check_access(table, row, format, switches, base | s2ap(table, row, "s2ap"),
                         base | s2ap(table, row, "s2ap_after"));
        }
}

Test(formats, smmu_access_flag)
{
    const struct table *table = table_read("smmu_access_flag.csv", 28);
    for (size_t row = 0; row < table->row_count; row++)
        for (size_t i = 0; i < ARM_LEAVES; i++) {
            const char *name = table_text(table, row, "format");
            bool stage1 = strcmp(name, "smmu-s1") == 0;
            struct pt_switches switches = {.accessed = table_flag(table, row, "ha"),
                                           .dirty = table_flag(table, row, "hd")};
            bool open = table_flag(table, row, "open"), after = table_flag(table, row, "open_after");
            uint64_t base = arm_leaves[i] | bit_if(table_flag(table, row, "dbm"), 51);
            base |= bit_if(!stage1, 6); /* stage 2: readable */
            check_access(table, row, format_named(name), switches, base | bit_if(stage1 ? !open : open, 7),
                         base | bit_if(stage1 ? !after : after, 7) |
                             bit_if(table_flag(table, row, "af_after"), 10));
        }
}

Test(formats, amd_v1_states)
{
    const struct table *table = table_read("amd_v1_states.csv", 72);
    const struct pt_format *format = format_named("amd-v1");
    for (size_t row = 0; row < table->row_count; row++) {
        uint64_t had = table_number(table, row, "had", 10);
        struct pt_switches switches = {.accessed = (had & 1) != 0, .dirty = (had & 2) != 0};
        uint64_t base = UINT64_C(0x12345001) | bit_if(table_flag(table, row, "readable"), 61) |
                        bit_if(table_flag(table, row, "writable"), 62);
        check_access(table, row, format, switches,
                     base | bit_if(table_flag(table, row, "accessed"), 5) |
                         bit_if(table_flag(table, row, "dirty"), 6),
                     base | bit_if(table_flag(table, row, "accessed_after"), 5) |
                         bit_if(table_flag(table, row, "dirty_after"), 6));
    }
}

Test(formats, intel_ss_states)
{
    const struct table *table = table_read("intel_ss_states.csv", 48);
    const struct pt_format *format = format_named("intel-ss");
    for (size_t row = 0; row < table->row_count; row++) {
        bool ssade = table_flag(table, row, "ssade");
        struct pt_switches switches = {.accessed = ssade, .dirty = ssade};
        uint64_t base = UINT64_C(0x12345000) | bit_if(table_flag(table, row, "readable"), 0) |
                        bit_if(table_flag(table, row, "writable"), 1);
        check_access(table, row, format, switches,
                     base | bit_if(table_flag(table, row, "accessed"), 8) |
                         bit_if(table_flag(table, row, "dirty"), 9),
                     base | bit_if(table_flag(table, row, "accessed_after"), 8) |
                         bit_if(table_flag(table, row, "dirty_after"), 9));
    }
}

/* Software cleaning (semantics.md 6): one bit moves, and a leaf without DBM stays as it is. */
Test(formats, clean_moves_one_bit)
{
    static const struct {
        const char *format;
        uint64_t before, after;
    } cases[] = {
        {"amd-v1", UINT64_C(0x6000000012345061), UINT64_C(0x6000000012345021)},
        {"amd-v1", UINT64_C(0x6000000012345021), UINT64_C(0x6000000012345021)},
        {"intel-ss", UINT64_C(0x0000000040200383), UINT64_C(0x0000000040200183)},
        {"intel-ss", UINT64_C(0x0000000040200183), UINT64_C(0x0000000040200183)},
        {"smmu-s1", UINT64_C(0x0008000012345403), UINT64_C(0x0008000012345483)},
        {"smmu-s1", UINT64_C(0x0008000012345483), UINT64_C(0x0008000012345483)},
        {"smmu-s1", UINT64_C(0x0000000012345403), UINT64_C(0x0000000012345403)},
        {"smmu-s2", UINT64_C(0x00080000123454c3), UINT64_C(0x0008000012345443)},
        {"smmu-s2", UINT64_C(0x0008000012345483), UINT64_C(0x0008000012345403)},
        {"smmu-s2", UINT64_C(0x00000000123454c3), UINT64_C(0x00000000123454c3)},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t cleaned = format_named(cases[i].format)->clean(cases[i].before);
        cr_expect_eq(cleaned, cases[i].after, "case %zu, %s: 0x%016jx", i, cases[i].format,
                     (uintmax_t)cleaned);
    }
}

/* A dirty switch without the accessed switch is off in every format. */
Test(formats, dirty_switch_alone_is_off)
{
    for (size_t i = 0; pt_formats[i]; i++) {
        const struct pt_format *format = pt_formats[i];
        struct pt_geometry shape =
            format->levels_max ? format->geometry(format->levels_default, 12) : format->geometry(0, 12);
        struct pt_leaf clean = {
            .output = 0x12345000, .readable = true, .writable = true, .dbm = true, .accessed = true};
        uint64_t before = format->leaf_entry(&shape, &clean), entry = before;
        enum pt_outcome outcome = format->access(&entry, (struct pt_switches){.dirty = true}, true);
        cr_expect_eq(entry, before, "%s", format->name);
        cr_expect_eq(outcome, format->control == PT_CONTROL_ENTRY ? PT_FAULT_PERMISSION : PT_ALLOWED, "%s",
                     format->name);
    }
}
