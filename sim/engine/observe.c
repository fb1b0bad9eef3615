/* What tells whether results mean anything (struct observations). */
#include "sim/engine/cohort.h"

void cohort_observe_records(struct cohort *cohort, const struct requests *piece, size_t from, size_t end)
{
    uint64_t *writes = cohort->leaves.phase == PHASE_BEFORE ? &cohort->writes_before_start
                                                            : &cohort->writes_after_stop;
    for (size_t r = from; r < end; r++)
        *writes += piece->op[r] == TRACE_WRITE;
}

bool cohort_observe_regions(struct cohort *cohort, struct observations *seen, struct error *error)
{
    struct leaves *leaves = &cohort->leaves;
    const struct config_region *regions = cohort->config->mapping.regions;
    if (!leaves_sort_tiles(leaves, error))
        return false;
    for (size_t i = 0; i < cohort->config->mapping.region_count; i++) {
        uint64_t first = regions[i].iova, last = first + (regions[i].bytes - 1);
        bool touched = false;
        for (uint32_t d = 0; d < leaves->domain_count && !touched; d++) {
            uint32_t at = leaves_order_lower(leaves, d, first >> TILE_LG2);
            const struct tile *tile = at < leaves->ordered ? &leaves->tiles[leaves->order[at]] : NULL;
            touched = tile && tile->domain == d && tile->number <= last >> TILE_LG2;
        }
        if (!touched && (seen->untouched_regions++ == 0 || first < seen->first_untouched))
            seen->first_untouched = first;
    }
    return true;
}

