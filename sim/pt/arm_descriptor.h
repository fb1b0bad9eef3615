/* VMSAv8-64 descriptors (Arm DDI 0487 D8.2, D8.3; SMMUv3 IHI 0070 3.13): what both stages share, as
 * a template. A stage file defines the three functions below on its permission field, includes this
 * header once, and has the functions named in its ops.
 *
 *   permits_read, permits_write   does the entry as it stands in memory let the access pass?
 *   with_permissions              the entry with its permission field set
 *
 * Attributes that translation does not depend on here (memory type, shareability, privilege,
 * execution) are 0. */
#ifndef SIM_PT_ARM_DESCRIPTOR_H
#define SIM_PT_ARM_DESCRIPTOR_H

#include <assert.h>

#include "sim/pt/pt.h"

static inline bool permits_read(uint64_t entry);
static inline bool permits_write(uint64_t entry);
static inline uint64_t with_permissions(uint64_t entry, bool read, bool write);

#define ARM_VALID (UINT64_C(1) << 0)
#define ARM_TABLE_OR_PAGE (UINT64_C(1) << 1) /* 0: block */
#define ARM_AF (UINT64_C(1) << 10)
#define ARM_DBM (UINT64_C(1) << 51)

/* 48-bit input addresses at every granule; a table takes one granule even where the root uses few
 * entries. */
static struct pt_geometry geometry(unsigned levels, unsigned granule_lg2)
{
    assert(levels == 0);
    assert(granule_lg2 == 12 || granule_lg2 == 14 || granule_lg2 == 16);
    (void)levels;
    struct pt_geometry shape = {
        .levels = granule_lg2 == 16 ? 3 : 4,
        .granule_lg2 = granule_lg2,
        .index_bits = granule_lg2 - 3,
        .iova_bits = 48,
        .table_bytes = UINT64_C(1) << granule_lg2,
        .leaf_size_count = granule_lg2 == 12 ? 3 : 2,
    };
    for (unsigned level = 0; level < shape.leaf_size_count; level++)
        shape.leaf_sizes_lg2[level] = (uint8_t)pt_entry_lg2(&shape, level);
    return shape;
}

/* Output addresses have 52 bits. 64 KiB granule (LPA): OA[51:48] stands in bits 15:12. 4 and 16 KiB
 * (DS=1): OA[51:50] stands in bits 9:8. Below 2^48 that is the plain layout. */
static uint64_t address_field(const struct pt_geometry *shape, uint64_t output)
{
    uint64_t low = shape->granule_lg2 == 16 ? UINT64_C(0x0000ffffffff0000) : UINT64_C(0x0003fffffffff000);
    return (output & low) | (shape->granule_lg2 == 16 ? output >> 48 << 12 : output >> 50 << 8);
}

static uint64_t address_of_field(const struct pt_geometry *shape, uint64_t entry)
{
    if (shape->granule_lg2 == 16)
        return (entry & UINT64_C(0x0000ffffffff0000)) | (entry >> 12 & 15) << 48;
    uint64_t granules = UINT64_C(0x0003ffffffffffff) >> shape->granule_lg2 << shape->granule_lg2;
    return (entry & granules) | (entry >> 8 & 3) << 50;
}

static uint64_t leaf_entry(const struct pt_geometry *shape, const struct pt_leaf *leaf)
{
    assert(pt_level_holds_leaf(shape, leaf->level));
    assert(pt_output_fits(leaf->output, pt_entry_lg2(shape, leaf->level)));
    assert(!leaf->dbm || leaf->writable);
    uint64_t entry = ARM_VALID | address_field(shape, leaf->output) |
                     (leaf->level == 0 ? ARM_TABLE_OR_PAGE : 0) | (leaf->accessed ? ARM_AF : 0) |
                     (leaf->dbm ? ARM_DBM : 0);
    return with_permissions(entry, leaf->readable, leaf->writable && (!leaf->dbm || leaf->dirty));
}

/* Hierarchical permissions (APTable) take nothing away: leaves decide. */
static uint64_t table_entry(const struct pt_geometry *shape, uint64_t output, unsigned level)
{
    assert(level >= 1 && level < shape->levels);
    assert(pt_output_fits(output, shape->granule_lg2));
    (void)level;
    return ARM_VALID | ARM_TABLE_OR_PAGE | address_field(shape, output);
}

/* Writable-dirty in the sense of Arm DDI 0487 D8.5 (R_BRFGY): hardware manages the entry and it
 * stands open for writing. A writable entry without DBM cannot tell, so it is never dirty
 * (semantics.md 6). */
static bool entry_is_dirty(uint64_t entry)
{
    return (entry & ARM_VALID) != 0 && (entry & ARM_DBM) != 0 && permits_write(entry);
}

static enum pt_kind decode(const struct pt_geometry *shape, uint64_t entry, unsigned level,
                           struct pt_leaf *leaf)
{
    if ((entry & ARM_VALID) == 0)
        return PT_ABSENT;
    if (level > 0 && (entry & ARM_TABLE_OR_PAGE) != 0)
        return PT_TABLE;
    if (level == 0 ? (entry & ARM_TABLE_OR_PAGE) == 0 : !pt_level_holds_leaf(shape, level))
        return PT_ABSENT; /* reserved: a block at the last level, or at a level without blocks */
    if (leaf)
        *leaf = (struct pt_leaf){
            .output = address_of_field(shape, entry),
            .level = level,
            .readable = permits_read(entry),
            .writable = permits_write(entry) || (entry & ARM_DBM) != 0,
            .dbm = (entry & ARM_DBM) != 0,
            .dirty = entry_is_dirty(entry),
            .accessed = (entry & ARM_AF) != 0,
        };
    return PT_LEAF;
}

/* IHI 0070 3.13.2 to 3.13.4. HD without HA is reserved and behaves as off. AFFD is 0: an entry with
 * AF=0 faults when hardware does not manage AF, before permissions are looked at. Whether AF is set
 * by an access that then has a permission fault is UNKNOWN there; here it is not. */
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

#endif
