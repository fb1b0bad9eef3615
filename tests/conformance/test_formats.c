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

/* "12 21 30", "12-38 40-47": the set bits. */
static void sizes_in_words(uint64_t sizes, char *text, size_t bytes)
{
    text[0] = '\0';
    for (unsigned lg2 = 0; lg2 < 64; lg2++) {
        unsigned last = lg2;
        if ((sizes >> lg2 & 1) == 0)
            continue;
        while (last < 63 && sizes >> (last + 1) & 1)
            last++;
        size_t length = strlen(text);
        const char *space = length ? " " : "";
        if (last > lg2)
            snprintf(text + length, bytes - length, "%s%u-%u", space, lg2, last);
        else
            snprintf(text + length, bytes - length, "%s%u", space, lg2);
        lg2 = last;
    }
}

Test(formats, geometry)
{
    const struct table *table = table_read("geometry.csv", 46);
    for (size_t row = 0; row < table->row_count; row++) {
        const struct pt_format *format = format_named(table_text(table, row, "format"));
        unsigned levels = (unsigned)table_number(table, row, "levels", 10);
        struct pt_geometry shape =
            format_geometry(format, levels, (unsigned)table_number(table, row, "granule_lg2", 10),
                            (unsigned)table_number(table, row, "address_bits", 10));
        table_expect(table, row, shape.levels == table_number(table, row, "levels_got", 10));
        table_expect(table, row, shape.granule_lg2 == table_number(table, row, "granule_lg2", 10));
        table_expect(table, row, shape.index_bits == table_number(table, row, "index_bits", 10));
        table_expect(table, row, shape.iova_bits == table_number(table, row, "iova_bits", 10));
        table_expect(table, row, shape.output_bits == table_number(table, row, "output_bits", 10));
        table_expect(table, row, shape.table_bytes == table_number(table, row, "table_bytes", 10));
        table_expect(table, row, shape.root_bytes == table_number(table, row, "root_bytes", 10));
        table_expect(table, row, strcmp(format->vendor, table_text(table, row, "vendor")) == 0);
        table_expect(table, row, levels >= format->levels_min && levels <= format->levels_max);
        char sizes[64];
        sizes_in_words(shape.plain_sizes, sizes, sizeof sizes);
        table_expect(table, row, strcmp(sizes, table_text(table, row, "plain_sizes")) == 0);
        sizes_in_words(shape.sizes, sizes, sizeof sizes);
        table_expect(table, row, strcmp(sizes, table_text(table, row, "sizes")) == 0);
    }
}

/* Roots as the kernel makes them, at every width. */
Test(formats, kernel_arm_roots)
{
    const struct table *table = table_read("kernel_arm_roots.csv", 69);
    for (size_t row = 0; row < table->row_count; row++) {
        struct pt_geometry shape = format_geometry(format_named(table_text(table, row, "format")), 0,
                                                   (unsigned)table_number(table, row, "granule_lg2", 10),
                                                   (unsigned)table_number(table, row, "address_bits", 10));
        unsigned below_root = pt_entry_lg2(&shape, shape.levels - 1);
        table_expect(table, row, shape.levels == table_number(table, row, "levels", 10));
        table_expect(table, row,
                     UINT64_C(1) << (shape.iova_bits - below_root) ==
                         table_number(table, row, "root_entries", 10));
        table_expect(table, row, shape.root_bytes == table_number(table, row, "root_bytes", 10));
    }
}

static void check_leaf(const struct table *table, size_t row, const struct pt_format *format,
                       const struct pt_geometry *shape, unsigned level, uint64_t entry)
{
    struct pt_leaf leaf = {
        .output = table_number(table, row, "output", 16),
        .lg2 = (unsigned)table_number(table, row, "lg2", 10),
        .readable = table_flag(table, row, "readable"),
        .writable = table_flag(table, row, "writable"),
        .dbm = table_flag(table, row, "dbm"),
        .dirty = table_flag(table, row, "dirty"),
        .accessed = table_flag(table, row, "accessed"),
    };
    struct pt_leaf decoded;
    memset(&decoded, 0xff, sizeof decoded);
    table_expect(table, row, pt_leaf_level(shape, leaf.lg2) == level);
    table_expect(table, row,
                 format->leaf_entry(shape, &leaf, (unsigned)table_number(table, row, "index", 10)) == entry);
    cr_assert_eq(format->decode(shape, entry, level, &decoded), PT_LEAF, "%s:%u: not a leaf", table->name,
                 table->lines[row]);
    table_expect(table, row, decoded.output == leaf.output);
    table_expect(table, row, decoded.lg2 == leaf.lg2);
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
    const struct table *table = table_read("entry_encodings.csv", 173);
    for (size_t row = 0; row < table->row_count; row++) {
        const struct pt_format *format = format_named(table_text(table, row, "format"));
        uint64_t granule = table_number(table, row, "granule", 16);
        struct pt_geometry shape = format_geometry(format, (unsigned)table_number(table, row, "levels", 10),
                                                   (unsigned)__builtin_ctzll(granule), 48);
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

Test(formats, descriptions)
{
    const struct table *table = table_read("descriptions.csv", 20);
    for (size_t row = 0; row < table->row_count; row++) {
        const struct pt_format *format = format_named(table_text(table, row, "format"));
        struct pt_geometry shape =
            format_geometry(format, (unsigned)table_number(table, row, "levels", 10), 12, 48);
        const char *expected = table_text(table, row, "text");
        char text[80];
        format->describe(&shape, table_number(table, row, "entry", 16),
                         (unsigned)table_number(table, row, "level", 10), text, sizeof text);
        cr_expect_str_eq(text, expected, "%s:%u: \"%s\", not \"%s\"", table->name, table->lines[row], text,
                         expected);
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

/* The request, then a write; nothing is cached here, so the second finds what the first left. */
Test(formats, riscv_g_states)
{
    const struct table *table = table_read("riscv_g_states.csv", 64);
    const struct pt_format *format = format_named("riscv-g");
    for (size_t row = 0; row < table->row_count; row++) {
        bool gade = table_flag(table, row, "gade"), writable = table_flag(table, row, "writable");
        struct pt_switches switches = {.accessed = gade, .dirty = gade};
        const char *request = table_text(table, row, "request");
        /* A translation request that may write dirties what can be written, else it reads. */
        bool ats = strncmp(request, "ats", 3) == 0;
        bool write = strcmp(request, "write") == 0 || (strcmp(request, "ats-rw") == 0 && writable);
        uint64_t base = UINT64_C(0x048d1413) | bit_if(writable, 2);
        uint64_t entry =
            base | bit_if(table_flag(table, row, "accessed"), 6) | bit_if(table_flag(table, row, "dirty"), 7);
        uint64_t before = entry;
        bool allowed = format->access(&entry, switches, write) == PT_ALLOWED;
        /* Where it lacks the right a translation request is answered without, and does not fault. */
        table_expect(table, row, ats || allowed == (strcmp(table_text(table, row, "outcome"), "ok") == 0));
        table_expect(table, row,
                     entry == (base | bit_if(table_flag(table, row, "accessed_after"), 6) |
                               bit_if(table_flag(table, row, "dirty_after"), 7)));
        table_expect(table, row, (entry != before) == table_flag(table, row, "updates"));
        before = entry;
        allowed = format->access(&entry, switches, true) == PT_ALLOWED;
        table_expect(table, row, allowed == (strcmp(table_text(table, row, "then_write"), "ok") == 0));
        table_expect(table, row,
                     entry == (base | bit_if(table_flag(table, row, "then_accessed"), 6) |
                               bit_if(table_flag(table, row, "then_dirty"), 7)));
        table_expect(table, row, (entry != before) == table_flag(table, row, "then_updates"));
    }
}

/* What the second stage refuses whatever A and D say: no U, no leaf, writing without reading. */
Test(formats, riscv_g_refuses)
{
    static const struct {
        uint64_t entry;
        enum pt_outcome read, write;
    } cases[] = {
        {UINT64_C(0x048d14c7), PT_FAULT_PERMISSION, PT_FAULT_PERMISSION},   /* V R W A D */
        {UINT64_C(0x048d14d9), PT_FAULT_PERMISSION, PT_FAULT_PERMISSION},   /* V X U A D */
        {UINT64_C(0x048d1401), PT_FAULT_TRANSLATION, PT_FAULT_TRANSLATION}, /* V: a pointer */
        {UINT64_C(0x048d14d5), PT_FAULT_TRANSLATION, PT_FAULT_TRANSLATION}, /* V W U A D */
        {UINT64_C(0x048d14dd), PT_FAULT_TRANSLATION, PT_FAULT_TRANSLATION}, /* V W X U A D */
        {UINT64_C(0x048d14de), PT_FAULT_TRANSLATION, PT_FAULT_TRANSLATION}, /* all but V */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t entry = cases[i].entry;
        struct pt_switches on = {true, true};
        cr_expect_eq(format_named("riscv-g")->access(&entry, on, false), cases[i].read, "case %zu", i);
        cr_expect_eq(format_named("riscv-g")->access(&entry, on, true), cases[i].write, "case %zu", i);
        cr_expect_eq(entry, cases[i].entry, "case %zu", i);
    }
}

Test(formats, httu)
{
    const struct table *table = table_read("httu.csv", 6);
    for (size_t row = 0; row < table->row_count; row++)
        for (size_t i = 0; i < ARM_LEAVES; i++) {
            const char *name = table_text(table, row, "format");
            bool stage1 = strcmp(name, "smmu-s1") == 0;
            bool open = table_flag(table, row, "open"), after = table_flag(table, row, "open_after");
            struct pt_switches switches = {.accessed = table_flag(table, row, "ha"),
                                           .dirty = table_flag(table, row, "hd")};
            uint64_t base = arm_leaves[i] | bit_if(table_flag(table, row, "dbm"), 51) | bit_if(!stage1, 6);
            uint64_t entry =
                base | bit_if(stage1 ? !open : open, 7) | bit_if(table_flag(table, row, "af"), 10);
            bool allowed = format_named(name)->access(&entry, switches, true) == PT_ALLOWED;
            table_expect(table, row, allowed == (strcmp(table_text(table, row, "outcome"), "ok") == 0));
            table_expect(table, row,
                         entry == (base | bit_if(stage1 ? !after : after, 7) |
                                   bit_if(table_flag(table, row, "af_after"), 10)));
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
        {"riscv-g", UINT64_C(0x80000000048d20df), UINT64_C(0x80000000048d205f)},
        {"riscv-g", UINT64_C(0x00000000048d145b), UINT64_C(0x00000000048d145b)},
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
        struct pt_geometry shape = format_geometry(format, format->levels_default, 12, 48);
        struct pt_leaf clean = {.output = 0x12345000,
                                .lg2 = 12,
                                .readable = true,
                                .writable = true,
                                .dbm = true,
                                .accessed = true};
        uint64_t before = format->leaf_entry(&shape, &clean, 0), entry = before;
        enum pt_outcome outcome = format->access(&entry, (struct pt_switches){.dirty = true}, true);
        cr_expect_eq(entry, before, "%s", format->name);
        cr_expect_eq(outcome, format->clean_refuses ? PT_FAULT_PERMISSION : PT_ALLOWED, "%s", format->name);
    }
}

Test(formats, born)
{
    const struct table *table = table_read("born.csv", 41);
    for (size_t row = 0; row < table->row_count; row++) {
        struct cell_config config = {0};
        config.iommu.dbm = row_dbm(table, row);
        bool writable = table_flag(table, row, "writable");
        uint8_t expected =
            (uint8_t)((writable ? LEAF_WRITABLE : 0) | (table_flag(table, row, "dirty") ? LEAF_DIRTY : 0) |
                      (table_flag(table, row, "managed") ? LEAF_MANAGED : 0) |
                      (table_flag(table, row, "accessed") ? LEAF_ACCESSED : 0));
        const struct pt_format *format = format_named(table_text(table, row, "format"));
        /* ha and hd change what hardware does, not what software writes. */
        for (unsigned off = 0; off < 4; off++) {
            config.iommu.ha = off & 1;
            config.iommu.hd = off & 2;
            table_expect(table, row,
                         format->born(&config, table_flag(table, row, "hardware"), row_phase(table, row),
                                      writable, table_flag(table, row, "tracked")) == expected);
        }
    }
}

Test(formats, switches)
{
    const struct table *table = table_read("switches.csv", 31);
    for (size_t row = 0; row < table->row_count; row++) {
        const struct pt_format *format = format_named(table_text(table, row, "format"));
        struct cell_config config = {0};
        config.iommu.dbm = row_dbm(table, row);
        config.iommu.ha = table_flag(table, row, "ha");
        config.iommu.hd = table_flag(table, row, "hd");
        struct pt_switches switches =
            format->switches(&config, table_flag(table, row, "hardware"), row_phase(table, row));
        table_expect(table, row, switches.accessed == table_flag(table, row, "accessed"));
        table_expect(table, row, switches.dirty == table_flag(table, row, "dirty"));
        table_expect(table, row, format->walks_entries(&config) == table_flag(table, row, "walks"));
    }
    cr_expect(format_named("amd-v1")->sets_accessed && format_named("intel-ss")->sets_accessed);
    cr_expect_not(format_named("smmu-s1")->sets_accessed || format_named("smmu-s2")->sets_accessed ||
                  format_named("riscv-g")->sets_accessed);
}
