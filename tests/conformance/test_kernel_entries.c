/* Entries that others wrote or walked: Linux's page-table code and QEMU's tests. */
#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#include "formats.h"

static bool is_kind(const struct table *table, size_t row, const char *kind)
{
    return strcmp(table_text(table, row, "kind"), kind) == 0;
}

/* The leaf as software maps it, by the words of the format itself; formats in which writing alone does not
 * exist give reading too. */
static struct pt_leaf mapped_leaf(const struct table *table, size_t row, const struct pt_format *format)
{
    uint64_t prot = table_number(table, row, "prot", 10);
    bool writable = prot & 2;
    bool both = strcmp(format->name, "smmu-s1") == 0 || strcmp(format->name, "riscv-g") == 0;
    struct cell_config config = {0};
    config.iommu.dbm = table_flag(table, row, "dbm") ? DBM_STATIC : DBM_OFF;
    config.iommu.ha = config.iommu.hd = true;
    uint8_t born = format->born(&config, true, PHASE_BEFORE, writable, false);
    return (struct pt_leaf){
        .output = table_number(table, row, "output", 16),
        .lg2 = (unsigned)table_number(table, row, "leaf_lg2", 10),
        .readable = (prot & 1) || both,
        .writable = writable,
        .dbm = format_has_dbm(format) && (born & LEAF_MANAGED),
        .dirty = born & LEAF_DIRTY,
        .accessed = born & LEAF_ACCESSED,
    };
}

static void check_leaf(const struct table *table, size_t row, const struct pt_format *format,
                       const struct pt_geometry *shape, unsigned level)
{
    uint64_t compared = ~table_number(table, row, "ignored", 16);
    uint64_t expected = table_number(table, row, "entry", 16);
    const char *state = table_text(table, row, "state");
    struct pt_leaf leaf = mapped_leaf(table, row, format), decoded = {0};
    leaf.dirty = leaf.dirty || (strcmp(state, "born") != 0 && (leaf.dbm || !format_has_dbm(format)));
    unsigned items = (unsigned)table_number(table, row, "items", 10);
    table_expect(table, row, pt_leaf_level(shape, leaf.lg2) == level);
    table_expect(table, row, 1U << pt_leaf_entries_lg2(shape, leaf.lg2) == items);
    for (unsigned index = 0; index < items; index++) {
        uint64_t entry = format->leaf_entry(shape, &leaf, index);
        if (strcmp(state, "clean") == 0)
            entry = format->clean(entry);
        cr_expect_eq((entry ^ expected) & compared, 0, "%s:%u entry %u: 0x%016jx, not 0x%016jx", table->name,
                     table->lines[row], index, (uintmax_t)entry, (uintmax_t)expected);
    }
    cr_assert_eq(format->decode(shape, expected, level, &decoded), PT_LEAF, "%s:%u: not a leaf", table->name,
                 table->lines[row]);
    table_expect(table, row, decoded.output == leaf.output);
    table_expect(table, row, decoded.lg2 == leaf.lg2);
    table_expect(table, row, decoded.readable == leaf.readable);
    table_expect(table, row, decoded.writable == leaf.writable);
    table_expect(table, row, decoded.dbm == leaf.dbm);
    table_expect(table, row, decoded.accessed == leaf.accessed);
    table_expect(table, row, decoded.dirty == (leaf.dirty && strcmp(state, "clean") != 0));
    table_expect(table, row, format->is_dirty(expected) == decoded.dirty);
}

Test(kernel_entries, as_linux_wrote_them)
{
    const struct table *table = table_read("kernel_entries.csv", 1647);
    for (size_t row = 0; row < table->row_count; row++) {
        const struct pt_format *format = format_named(table_text(table, row, "format"));
        struct pt_geometry shape = format_geometry(format, (unsigned)table_number(table, row, "levels", 10),
                                                   (unsigned)table_number(table, row, "granule_lg2", 10), 48);
        unsigned level = (unsigned)table_number(table, row, "level", 10);
        if (is_kind(table, row, "leaf")) {
            check_leaf(table, row, format, &shape, level);
            continue;
        }
        uint64_t entry = table_number(table, row, "entry", 16);
        uint64_t ours = format->table_entry(&shape, table_number(table, row, "output", 16), level);
        table_expect(table, row, is_kind(table, row, "table"));
        table_expect(table, row, ((ours ^ entry) & ~table_number(table, row, "ignored", 16)) == 0);
        table_expect(table, row, format->decode(&shape, entry, level, NULL) == PT_TABLE);
    }
}

/* An address field, wherever the format has it. */
static uint64_t with_output(const struct pt_format *format, const struct pt_geometry *shape, uint64_t bits,
                            uint64_t output)
{
    struct pt_leaf leaf = {.lg2 = 12, .readable = true};
    uint64_t without = format->leaf_entry(shape, &leaf, 0);
    leaf.output = output;
    return bits | (format->leaf_entry(shape, &leaf, 0) & ~without);
}

Test(kernel_entries, as_qemu_walks_them)
{
    const struct table *table = table_read("qemu_walks.csv", 5);
    for (size_t row = 0; row < table->row_count; row++) {
        const struct pt_format *format = format_named(table_text(table, row, "format"));
        struct pt_geometry shape =
            format_geometry(format, (unsigned)table_number(table, row, "levels", 10), 12, 48);
        uint64_t iova = table_number(table, row, "iova", 16);
        const char *indices = table_text(table, row, "indices");
        for (unsigned level = shape.levels; level-- > 0;) {
            char *end;
            uint64_t index = iova >> pt_entry_lg2(&shape, level) & 511;
            table_expect(table, row, index == strtoull(indices, &end, 16));
            indices = end;
        }
        uint64_t output = table_number(table, row, "output", 16);
        uint64_t entry = with_output(format, &shape, table_number(table, row, "leaf", 16), output);
        struct pt_leaf leaf = {0};
        table_expect(table, row, format->decode(&shape, entry, 0, &leaf) == PT_LEAF);
        table_expect(table, row, leaf.output == output && leaf.lg2 == 12);
        table_expect(table, row, leaf.readable == table_flag(table, row, "readable"));
        table_expect(table, row, leaf.writable == table_flag(table, row, "writable"));
        table_expect(table, row, leaf.dirty == table_flag(table, row, "dirty"));
        table_expect(table, row, leaf.accessed == table_flag(table, row, "accessed"));
        entry = with_output(format, &shape, table_number(table, row, "table", 16), output);
        table_expect(table, row, format->decode(&shape, entry, 1, NULL) == PT_TABLE);
    }
}
