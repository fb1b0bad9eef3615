#include "sim/config.h"
#include "sim/base/memory.h"

void cell_config_free(struct cell_config *config)
{
    memory_free(config->mapping.regions);
    memory_free(config->tracking.ranges);
    config->mapping.regions = NULL;
    config->mapping.region_count = 0;
    config->tracking.ranges = NULL;
    config->tracking.range_count = 0;
}
