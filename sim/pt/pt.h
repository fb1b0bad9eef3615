/* Page-table formats as data and a few functions over 64-bit entries (semantics.md 3 and 6).
 *
 * A format is one file in this folder. It says how entries look, what the walker's hardware does to them on an
 * access, and how software lets leaves be born. How many tables there are and which entries software scans is
 * arithmetic that all formats share (sim/pt/tables.h). The simulator keeps leaf state as a byte of LEAF_ bits
 * and asks a format for entry images on demand. */
#ifndef SIM_PT_PT_H
#define SIM_PT_PT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cell_config;

enum { PT_LEVELS_MAX = 6, PT_OUTPUT_BITS = 52 };

/* The shape of a table tree. Level 0 is the deepest. */
struct pt_geometry {
    unsigned levels;
    unsigned granule_lg2; /* bytes that an entry of level 0 covers */
    unsigned index_bits;  /* per level; the root may have fewer or, concatenated, more entries */
    unsigned iova_bits;   /* addresses below 2^iova_bits can be mapped; 64 = all */
    unsigned output_bits; /* output addresses below 2^output_bits can be mapped to */
    uint64_t table_bytes; /* of every table but the root */
    uint64_t root_bytes;
    uint64_t plain_sizes; /* bit n: one entry can be a leaf of 2^n bytes; the default of mapping.page_sizes */
    uint64_t sizes;       /* those, and the other sizes of leaves: nearly all take several entries (amd: 2^48 is
                             one entry, but not plain) */
};

/** lg2 of the bytes that one entry at `level` covers, which is the span of a table at `level` - 1. */
static inline unsigned pt_entry_lg2(const struct pt_geometry *geometry, unsigned level)
{
    return geometry->granule_lg2 + geometry->index_bits * level;
}

/** The level whose entries hold leaves of 2^lg2 bytes. */
static inline unsigned pt_leaf_level(const struct pt_geometry *geometry, unsigned lg2)
{
    unsigned level = 0;
    while (level + 1 < geometry->levels && pt_entry_lg2(geometry, level + 1) <= lg2)
        level++;
    return level;
}

/** lg2 of the entries that a leaf of 2^lg2 bytes takes: replicas, a contiguous group, NAPOT. */
static inline unsigned pt_leaf_entries_lg2(const struct pt_geometry *geometry, unsigned lg2)
{
    return lg2 - pt_entry_lg2(geometry, pt_leaf_level(geometry, lg2));
}

/** Can an entry at `level` be a leaf by itself? */
static inline bool pt_level_holds_leaf(const struct pt_geometry *geometry, unsigned level)
{
    return geometry->plain_sizes >> pt_entry_lg2(geometry, level) & 1;
}

/** Can a leaf of 2^lg2 bytes have the output address `output`? */
static inline bool pt_output_fits(const struct pt_geometry *geometry, uint64_t output, unsigned lg2)
{
    return output >> geometry->output_bits == 0 && (output & ((UINT64_C(1) << lg2) - 1)) == 0;
}

/* One leaf in format-independent words. */
struct pt_leaf {
    uint64_t output; /* output address of the leaf in bytes, aligned to it */
    unsigned lg2;    /* bytes of the whole leaf */
    bool readable, writable; /* what software granted; a writable clean leaf of ARM is still writable */
    bool dbm;                /* ARM: hardware may make it dirty; ignored by formats without such a bit */
    bool dirty;              /* ARM without dbm: writable implies the "dirty" polarity whatever this says */
    bool accessed;           /* ARM: AF; riscv: A; software maps leaves with it set (semantics.md 4.5, 6) */
};

/* What the tables say of a leaf, in a byte (sim/state/leaves.h). */
enum {
    LEAF_DIRTY = 1 << 0,    /* a harvest would report it */
    LEAF_ACCESSED = 1 << 1, /* A, AF */
    LEAF_MANAGED = 1 << 2,  /* hardware manages its dirty state while the context's switch is on: DBM, or a
                               writable leaf of a format without such a bit; under write protection: software
                               does, its entries are read-only while it is clean (semantics.md 9) */
    LEAF_WRITABLE = 1 << 3, /* software granted writing; not of read-only leaves */
    LEAF_CAUSE = 3 << 4     /* why it is dirty (semantics.md 8), one of the next; meaningless on clean leaves */
};
enum { CAUSE_WRITTEN = 0 << 4, CAUSE_ATS = 1 << 4, CAUSE_RESIDUE = 2 << 4, CAUSE_BORN = 3 << 4 };

/* Where a run stands: before tracking.start, tracking, after tracking.stop. */
enum phase { PHASE_BEFORE, PHASE_TRACKING, PHASE_AFTER };

/* The per-context switches that the walker sees: DTE.HAD, PASID SSADE, CD.HA/HD, STE.S2HA/S2HD, DC.tc.GADE. */
struct pt_switches {
    bool accessed; /* HA, or the access half of HAD; Intel: SSADE; riscv: GADE */
    bool dirty;    /* HD, or the dirty half of HAD; Intel: SSADE; riscv: GADE */
};

enum pt_kind { PT_ABSENT, PT_TABLE, PT_LEAF };
enum pt_outcome {
    PT_ALLOWED,
    PT_FAULT_TRANSLATION,
    PT_FAULT_PERMISSION, /* riscv: also A or D that hardware may not set */
    PT_FAULT_ACCESS      /* ARM: AF=0 and hardware does not set it; never on leaves born with AF=1 */
};

struct pt_format {
    const char *name;    /* as in iommu.model */
    const char *summary; /* one sentence */
    const char *source;  /* document and section */
    const char *vendor;  /* name of the struct iommu_vendor that toggles and flushes for it */
    unsigned levels_min, levels_max, levels_default; /* 0 0 0: granule and address_bits decide */

    /** Shape for a cell: reads iommu.levels, iommu.granule_bytes, iommu.address_bits, which have been checked. */
    struct pt_geometry (*geometry)(const struct cell_config *config);

    /** Entry `index` of those that the leaf takes (0 ... 2^pt_leaf_entries_lg2 - 1). */
    uint64_t (*leaf_entry)(const struct pt_geometry *geometry, const struct pt_leaf *leaf, unsigned index);
    /** Entry at `level` that points to the table at address `output`. */
    uint64_t (*table_entry)(const struct pt_geometry *geometry, uint64_t output, unsigned level);

    /** Read an entry; fills `leaf` (may be NULL) for PT_LEAF: output and lg2 are those of the whole leaf, as
     *  far as one entry tells. The inverse of the two above. */
    enum pt_kind (*decode)(const struct pt_geometry *geometry, uint64_t entry, unsigned level,
                           struct pt_leaf *leaf);
    /** The entry's bits in words ("PR IR IW D"), for people; writes at most `bytes`. */
    void (*describe)(const struct pt_geometry *geometry, uint64_t entry, unsigned level, char *text,
                     size_t bytes);

    /** What hardware does when a request reaches this leaf entry: the tables of states in tests/conformance.
     *  May change *entry (one atomic update). */
    enum pt_outcome (*access)(uint64_t *entry, struct pt_switches switches, bool write);

    /** Would a harvest report this leaf entry? (ARM: DBM=1 and writable-dirty.) */
    bool (*is_dirty)(uint64_t entry);
    /** The entry made clean by software; a leaf that hardware cannot make dirty stays as it is. */
    uint64_t (*clean)(uint64_t entry);

    /* The switches as the manual names them; both the same where one field switches both. */
    const char *accessed_switch, *dirty_switch;

    /* ---- how software uses the format (semantics.md 4.5, 6, 7) ---- */

    /** The context's switches in this phase. Under methods that do not use hardware tracking it is asked with
     *  `hardware` false. */
    struct pt_switches (*switches)(const struct cell_config *config, bool hardware, enum phase phase);
    /** LEAF_ bits (LEAF_CAUSE aside) of a leaf mapped in this phase; `tracked`: it overlaps a tracked range. */
    uint8_t (*born)(const struct cell_config *config, bool hardware, enum phase phase, bool writable,
                    bool tracked);
    /** Start and stop walk the tables and set and clear the second switch of every entry (ARM dynamic DBM). */
    bool (*walks_entries)(const struct cell_config *config);
    bool frees_blocks_only; /* no table is freed whose span is no plain leaf size (semantics.md 3) */
    bool sets_accessed; /* hardware sets A of leaves while tracking (semantics.md 4.5) */
    bool clean_refuses; /* a write to a clean LEAF_MANAGED leaf faults while the switches are off (ARM, riscv);
                           else it passes */
};

/** All formats, NULL-terminated (generated by the build from this folder). */
extern const struct pt_format *const pt_formats[];

#endif
