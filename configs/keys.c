/* Collecting the rows of all kinds in the order of interface.md 2. */
#include "configs/key.h"

#include <assert.h>
#include <string.h>

const char *const key_vendors[KEY_VENDORS] = {"amd", "intel", "smmu", "riscv"};

/* A block stands for its keys in the order of their rows. */
static const char *const order[] = {
    "limits",
    "domains",
    "dma",
    "iommu.model",
    "iommu.levels",
    "iommu.granule",
    "iommu.dbm",
    "iommu.ha",
    "iommu.hd",
    "iommu.ril",
    "iommu.ril_cut",
    "iommu.address_bits",
    "iommu.pde",
    "iommu.mamv",
    "mapping.source",
    "mapping.regions",
    "mapping.page_sizes",
    "mapping.extent",
    "mapping.conflicts",
    "mapping.unmap_flush",
    "mapping.free_tables",
    "iotlb",
    "walk_cache",
    "ats",
    "tracking",
    "harvest.policy",
    "harvest.interval",
    "harvest.count",
    "harvest.flush",
    "harvest.granule",
    "harvest.chunk",
    "harvest.no_clear",
    "harvest.before_unmap",
    "harvest.final",
    "harvest.timing",
    "harvest.copy",
    "harvest.link_rate",
    "harvest.downtime_limit",
    "harvest.downtime_fixed",
    "harvest.max_rounds",
    "device",
    "log",
    "cost",
    "seed",
};
enum { ORDER_COUNT = sizeof order / sizeof *order };

static struct key table[KEY_COUNT_MAX];
const struct key *const key_table = table;
size_t key_count;

/* Where the key stands; one that is not named comes last in its block, and a block that is not named last of
 * all. */
static size_t rank(const char *name)
{
    const char *dot = strchr(name, '.');
    size_t block = dot ? (size_t)(dot - name) : 0, at = ORDER_COUNT;
    for (size_t i = 0; i < ORDER_COUNT; i++) {
        if (strcmp(order[i], name) == 0)
            return i;
        if (dot && strncmp(order[i], name, block) == 0 && (order[i][block] == '\0' || order[i][block] == '.'))
            at = i;
    }
    return at;
}

static void insert(const struct key *row)
{
    assert(key_count < KEY_COUNT_MAX);
    size_t at = key_count++;
    for (; at > 0 && rank(table[at - 1].name) > rank(row->name); at--)
        table[at] = table[at - 1];
    table[at] = *row;
}

/* Before main, so that the table is as constant as its rows are. */
__attribute__((constructor)) static void collect(void)
{
    for (size_t list = 0; key_row_lists[list]; list++) {
        for (size_t i = 0; i < key_row_lists[list]->count; i++)
            insert(&key_row_lists[list]->rows[i]);
    }
}
