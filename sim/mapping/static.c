#include "sim/mapping/mapping.h"
#include "sim/mapping/regions.h"

const struct mapping_source mapping_static = {
    .name = "static",
    .summary = "the regions of the experiment, mapped before the first record",
    .map_calls = mapping_regions_calls,
};
