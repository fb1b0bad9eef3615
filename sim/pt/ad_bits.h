/* Formats with an accessed and a dirty bit in every leaf that a switch per device turns on (amd-v1,
 * intel-ss): what they share, as a template. A format file defines the bits below, includes this header once,
 * and has the functions named in its ops.
 *
 *   PT_PRESENT     an entry with none of these bits maps nothing
 *   PT_READ PT_WRITE PT_ACCESSED PT_DIRTY   one bit each */
#ifndef SIM_PT_AD_BITS_H
#define SIM_PT_AD_BITS_H

#include <assert.h>

#include "sim/config.h"
#include "sim/pt/pt.h"
#include "sim/pt/words.h"

#if !defined(PT_PRESENT) || !defined(PT_READ) || !defined(PT_WRITE) || !defined(PT_ACCESSED) ||              \
    !defined(PT_DIRTY)
#error "define the bits of the format before including this template"
#endif

#define PT_ADDRESS UINT64_C(0x000ffffffffff000) /* output address and child pointer: bits 51:12 */

/* Tables of 512 entries and the three leaf sizes that one entry can be. */
static struct pt_geometry plain_geometry(unsigned levels)
{
    assert(levels >= 3 && levels <= PT_LEVELS_MAX);
    unsigned bits = 12 + 9 * levels;
    uint64_t plain = UINT64_C(1) << 12 | UINT64_C(1) << 21 | UINT64_C(1) << 30;
    return (struct pt_geometry){
        .levels = levels,
        .granule_lg2 = 12,
        .index_bits = 9,
        .iova_bits = bits < 64 ? bits : 64, /* amd-v1 with 6 levels: the root has 128 entries */
        .output_bits = PT_OUTPUT_BITS,
        .table_bytes = 4096,
        .root_bytes = 4096,
        .plain_sizes = plain,
        .sizes = plain,
    };
}

/* The fields of a leaf that have the same meaning in these formats. */
static uint64_t leaf_bits(const struct pt_geometry *geometry, const struct pt_leaf *leaf)
{
    assert(geometry->sizes >> leaf->lg2 & 1);
    assert(pt_output_fits(geometry, leaf->output, leaf->lg2));
    (void)geometry;
    return leaf->output | (leaf->readable ? PT_READ : 0) | (leaf->writable ? PT_WRITE : 0) |
           (leaf->accessed ? PT_ACCESSED : 0) | (leaf->dirty ? PT_DIRTY : 0);
}

static struct pt_leaf leaf_of_bits(uint64_t entry, unsigned lg2)
{
    return (struct pt_leaf){
        .output = (entry & PT_ADDRESS) >> lg2 << lg2,
        .lg2 = lg2,
        .readable = (entry & PT_READ) != 0,
        .writable = (entry & PT_WRITE) != 0,
        .dirty = (entry & PT_DIRTY) != 0,
        .accessed = (entry & PT_ACCESSED) != 0,
    };
}

/* One atomic update of both bits (semantics.md 4.5, 6). A dirty switch without the access switch is off:
 * AMD's HAD=0b10 is not documented in a source we could read, and Intel has one bit for both. */
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

/* The start switches a device's context to both, the stop back. */
static struct pt_switches context_switches(const struct cell_config *config, bool hardware, enum phase phase)
{
    (void)config;
    bool on = hardware && phase == PHASE_TRACKING;
    return (struct pt_switches){.accessed = on, .dirty = on};
}

/* Software writes A=0, D=0 at any time; the switch alone decides whether hardware touches them. */
static uint8_t leaf_born(const struct cell_config *config, bool hardware, enum phase phase, bool writable,
                         bool tracked)
{
    (void)config;
    (void)hardware;
    (void)phase;
    (void)tracked;
    return writable ? LEAF_WRITABLE | LEAF_MANAGED : 0;
}

static bool walks_entries(const struct cell_config *config)
{
    (void)config;
    return false;
}

#endif
