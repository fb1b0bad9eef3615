/* What the sources that map the experiment's regions share. */
#ifndef SIM_MAPPING_REGIONS_H
#define SIM_MAPPING_REGIONS_H

#include "sim/mapping/mapping.h"

/** Each region is one map call; a `map_calls` of struct mapping_source. */
bool mapping_regions_calls(const struct cell_config *config, const struct page_set *touched, uint16_t device,
                           uint64_t last_iova, struct config_region **calls, size_t *count, struct error *error);

#endif
