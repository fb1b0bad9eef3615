#include "sim/engine/pass.h"

#include "sim/base/memory.h"
#include "sim/engine/crew.h"
#include "sim/engine/group.h"
#include "sim/mapping/mapping.h"
#include "sim/state/page_set.h"
#include "sim/pt/pt.h"

/* ---- the first reading of the trace: facts, touched pages, and the records themselves if they fit ---- */

struct survey {
    struct trace_facts facts;
    struct page_set touched;
    uint64_t write_bytes, read_bytes;
};

static bool survey_add(struct survey *survey, const struct trace_batch *batch, bool wants_touched,
                       struct error *error)
{
    trace_facts_add(&survey->facts, batch);
    for (size_t i = 0; i < batch->count; i++) {
        survey->write_bytes += batch->op[i] == TRACE_WRITE ? batch->bytes[i] : 0;
        survey->read_bytes += batch->op[i] == TRACE_READ ? batch->bytes[i] : 0;
    }
    return !wants_touched || page_set_add_batch(&survey->touched, batch, error);
}

static bool wants_touched(const struct cell_config *const cells[], size_t count)
{
    bool wants = false;
    for (size_t i = 0; i < count; i++)
        wants |= cells[i]->mapping.source->needs_touched;
    return wants;
}

static bool stopped(const struct pass_options *options, struct error *error)
{
    return options->interrupted && atomic_load_explicit(options->interrupted, memory_order_relaxed) &&
           !error_set(error, ERROR_INTERRUPTED, "interrupted");
}

/* ---- groups ---- */

static bool map_calls(const struct cell_config *config, const struct page_set *touched,
                      struct config_region **calls, size_t *count, struct error *error)
{
    struct pt_geometry geometry = config->iommu.model->geometry(
        config->iommu.levels, (unsigned)__builtin_ctzll(config->iommu.granule_bytes));
    uint64_t limit = geometry.iova_bits == 64 ? 0 : UINT64_C(1) << geometry.iova_bits;
    return config->mapping.source->map_calls(config, touched, limit, calls, count, error);
}

static void group_delete(struct group *group)
{
    group_free(group);
    memory_free(group);
}

static struct group *group_new(const struct cell_config *config, const struct survey *survey,
                               struct error *error)
{
    struct config_region *calls = NULL;
    size_t count = 0;
    uint64_t devices = survey->facts.device_count ? survey->facts.device_count : 1;
    struct group *group = memory_zeroed(1, sizeof *group, error);
    if (group && !(map_calls(config, &survey->touched, &calls, &count, error) &&
                   group_init(group, config, calls, count, devices, survey->facts.first_time_ns,
                              survey->facts.last_time_ns, error))) {
        group_delete(group);
        group = NULL;
    }
    memory_free(calls);
    return group;
}

/* Which cells can share: index of the first cell of its kind, for each. */
static void find_kinds(const struct cell_config *const cells[], size_t count, size_t kind[])
{
    for (size_t i = 0; i < count; i++) {
        kind[i] = i;
        for (size_t k = 0; k < i; k++)
            if (kind[k] == k && ledger_shareable(cells[k], cells[i])) {
                kind[i] = k;
                break;
            }
    }
}

/* Build the cell in the worker's last group, or in a new one; why it cannot be is in its result. No group is
 * left without cells. */
static void join(struct crew_worker *worker, const struct pass_options *options, const struct survey *survey,
                 const struct cell_config *config, struct pass_result *result)
{
    struct group *group = worker->group_count ? worker->groups[worker->group_count - 1] : NULL;
    if (!group || !ledger_shareable(group->config, config)) {
        group = group_new(config, survey, &result->error);
        if (!group)
            return;
        worker->groups[worker->group_count++] = group;
    }
    if (!group_join(group, config, result, options->intervals, &result->error) && group->cell_count == 0) {
        worker->group_count--;
        group_delete(group);
    }
}

/* Cells in order of kind, cut into one slice per worker: like cells stay together, and share what they can.
 */
static bool assign(struct crew *crew, const struct survey *survey, const struct cell_config *const cells[],
                   size_t count, struct pass_result *const results[], struct error *error)
{
    size_t *kind = memory_zeroed(count, sizeof *kind, error);
    crew->workers = memory_zeroed(crew->worker_count, sizeof *crew->workers, error);
    bool good = kind && crew->workers;
    for (size_t w = 0; w < crew->worker_count && good; w++) {
        crew->workers[w].crew = crew;
        crew->workers[w].groups = memory_zeroed(count, sizeof(struct group *), error);
        good = crew->workers[w].groups != NULL;
    }
    if (good)
        find_kinds(cells, count, kind);
    size_t placed = 0;
    for (size_t k = 0; k < count && good; k++)
        for (size_t i = k; i < count && kind[k] == k; i++)
            if (kind[i] == k) {
                struct crew_worker *worker = &crew->workers[placed++ * crew->worker_count / count];
                join(worker, crew->options, survey, cells[i], results[i]);
            }
    memory_free(kind);
    return good;
}

static void fill_volume(struct metrics *m, const struct survey *survey)
{
    const struct trace_facts *facts = &survey->facts;
    m->records = facts->records;
    m->writes = facts->records_by_op[TRACE_WRITE];
    m->reads = facts->records_by_op[TRACE_READ];
    m->maps = facts->records_by_op[TRACE_MAP] + facts->records_by_op[TRACE_MAP_RO];
    m->unmaps = facts->records_by_op[TRACE_UNMAP];
    m->translates = facts->records_by_op[TRACE_TRANSLATE] + facts->records_by_op[TRACE_TRANSLATE_W];
    m->marks = facts->records_by_op[TRACE_MARK];
    m->write_bytes = survey->write_bytes;
    m->read_bytes = survey->read_bytes;
    m->span_ns = facts->last_time_ns - facts->first_time_ns;
    m->device_count = facts->device_count ? facts->device_count : 1; /* an empty trace has device 0 */
    m->domain_count = 1;
}

static void crew_free(struct crew *crew)
{
    for (size_t w = 0; crew->workers && w < crew->worker_count; w++) {
        struct crew_worker *worker = &crew->workers[w];
        for (size_t g = 0; worker->groups && g < worker->group_count; g++)
            group_delete(worker->groups[g]);
        memory_free(worker->groups);
    }
    memory_free(crew->workers);
}

/* ---- a pass ---- */

/* One replay of the source through cells that split records alike. */
static bool replay(const struct pass_options *options, struct crew_source *source,
                   const struct survey *survey, const struct cell_config *const cells[], size_t count,
                   struct pass_result *const results[], struct error *error)
{
    struct crew crew = {.options = options, .source = source};
    crew.worker_count = options->threads < count ? options->threads : count;
    source->done = 0;
    source->batch = (struct trace_batch){0};
    source->cursor = (struct request_cursor){.max_payload_bytes = cells[0]->max_payload_bytes,
                                             .stable = source->store != NULL};
    bool good = assign(&crew, survey, cells, count, results, error) && crew_run(&crew, error);
    for (size_t w = 0; good && w < crew.worker_count; w++)
        for (size_t g = 0; g < crew.workers[w].group_count; g++)
            for (size_t i = 0; i < crew.workers[w].groups[g]->cell_count; i++) {
                struct cell *cell = crew.workers[w].groups[g]->cells[i];
                fill_volume(&cell->metrics, survey);
                cell->result->metrics = cell->metrics;
            }
    tile_index_free(&source->cursor.tiles);
    crew_free(&crew);
    return good;
}

static void note_warnings(const struct cell_config *config, const struct survey *survey,
                          struct pass_result *result)
{
    const uint64_t *ops = survey->facts.records_by_op;
    result->short_trace =
        config->limit_records != UINT64_MAX && survey->facts.records < config->limit_records;
    result->ignored_map_records = ops[TRACE_MAP] + ops[TRACE_MAP_RO] + ops[TRACE_UNMAP] > 0;
    result->ignored_translates = ops[TRACE_TRANSLATE] + ops[TRACE_TRANSLATE_W] > 0;
}

/* Cells that differ in max_payload split records differently, so each payload is a replay of its own. */
static bool replay_all(const struct pass_options *options, struct crew_source *source,
                       const struct survey *survey, const struct cell_config *const cells[], size_t count,
                       struct pass_result results[], struct error *error)
{
    const struct cell_config **some = memory_zeroed(count, sizeof *some, error);
    struct pass_result **theirs = memory_zeroed(count, sizeof *theirs, error);
    bool good = some && theirs;
    for (uint64_t payload = 1; payload <= 4096 && good; payload *= 2) {
        size_t n = 0;
        for (size_t i = 0; i < count; i++)
            if (cells[i]->max_payload_bytes == payload) {
                some[n] = cells[i];
                theirs[n++] = &results[i];
                note_warnings(cells[i], survey, &results[i]);
            }
        if (n > 0)
            good = (source->store || trace_rewind(source->trace, error)) &&
                   replay(options, source, survey, some, n, theirs, error);
    }
    for (size_t i = 0; i < count && !good; i++) /* no result is valid: nor are the intervals so far */
        pass_result_free(&results[i]);
    memory_free(some);
    memory_free(theirs);
    return good;
}

static void results_clear(struct pass_result results[], size_t count)
{
    for (size_t i = 0; i < count; i++)
        results[i] = (struct pass_result){0};
}

bool pass_run_store(const struct pass_options *options, const struct trace_store *store,
                    const struct cell_config *const cells[], size_t count, struct pass_result results[],
                    struct error *error)
{
    struct survey survey = {0};
    bool wants = wants_touched(cells, count), good = true;
    results_clear(results, count);
    for (size_t at = 0; good && at < store->count;) {
        struct trace_batch batch = trace_store_view(store, at);
        good = survey_add(&survey, &batch, wants, error);
        at += batch.count;
    }
    page_set_finish(&survey.touched);
    struct crew_source source = {.store = store, .records = store->count};
    good = good && replay_all(options, &source, &survey, cells, count, results, error);
    page_set_free(&survey.touched);
    return good;
}

bool pass_run(const struct pass_options *options, struct trace *trace,
              const struct cell_config *const cells[], size_t count, struct pass_result results[],
              struct trace_facts *facts, struct error *error)
{
    struct survey survey = {0};
    struct trace_store store = {0};
    struct trace_batch batch;
    bool wants = wants_touched(cells, count), keeps = true, good;
    results_clear(results, count);
    while ((good = !stopped(options, error) && trace_next(trace, &batch, error)) && batch.count > 0) {
        if (!survey_add(&survey, &batch, wants, error)) {
            good = false;
            break;
        }
        keeps = keeps && (store.count + batch.count) * TRACE_STORE_RECORD_BYTES <= options->store_bytes &&
                trace_store_add(&store, &batch, NULL);
        if (!keeps)
            trace_store_free(&store);
    }
    page_set_finish(&survey.touched);
    struct crew_source source = {
        .store = keeps ? &store : NULL, .trace = trace, .records = survey.facts.records};
    good = good && replay_all(options, &source, &survey, cells, count, results, error);
    if (facts)
        *facts = survey.facts;
    trace_store_free(&store);
    page_set_free(&survey.touched);
    return good;
}

uint64_t pass_cell_bytes(const struct cell_config *config)
{
    return sizeof(struct cell) + sizeof(struct group) + iotlb_bytes(config) + walk_cache_bytes(config);
}

void pass_result_free(struct pass_result *result)
{
    memory_free(result->intervals);
    *result = (struct pass_result){0};
}
