/* VMSAv8-64 descriptors (Arm DDI 0487 D8.2, D8.3; SMMUv3 IHI 0070 3.13): what both stages share, as a
 * template. A stage file defines the functions below, includes this header once, and has the functions named
 * in its ops.
 *
 *   permits_read, permits_write   does the entry as it stands in memory let the access pass?
 *   with_permissions              the entry with its permission field set
 *   levels_max                    how many levels a walk may have by granule and address width; a tree that
 * would have one more gets a root of concatenated tables instead permission_word               the permission
 * field as people write it
 *
 * Attributes that translation does not depend on here (memory type, shareability, privilege, execution) are
 * 0. */
#ifndef SIM_PT_ARM_DESCRIPTOR_H
#define SIM_PT_ARM_DESCRIPTOR_H

#include <assert.h>

#include "sim/config.h"
#include "sim/pt/pt.h"
#include "sim/pt/words.h"

static inline bool permits_read(uint64_t entry);
static inline bool permits_write(uint64_t entry);
static inline uint64_t with_permissions(uint64_t entry, bool read, bool write);
static inline unsigned levels_max(unsigned granule_lg2, unsigned address_bits);
static inline const char *permission_word(uint64_t entry);

#define ARM_VALID (UINT64_C(1) << 0)
#define ARM_TABLE_OR_PAGE (UINT64_C(1) << 1) /* 0: block */
#define ARM_AF (UINT64_C(1) << 10)
#define ARM_DBM (UINT64_C(1) << 51)
#define ARM_CONTIGUOUS (UINT64_C(1) << 52)

/* lg2 of the entries of a contiguous group at a level that holds leaves. */
static unsigned contiguous_lg2(unsigned granule_lg2, unsigned level)
{
    if (granule_lg2 == 14)
        return level == 0 ? 7 : 5;
    return granule_lg2 == 12 ? 4 : 5;
}

/* Level 0 and the level or two above it hold leaves; sizes above the whole space do not exist. */
static void fill_sizes(struct pt_geometry *geometry)
{
    unsigned leaf_levels = geometry->granule_lg2 == 12 ? 3 : 2;
    for (unsigned level = 0; level < leaf_levels && level < geometry->levels; level++) {
        unsigned plain = pt_entry_lg2(geometry, level);
        unsigned group = plain + contiguous_lg2(geometry->granule_lg2, level);
        if (plain <= geometry->iova_bits)
            geometry->plain_sizes |= UINT64_C(1) << plain;
        if (group <= geometry->iova_bits)
            geometry->sizes |= UINT64_C(1) << group;
    }
    geometry->sizes |= geometry->plain_sizes;
}

/* A root that the width cuts still takes a granule; a concatenated one as much as its tables together. */
static struct pt_geometry geometry(const struct cell_config *config)
{
    unsigned granule_lg2 = (unsigned)__builtin_ctzll(config->iommu.granule_bytes);
    unsigned bits = config->iommu.address_bits;
    assert(granule_lg2 == 12 || granule_lg2 == 14 || granule_lg2 == 16);
    assert(bits >= 32 && bits <= 48);
    struct pt_geometry geometry = {
        .granule_lg2 = granule_lg2,
        .index_bits = granule_lg2 - 3,
        .iova_bits = bits,
        .output_bits = granule_lg2 == 16 ? 52 : 48,
        .table_bytes = UINT64_C(1) << granule_lg2,
    };
    geometry.levels = (bits - granule_lg2 + geometry.index_bits - 1) / geometry.index_bits;
    if (geometry.levels > levels_max(granule_lg2, bits))
        geometry.levels--;
    geometry.root_bytes = UINT64_C(8) << (bits - pt_entry_lg2(&geometry, geometry.levels - 1));
    if (geometry.root_bytes < geometry.table_bytes)
        geometry.root_bytes = geometry.table_bytes;
    fill_sizes(&geometry);
    return geometry;
}

/* 4 and 16 KiB (DS=0): OA[47:12] stands where it is. 64 KiB (LPA): OA[51:48] stands in bits 15:12. */
static uint64_t address_field(const struct pt_geometry *geometry, uint64_t output)
{
    uint64_t field = output & UINT64_C(0x0000fffffffff000);
    return geometry->granule_lg2 == 16 ? field | output >> 48 << 12 : field;
}

/* The address of 2^lg2 bytes that an entry points to. Bits below it in the field mean something else. */
static uint64_t address_of_field(const struct pt_geometry *geometry, uint64_t entry, unsigned lg2)
{
    uint64_t output = (entry & UINT64_C(0x0000fffffffff000)) >> lg2 << lg2;
    return geometry->granule_lg2 == 16 ? output | (entry >> 12 & 15) << 48 : output;
}

/* Each entry of a contiguous group has the address of its own part. */
static uint64_t leaf_entry(const struct pt_geometry *geometry, const struct pt_leaf *leaf, unsigned index)
{
    unsigned level = pt_leaf_level(geometry, leaf->lg2);
    bool contiguous = pt_leaf_entries_lg2(geometry, leaf->lg2) > 0;
    assert(geometry->sizes >> leaf->lg2 & 1);
    assert(index < 1U << pt_leaf_entries_lg2(geometry, leaf->lg2));
    assert(pt_output_fits(geometry, leaf->output, leaf->lg2));
    assert(!leaf->dbm || leaf->writable);
    uint64_t output = leaf->output + ((uint64_t)index << pt_entry_lg2(geometry, level));
    uint64_t entry = ARM_VALID | address_field(geometry, output) | (level == 0 ? ARM_TABLE_OR_PAGE : 0) |
                     (leaf->accessed ? ARM_AF : 0) | (leaf->dbm ? ARM_DBM : 0) |
                     (contiguous ? ARM_CONTIGUOUS : 0);
    return with_permissions(entry, leaf->readable, leaf->writable && (!leaf->dbm || leaf->dirty));
}

/* Hierarchical permissions (APTable) take nothing away: leaves decide. */
static uint64_t table_entry(const struct pt_geometry *geometry, uint64_t output, unsigned level)
{
    assert(level >= 1 && level < geometry->levels);
    assert(pt_output_fits(geometry, output, geometry->granule_lg2));
    (void)level;
    return ARM_VALID | ARM_TABLE_OR_PAGE | address_field(geometry, output);
}

/* Writable-dirty in the sense of Arm DDI 0487 D8.5 (R_BRFGY): hardware manages the entry and it stands open
 * for writing. A writable entry without DBM cannot tell, so it is never dirty (semantics.md 6). */
static bool entry_is_dirty(uint64_t entry)
{
    return (entry & ARM_VALID) != 0 && (entry & ARM_DBM) != 0 && permits_write(entry);
}

/* The contiguous bit is a hint: where the format has no such group the entry stands for itself. */
static unsigned leaf_lg2(const struct pt_geometry *geometry, uint64_t entry, unsigned level)
{
    unsigned lg2 = pt_entry_lg2(geometry, level);
    unsigned group = lg2 + contiguous_lg2(geometry->granule_lg2, level);
    return (entry & ARM_CONTIGUOUS) != 0 && (geometry->sizes >> group & 1) != 0 ? group : lg2;
}

static enum pt_kind decode(const struct pt_geometry *geometry, uint64_t entry, unsigned level,
                           struct pt_leaf *leaf)
{
    if ((entry & ARM_VALID) == 0)
        return PT_ABSENT;
    if (level > 0 && (entry & ARM_TABLE_OR_PAGE) != 0)
        return PT_TABLE;
    if (level == 0 ? (entry & ARM_TABLE_OR_PAGE) == 0 : !pt_level_holds_leaf(geometry, level))
        return PT_ABSENT; /* reserved: a block at the last level, or at a level without blocks */
    if (leaf) {
        unsigned lg2 = leaf_lg2(geometry, entry, level);
        *leaf = (struct pt_leaf){
            .output = address_of_field(geometry, entry, lg2),
            .lg2 = lg2,
            .readable = permits_read(entry),
            .writable = permits_write(entry) || (entry & ARM_DBM) != 0,
            .dbm = (entry & ARM_DBM) != 0,
            .dirty = entry_is_dirty(entry),
            .accessed = (entry & ARM_AF) != 0,
        };
    }
    return PT_LEAF;
}

static void describe(const struct pt_geometry *geometry, uint64_t entry, unsigned level, char *text,
                     size_t bytes)
{
    static const struct pt_word words[] = {
        {ARM_AF, ARM_AF, "AF"},
        {ARM_DBM, ARM_DBM, "DBM"},
        {ARM_CONTIGUOUS, ARM_CONTIGUOUS, "contiguous"},
    };
    assert(bytes > 0);
    text[0] = '\0';
    enum pt_kind kind = decode(geometry, entry, level, NULL);
    if (kind != PT_LEAF) {
        pt_say(text, bytes, kind == PT_TABLE ? "valid table" : "absent");
        return;
    }
    pt_say(text, bytes, level == 0 ? "valid page" : "valid block");
    pt_say(text, bytes, permission_word(entry));
    pt_say_words(text, bytes, entry, words, sizeof words / sizeof words[0]);
    if ((entry & ARM_DBM) != 0)
        pt_say(text, bytes, permits_write(entry) ? "(writable-dirty)" : "(writable-clean)");
}

/* IHI 0070 3.13.2 to 3.13.4. HD without HA is reserved and behaves as off. AFFD is 0: an entry with AF=0
 * faults when hardware does not manage AF, before permissions are looked at. Whether AF is set by an access
 * that then has a permission fault is UNKNOWN there; here it is not. */
static enum pt_outcome entry_access(uint64_t *entry, struct pt_switches switches, bool write)
{
    bool manages_dirty = switches.accessed && switches.dirty;
    uint64_t updated = *entry;
    if ((updated & ARM_VALID) == 0)
        return PT_FAULT_TRANSLATION;
    if ((updated & ARM_AF) == 0 && !switches.accessed)
        return PT_FAULT_ACCESS;
    updated |= ARM_AF;
    if (write && manages_dirty && (updated & ARM_DBM) != 0)
        updated = with_permissions(updated, permits_read(updated), true);
    if (write ? !permits_write(updated) : !permits_read(updated))
        return PT_FAULT_PERMISSION;
    *entry = updated;
    return PT_ALLOWED;
}

static uint64_t entry_clean(uint64_t entry)
{
    return (entry & ARM_DBM) != 0 ? with_permissions(entry, permits_read(entry), false) : entry;
}

/* HA and HD: from the beginning with static DBM, as long as tracking is on with dynamic, HD never with off.
 */
static struct pt_switches context_switches(const struct cell_config *config, bool hardware, enum phase phase)
{
    bool accessed = hardware && config->iommu.ha;
    bool wanted =
        config->iommu.dbm == DBM_STATIC || (config->iommu.dbm == DBM_DYNAMIC && phase == PHASE_TRACKING);
    return (struct pt_switches){.accessed = accessed, .dirty = accessed && config->iommu.hd && wanted};
}

/* AF=1 always. Entries get DBM whether or not `ha` and `hd` let hardware use it (semantics.md 6). */
static uint8_t leaf_born(const struct cell_config *config, bool hardware, enum phase phase, bool writable,
                         bool tracked)
{
    if (!writable)
        return LEAF_ACCESSED;
    if (hardware && config->iommu.dbm == DBM_STATIC)
        return LEAF_ACCESSED | LEAF_WRITABLE | LEAF_MANAGED | LEAF_DIRTY;
    if (hardware && config->iommu.dbm == DBM_DYNAMIC && phase == PHASE_TRACKING && tracked)
        return LEAF_ACCESSED | LEAF_WRITABLE | LEAF_MANAGED;
    return LEAF_ACCESSED | LEAF_WRITABLE;
}

static bool walks_entries(const struct cell_config *config)
{
    return config->iommu.dbm == DBM_DYNAMIC;
}

#endif
