/* What the replay as a whole counts, the same for every cell of a cohort. */
#include "sim/engine/cohort.h"

static void fill_volume(const struct cohort *cohort, struct metrics *m)
{
    const struct volume *volume = &cohort->volume;
    m->records = volume->records;
    m->writes = volume->writes;
    m->reads = volume->reads;
    m->maps = volume->maps;
    m->unmaps = volume->unmaps;
    m->translates = volume->translates;
    m->marks = volume->marks;
    m->write_bytes = volume->write_bytes;
    m->read_bytes = volume->read_bytes;
    m->span_ns = cohort->last_record_ns;
    m->device_count = cohort->trace.device_count;
    m->domain_count = cohort->trace.domain_count;
}

static uint64_t sum_ns(uint64_t a, uint64_t b)
{
    return a < UINT64_MAX - b ? a + b : UINT64_MAX;
}

static void fill_migration(const struct cohort *cohort, const struct cell_config *config, bool exhausted,
                           struct metrics *m)
{
    const struct policy_state *policy = &cohort->policy;
    m->migrates = config->harvest.policy->migrates;
    if (!m->migrates)
        return;
    m->trace_exhausted = exhausted;
    if (!policy->ended) /* the trace ended before the start */
        return;
    m->rounds = policy->rounds;
    m->precopy_bytes = policy->precopy_bytes;
    m->stop_bytes = policy->stop_bytes;
    m->converged = policy->converged;
    m->downtime_ns = sum_ns(policy->stop_ns, config->harvest.downtime_fixed_ns);
    m->migration_ns = sum_ns(policy->rounds_ns, m->downtime_ns);
}

void cohort_fill(const struct cohort *cohort, const struct cell_config *config, bool exhausted,
                 struct metrics *m)
{
    fill_volume(cohort, m);
    fill_migration(cohort, config, exhausted, m);
}
