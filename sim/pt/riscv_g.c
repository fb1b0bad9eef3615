/* RISC-V second stage (G-stage) Sv39x4, Sv48x4, Sv57x4: Privileged Architecture, Hypervisor extension,
 * two-stage address translation; Svnapot; RISC-V IOMMU 2.1 (DC.tc.GADE). Leaves look as Linux writes them: U
 * set as every second-stage leaf, X set as nobody asks for it to be refused. */
#include <assert.h>

#include "sim/config.h"
#include "sim/pt/pt.h"
#include "sim/pt/words.h"

#define RISCV_VALID (UINT64_C(1) << 0)
#define RISCV_READ (UINT64_C(1) << 1)
#define RISCV_WRITE (UINT64_C(1) << 2)
#define RISCV_EXECUTE (UINT64_C(1) << 3)
#define RISCV_USER (UINT64_C(1) << 4)
#define RISCV_ACCESSED (UINT64_C(1) << 6)
#define RISCV_DIRTY (UINT64_C(1) << 7)
#define RISCV_NAPOT (UINT64_C(1) << 63)

#define RISCV_RESERVED UINT64_C(0x7fc0000000000000) /* 62:54; PBMT is not used */

enum {
    PPN_SHIFT = 10,
    ROOT_EXTRA_BITS = 2, /* the x4 of the names: the root is four tables wide */
    NAPOT_LG2 = 16,
    NAPOT_PPN_MASK = 15,
    NAPOT_PPN_64K = 8 /* in the low bits of the page number: the only size that is defined */
};

static struct pt_geometry geometry(const struct cell_config *config)
{
    unsigned levels = config->iommu.levels;
    assert(levels >= 3 && levels <= 5);
    uint64_t plain = UINT64_C(1) << 12 | UINT64_C(1) << 21 | UINT64_C(1) << 30;
    return (struct pt_geometry){
        .levels = levels,
        .granule_lg2 = 12,
        .index_bits = 9,
        .iova_bits = 12 + 9 * levels + ROOT_EXTRA_BITS,
        .output_bits = PT_OUTPUT_BITS,
        .table_bytes = 4096,
        .root_bytes = UINT64_C(4096) << ROOT_EXTRA_BITS,
        .plain_sizes = plain,
        .sizes = plain | UINT64_C(1) << NAPOT_LG2,
    };
}

/* The entries of a NAPOT leaf are identical. Writing without reading is reserved, so whoever asks for it gets
 * both. */
static uint64_t leaf_entry(const struct pt_geometry *geometry, const struct pt_leaf *leaf, unsigned index)
{
    assert(geometry->sizes >> leaf->lg2 & 1);
    assert(index < 1U << pt_leaf_entries_lg2(geometry, leaf->lg2));
    assert(pt_output_fits(geometry, leaf->output, leaf->lg2));
    assert(leaf->readable || leaf->writable);
    (void)geometry;
    (void)index;
    uint64_t entry = RISCV_VALID | RISCV_READ | RISCV_EXECUTE | RISCV_USER | leaf->output >> 12 << PPN_SHIFT |
                     (leaf->writable ? RISCV_WRITE : 0) | (leaf->accessed ? RISCV_ACCESSED : 0) |
                     (leaf->dirty ? RISCV_DIRTY : 0);
    if (leaf->lg2 == NAPOT_LG2)
        entry |= RISCV_NAPOT | (uint64_t)NAPOT_PPN_64K << PPN_SHIFT;
    return entry;
}

static uint64_t table_entry(const struct pt_geometry *geometry, uint64_t output, unsigned level)
{
    assert(level >= 1 && level < geometry->levels);
    assert(pt_output_fits(geometry, output, 12));
    (void)geometry;
    (void)level;
    return RISCV_VALID | output >> 12 << PPN_SHIFT;
}

/* lg2 of the leaf that an entry with R or X is, or 0 where the specification lets the walk fault: a
 * misaligned superpage, NAPOT above level 0 or of another size than 64 KiB. */
static unsigned leaf_lg2(const struct pt_geometry *geometry, uint64_t entry, unsigned level)
{
    uint64_t page = (entry & ~RISCV_NAPOT) >> PPN_SHIFT;
    if (!pt_level_holds_leaf(geometry, level))
        return 0;
    if ((entry & RISCV_NAPOT) != 0)
        return level == 0 && (page & NAPOT_PPN_MASK) == NAPOT_PPN_64K ? NAPOT_LG2 : 0;
    unsigned lg2 = pt_entry_lg2(geometry, level);
    return (page & ((UINT64_C(1) << (lg2 - 12)) - 1)) == 0 ? lg2 : 0;
}

static enum pt_kind decode(const struct pt_geometry *geometry, uint64_t entry, unsigned level,
                           struct pt_leaf *leaf)
{
    bool writes_only = (entry & (RISCV_READ | RISCV_WRITE)) == RISCV_WRITE;
    if ((entry & RISCV_VALID) == 0 || (entry & RISCV_RESERVED) != 0 || writes_only)
        return PT_ABSENT;
    if ((entry & (RISCV_READ | RISCV_EXECUTE)) == 0) {
        uint64_t reserved = RISCV_NAPOT | RISCV_USER | RISCV_ACCESSED | RISCV_DIRTY;
        return level > 0 && (entry & reserved) == 0 ? PT_TABLE : PT_ABSENT;
    }
    unsigned lg2 = leaf_lg2(geometry, entry, level);
    if (lg2 == 0)
        return PT_ABSENT;
    if (leaf)
        *leaf = (struct pt_leaf){
            .output = (entry & ~RISCV_NAPOT) >> PPN_SHIFT << 12 >> lg2 << lg2,
            .lg2 = lg2,
            .readable = (entry & RISCV_READ) != 0,
            .writable = (entry & RISCV_WRITE) != 0,
            .dirty = (entry & RISCV_DIRTY) != 0,
            .accessed = (entry & RISCV_ACCESSED) != 0,
        };
    return PT_LEAF;
}

static void describe(const struct pt_geometry *geometry, uint64_t entry, unsigned level, char *text,
                     size_t bytes)
{
    static const struct pt_word words[] = {
        {RISCV_VALID, RISCV_VALID, "V"}, {RISCV_READ, RISCV_READ, "R"},
        {RISCV_WRITE, RISCV_WRITE, "W"}, {RISCV_EXECUTE, RISCV_EXECUTE, "X"},
        {RISCV_USER, RISCV_USER, "U"},   {RISCV_ACCESSED, RISCV_ACCESSED, "A"},
        {RISCV_DIRTY, RISCV_DIRTY, "D"}, {RISCV_NAPOT, RISCV_NAPOT, "N"},
    };
    assert(bytes > 0);
    text[0] = '\0';
    if (decode(geometry, entry, level, NULL) == PT_ABSENT)
        pt_say(text, bytes, "absent");
    pt_say_words(text, bytes, entry, words, sizeof words / sizeof words[0]);
}

/* GADE is one switch: half of it is off. Permissions come before A and D, which hardware sets in one update
 * or, while it may not, lacks and faults. The fault changes nothing. */
static enum pt_outcome entry_access(uint64_t *entry, struct pt_switches switches, bool write)
{
    uint64_t wanted = RISCV_ACCESSED | (write ? RISCV_DIRTY : 0);
    bool leaf = (*entry & (RISCV_READ | RISCV_EXECUTE)) != 0;
    bool writes_only = (*entry & (RISCV_READ | RISCV_WRITE)) == RISCV_WRITE;
    if ((*entry & RISCV_VALID) == 0 || (*entry & RISCV_RESERVED) != 0 || !leaf || writes_only)
        return PT_FAULT_TRANSLATION;
    if ((*entry & RISCV_USER) == 0 || (*entry & (write ? RISCV_WRITE : RISCV_READ)) == 0)
        return PT_FAULT_PERMISSION;
    if ((*entry & wanted) != wanted && !(switches.accessed && switches.dirty))
        return PT_FAULT_PERMISSION;
    *entry |= wanted;
    return PT_ALLOWED;
}

static bool entry_is_dirty(uint64_t entry)
{
    return (entry & RISCV_VALID) != 0 && (entry & RISCV_DIRTY) != 0;
}

static uint64_t entry_clean(uint64_t entry)
{
    return entry & ~RISCV_DIRTY;
}

/* The start switches GADE on, and it stays on: clean leaves would fault without it (semantics.md 7). */
static bool gade(bool hardware, enum phase phase)
{
    return hardware && phase != PHASE_BEFORE;
}

static struct pt_switches context_switches(const struct cell_config *config, bool hardware, enum phase phase)
{
    (void)config;
    bool on = gade(hardware, phase);
    return (struct pt_switches){.accessed = on, .dirty = on};
}

/* A is preset always, D while hardware would not set it (semantics.md 6). */
static uint8_t leaf_born(const struct cell_config *config, bool hardware, enum phase phase, bool writable,
                         bool tracked)
{
    (void)config;
    (void)tracked;
    if (!writable)
        return LEAF_ACCESSED;
    return LEAF_ACCESSED | LEAF_WRITABLE | LEAF_MANAGED | (gade(hardware, phase) ? 0 : LEAF_DIRTY);
}

static bool walks_entries(const struct cell_config *config)
{
    (void)config;
    return false;
}

const struct pt_format pt_riscv_g = {
    .name = "riscv-g",
    .summary = "RISC-V second stage Sv39x4, Sv48x4, Sv57x4, dirty bit switched per device (DC.tc.GADE)",
    .source = "RISC-V Privileged Architecture, Hypervisor extension and Svnapot; RISC-V IOMMU 2.1; Linux "
              "drivers/iommu/generic_pt/fmt/riscv.h",
    .vendor = "riscv",
    .levels_min = 3,
    .levels_max = 5,
    .levels_default = 4,
    .geometry = geometry,
    .leaf_entry = leaf_entry,
    .table_entry = table_entry,
    .decode = decode,
    .describe = describe,
    .access = entry_access,
    .is_dirty = entry_is_dirty,
    .clean = entry_clean,
    .accessed_switch = "DC.tc.GADE",
    .dirty_switch = "DC.tc.GADE",
    .switches = context_switches,
    .born = leaf_born,
    .walks_entries = walks_entries,
    .sets_accessed = false,
    .clean_refuses = true,
};
