/* Formats with an accessed and a dirty bit in every leaf (amd-v1, intel-ss): what they share, as a
 * template. A format file defines the bits below, includes this header once, and has the functions
 * named in its ops.
 *
 *   PT_PRESENT     an entry with none of these bits maps nothing
 *   PT_READ PT_WRITE PT_ACCESSED PT_DIRTY   one bit each */
#ifndef SIM_PT_AD_BITS_H
#define SIM_PT_AD_BITS_H

#include <assert.h>

#include "sim/pt/pt.h"

#if !defined(PT_PRESENT) || !defined(PT_READ) || !defined(PT_WRITE) || !defined(PT_ACCESSED) ||              \
    !defined(PT_DIRTY)
#error "define the bits of the format before including this template"
#endif

#define PT_ADDRESS UINT64_C(0x000ffffffffff000) /* output address and child pointer: bits 51:12 */

static struct pt_geometry geometry(unsigned levels, unsigned granule_lg2)
{
    assert(levels >= 3 && levels <= PT_LEVELS_MAX);
    assert(granule_lg2 == 12);
    unsigned bits = granule_lg2 + 9 * levels;
    return (struct pt_geometry){
        .levels = levels,
        .granule_lg2 = granule_lg2,
        .index_bits = 9,
        .iova_bits = bits < 64 ? bits : 64, /* amd-v1 with 6 levels: the root has 128 entries */
        .table_bytes = 4096,
        .leaf_size_count = 3,
        .leaf_sizes_lg2 = {12, 21, 30},
    };
}

/* The fields of a leaf that have the same meaning in these formats. */
static uint64_t leaf_bits(const struct pt_geometry *shape, const struct pt_leaf *leaf)
{
    (void)shape;
    assert(pt_level_holds_leaf(shape, leaf->level));
    assert(pt_output_fits(leaf->output, pt_entry_lg2(shape, leaf->level)));
    return leaf->output | (leaf->readable ? PT_READ : 0) | (leaf->writable ? PT_WRITE : 0) |
           (leaf->accessed ? PT_ACCESSED : 0) | (leaf->dirty ? PT_DIRTY : 0);
}

static struct pt_leaf leaf_of_bits(uint64_t entry, unsigned level)
{
    return (struct pt_leaf){
        .output = entry & PT_ADDRESS,
        .level = level,
        .readable = (entry & PT_READ) != 0,
        .writable = (entry & PT_WRITE) != 0,
        .dirty = (entry & PT_DIRTY) != 0,
        .accessed = (entry & PT_ACCESSED) != 0,
    };
}

/* One atomic update of both bits (semantics.md 4.5, 6). A dirty switch without the access switch is
 * off: AMD's HAD=0b10 is not documented in a source we could read, and Intel has one bit for both.
 */
static enum pt_outcome entry_access(uint64_t *entry, struct pt_switches switches, bool write)
{
    if ((*entry & PT_PRESENT) == 0)
        return PT_FAULT_TRANSLATION;
    if ((*entry & (write ? PT_WRITE : PT_READ)) == 0)
        return PT_FAULT_PERMISSION;
    if (switches.accessed)
        *entry |= PT_ACCESSED | (write && switches.dirty ? PT_DIRTY : 0);
    return PT_ALLOWED;
}

static bool entry_is_dirty(uint64_t entry)
{
    return (entry & PT_PRESENT) != 0 && (entry & PT_DIRTY) != 0;
}

static uint64_t entry_clean(uint64_t entry)
{
    return entry & ~PT_DIRTY;
}

#endif
