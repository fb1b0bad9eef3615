#include "sim/engine/survey.h"

#include <string.h>

#include "sim/base/memory.h"
#include "sim/mapping/mapping.h"
#include "sim/pt/pt.h"

struct map_owner {
    uint64_t address;
    uint16_t device;
};

enum { OWNERS_MAX = 1 << 20 }; /* of maps; what comes later is not compared */

static bool look_for_aliases(struct map_aliases *aliases, const struct trace_batch *batch, struct error *error)
{
    for (size_t r = 0; r < batch->count; r++) {
        uint32_t row;
        bool is_new;
        if ((batch->op[r] != TRACE_MAP && batch->op[r] != TRACE_MAP_RO) || aliases->row_count == OWNERS_MAX)
            continue;
        if (!memory_grow(&aliases->rows, &aliases->row_capacity, aliases->row_count + 1, sizeof *aliases->rows,
                         error) ||
            !number_map_intern(&aliases->owners, batch->iova[r] >> PAGE_LG2, (uint32_t)aliases->row_count, &row,
                               &is_new, error))
            return false;
        struct map_owner *owner = &aliases->rows[row];
        if (!is_new && owner->device != batch->device[r] && owner->address != batch->address[r] &&
            aliases->count++ == 0)
            aliases->first = batch->iova[r];
        aliases->row_count += is_new;
        *owner = (struct map_owner){batch->address[r], batch->device[r]};
    }
    return true;
}

bool survey_init(struct survey *survey, const struct cell_config *const cells[], size_t count,
                 struct error *error)
{
    *survey = (struct survey){0};
    for (size_t i = 0; i < count; i++) {
        survey->wants[cells[i]->domains] |= cells[i]->mapping.source->needs_touched;
        survey->looks_for_aliases |=
            cells[i]->domains == DOMAINS_SHARED && !cells[i]->mapping.source->follows_trace;
    }
    for (unsigned d = 0; d < 2; d++)
        if (survey->wants[d] && !page_set_init(&survey->touched[d], d == DOMAINS_PER_DEVICE, error))
            return false;
    return true;
}

bool survey_add(struct survey *survey, const struct trace_batch *batch, struct error *error)
{
    uint64_t maps = survey->facts.records_by_op[TRACE_MAP] + survey->facts.records_by_op[TRACE_MAP_RO];
    trace_facts_add(&survey->facts, batch);
    bool maps_here =
        survey->facts.records_by_op[TRACE_MAP] + survey->facts.records_by_op[TRACE_MAP_RO] != maps;
    if (survey->looks_for_aliases && maps_here && !look_for_aliases(&survey->aliases, batch, error))
        return false;
    for (unsigned d = 0; d < 2; d++)
        if (survey->wants[d] && !page_set_add_batch(&survey->touched[d], batch, error))
            return false;
    return true;
}

void survey_finish(struct survey *survey)
{
    for (unsigned d = 0; d < 2; d++)
        if (survey->wants[d])
            page_set_finish(&survey->touched[d]);
}

/* ---- without reading ---- */

enum { TOLD_GRANULES = 1 << 16 }; /* a summary has fewer; a wrong one must not cost memory */

/* Are the tiles of the trace enough to know what is mapped at first? */
static bool tiles_suffice(const struct survey *survey, const struct cell_config *const cells[], size_t count)
{
    const uint64_t *ops = survey->facts.records_by_op;
    for (size_t i = 0; i < count; i++)
        if (cells[i]->mapping.source->needs_touched && cells[i]->mapping.extent_bytes % (UINT64_C(1) << TILE_LG2) != 0)
            return false;
    return !survey->wants[DOMAINS_PER_DEVICE] && ops[TRACE_TRANSLATE] + ops[TRACE_TRANSLATE_W] == 0;
}

static bool are_few(const struct trace_extents *extents)
{
    uint64_t granules = 0;
    for (size_t i = 0; i < extents->count; i++) {
        if (extents->items[i].count > TOLD_GRANULES - granules)
            return false;
        granules += extents->items[i].count;
    }
    return extents->granule_shift >= PAGE_LG2 && extents->granule_shift <= TILE_LG2;
}

bool survey_told(struct survey *survey, const struct trace *trace, const struct cell_config *const cells[], size_t count,
                 bool *told, struct error *error)
{
    const uint64_t *ops = survey->facts.records_by_op;
    struct page_set *touched = &survey->touched[DOMAINS_SHARED];
    struct trace_extents extents = {0};
    bool wants = survey->wants[DOMAINS_SHARED] || survey->wants[DOMAINS_PER_DEVICE];
    *told = trace_known_facts(trace, &survey->facts) &&
            !(survey->looks_for_aliases && ops[TRACE_MAP] + ops[TRACE_MAP_RO] > 0) &&
            (!wants || (tiles_suffice(survey, cells, count) && trace_known_extents(trace, &extents) && are_few(&extents)));
    if (!*told)
        survey->facts = (struct trace_facts){0};
    for (size_t i = 0; *told && i < extents.count; i++) {
        const struct trace_extent *extent = &extents.items[i];
        unsigned pages_lg2 = extents.granule_shift - PAGE_LG2;
        if (!page_set_add(touched, 0, extent->first << pages_lg2, ((extent->first + extent->count) << pages_lg2) - 1, error))
            return false;
    }
    return true;
}

bool survey_as_told(const struct survey *survey, const struct trace_facts *facts, struct tile_index *tiles)
{
    const struct trace_facts *told = &survey->facts;
    return facts->records == told->records && facts->first_time_ns == told->first_time_ns &&
           facts->last_time_ns == told->last_time_ns && facts->device_count == told->device_count &&
           memcmp(facts->records_by_op, told->records_by_op, sizeof told->records_by_op) == 0 &&
           memcmp(facts->devices, told->devices, sizeof told->devices) == 0 &&
           (!survey->wants[DOMAINS_SHARED] || page_set_same_tiles(&survey->touched[DOMAINS_SHARED], tiles));
}

void survey_free(struct survey *survey)
{
    for (unsigned d = 0; d < 2; d++)
        page_set_free(&survey->touched[d]);
    number_map_free(&survey->aliases.owners);
    memory_free(survey->aliases.rows);
}

/* ---- domains ---- */

bool attachment_init(struct attachment *attachment, const struct trace_facts *facts, enum domains domains,
                     struct error *error)
{
    uint32_t count = 0;
    attachment->trace = (struct cohort_trace){.device_count = facts->device_count ? facts->device_count : 1,
                                              .domain_count = 1,
                                              .first_time_ns = facts->first_time_ns,
                                              .last_time_ns = facts->last_time_ns};
    if (domains == DOMAINS_SHARED)
        return true;
    attachment->trace.domain_count = (uint32_t)attachment->trace.device_count;
    attachment->domain_of = memory_zeroed(TRACE_DEVICES, sizeof *attachment->domain_of, error);
    attachment->devices = memory_zeroed(attachment->trace.domain_count, sizeof *attachment->devices, error);
    if (!attachment->domain_of || !attachment->devices)
        return false;
    for (uint32_t device = 0; device < TRACE_DEVICES; device++)
        if (facts->devices[device / 8] >> (device % 8) & 1) {
            attachment->domain_of[device] = count;
            attachment->devices[count++] = (uint16_t)device;
        }
    return true;
}

void attachment_free(struct attachment *attachment)
{
    memory_free(attachment->domain_of);
    memory_free(attachment->devices);
}

/* ---- cohorts ---- */

static uint64_t last_iova(const struct cell_config *config)
{
    return UINT64_MAX >> (64 - config->iommu.model->geometry(config).iova_bits);
}

bool survey_beyond_width(const struct survey *survey, const struct cell_config *config)
{
    return config->mapping.source->needs_touched &&
           page_set_reaches(&survey->touched[config->domains], last_iova(config));
}

/* The map calls before the first record: one list, or one for each domain where devices touch different
 * pages. */
static bool list_calls(const struct cell_config *config, const struct survey *survey,
                       const struct attachment *attachment, struct map_calls **lists, size_t *list_count,
                       struct error *error)
{
    const struct mapping_source *source = config->mapping.source;
    const struct page_set *touched = &survey->touched[config->domains];
    uint64_t last = last_iova(config);
    *list_count = source->needs_touched ? attachment->trace.domain_count : 1;
    *lists = memory_zeroed(*list_count, sizeof **lists, error);
    for (size_t i = 0; *lists && i < *list_count; i++) {
        uint16_t device = source->needs_touched && attachment->devices ? attachment->devices[i] : 0;
        if (!source->map_calls(config, touched, device, last, &(*lists)[i].calls, &(*lists)[i].count, error))
            return false;
    }
    return *lists != NULL;
}

static void lists_free(struct map_calls *lists, size_t count)
{
    for (size_t i = 0; lists && i < count; i++)
        memory_free(lists[i].calls);
    memory_free(lists);
}

void survey_cohort_free(struct cohort *cohort)
{
    if (!cohort)
        return;
    cohort_free(cohort);
    memory_free(cohort);
}

struct cohort *survey_cohort(const struct survey *survey, const struct attachment *attachment,
                             const struct cell_config *config, bool one_by_one, struct tile_index *tiles,
                             struct error *error)
{
    struct map_calls *lists = NULL;
    size_t count = 0;
    struct cohort *cohort = memory_zeroed(1, sizeof *cohort, error);
    if (cohort &&
        !(list_calls(config, survey, attachment, &lists, &count, error) &&
          cohort_init(cohort, config, lists, count, &attachment->trace, one_by_one, tiles, error))) {
        survey_cohort_free(cohort);
        cohort = NULL;
    }
    lists_free(lists, count);
    return cohort;
}
