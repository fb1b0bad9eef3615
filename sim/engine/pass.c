#include "sim/engine/pass.h"

#include "sim/base/memory.h"
#include "sim/engine/cohort.h"
#include "sim/engine/survey.h"
#include "sim/engine/workers.h"
#include "sim/mapping/mapping.h"
#include "sim/tracking/tracking.h"

static bool is_set(const _Atomic bool *flag)
{
    return flag && atomic_load_explicit(flag, memory_order_relaxed);
}

bool pass_stopped(const struct pass_options *options)
{
    return is_set(options->interrupted) || is_set(options->abandoned);
}

static bool stopped(const struct pass_options *options, struct error *error)
{
    return pass_stopped(options) && !error_set(error, ERROR_INTERRUPTED, "interrupted");
}

/* ---- cohorts ---- */

/* Which cells are alike: index of the first cell of its kind, for each. */
static void find_kinds(const struct cell_config *const cells[], size_t count, size_t kind[],
                       bool (*alike)(const struct cell_config *, const struct cell_config *))
{
    for (size_t i = 0; i < count; i++) {
        kind[i] = i;
        for (size_t k = 0; k < i; k++)
            if (kind[k] == k && alike(cells[k], cells[i])) {
                kind[i] = k;
                break;
            }
    }
}

/* Build the cell in the worker's last cohort, or in a new one; why it cannot be is in its result. No cohort is
 * left without cells. */
static void join(struct worker *worker, const struct pass_options *options, const struct survey *survey,
                 const struct attachment *attachment, const struct cell_config *config,
                 struct pass_result *result)
{
    struct cohort *cohort = worker->cohort_count ? worker->cohorts[worker->cohort_count - 1] : NULL;
    if (!cohort || options->one_by_one || !cohort_shareable(cohort->config, config)) {
        cohort = survey_cohort(survey, attachment, config, options->one_by_one, &worker->tiles, &result->error);
        if (!cohort)
            return;
        worker->cohorts[worker->cohort_count++] = cohort;
    }
    if (!cohort_join(cohort, config, result, options->intervals, &result->error) && cohort->cell_count == 0) {
        worker->cohort_count--;
        survey_cohort_free(cohort);
    }
}

static bool prepare(struct workers *workers, const struct attachment *attachment, size_t cells,
                    struct error *error)
{
    workers->items = memory_zeroed(workers->count, sizeof *workers->items, error);
    for (size_t w = 0; workers->items && w < workers->count; w++) {
        struct worker *worker = &workers->items[w];
        worker->all = workers;
        worker->cohorts = memory_zeroed(cells, sizeof(struct cohort *), error);
        if (!worker->cohorts ||
            !tile_index_init(&worker->tiles, attachment->trace.domain_count, error))
            return false;
    }
    return workers->items != NULL;
}

/* Cells in order of kind, and in this by what can be in one stack, cut into one slice per worker: like cells stay
 * together, and share what they can. */
static bool assign(struct workers *workers, const struct survey *survey, const struct attachment *attachment,
                   const struct cell_config *const cells[], size_t count,
                   struct pass_result *const results[], struct error *error)
{
    size_t *kind = memory_zeroed(count, sizeof *kind, error);
    size_t *stack = memory_zeroed(count, sizeof *stack, error);
    bool good = kind && stack && prepare(workers, attachment, count, error);
    if (good) {
        find_kinds(cells, count, kind, cohort_shareable);
        find_kinds(cells, count, stack, cohort_stackable);
    }
    size_t placed = 0;
    for (size_t k = 0; k < count && good; k++)
        for (size_t s = k; s < count && kind[k] == k; s++)
            for (size_t i = s; i < count && kind[s] == k && stack[s] == s; i++)
                if (stack[i] == s) {
                    struct worker *worker = &workers->items[placed++ * workers->count / count];
                    join(worker, workers->options, survey, attachment, cells[i], results[i]);
                }
    for (size_t w = 0; w < workers->count && good; w++)
        for (size_t c = 0; c < workers->items[w].cohort_count && good; c++)
            good = cohort_stack(workers->items[w].cohorts[c], error);
    memory_free(kind);
    memory_free(stack);
    return good;
}

static void workers_free(struct workers *workers)
{
    for (size_t w = 0; workers->items && w < workers->count; w++) {
        struct worker *worker = &workers->items[w];
        for (size_t c = 0; worker->cohorts && c < worker->cohort_count; c++)
            survey_cohort_free(worker->cohorts[c]);
        memory_free(worker->cohorts);
        tile_index_free(&worker->tiles);
    }
    memory_free(workers->items);
}

/* ---- a pass ---- */

/* Does any cell ask which device a request comes from? */
static bool want_devices(const struct cell_config *const cells[], size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (cells[i]->tracking.method->uses_device_logs || cells[i]->ats.enabled)
            return true;
    return false;
}

static bool use_ats(const struct cell_config *const cells[], size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (cells[i]->ats.enabled)
            return true;
    return false;
}

/* One replay of the source through cells that split records alike. */
static bool replay(const struct pass_options *options, struct workers_source *source,
                   const struct survey *survey, const struct cell_config *const cells[], size_t count,
                   struct pass_result *const results[], struct error *error)
{
    struct workers workers = {.options = options, .source = source};
    struct attachment attachment = {0};
    workers.count = options->threads < count ? options->threads : count;
    source->done = 0;
    source->seen = (struct trace_facts){0};
    source->batch = (struct trace_batch){0};
    source->cursor = (struct request_cursor){.max_payload_bytes = cells[0]->max_payload_bytes,
                                             .wants_devices = want_devices(cells, count),
                                             .ats = use_ats(cells, count),
                                             .stable = source->store != NULL};
    bool good = attachment_init(&attachment, &survey->facts, cells[0]->domains, error);
    source->cursor.domain_of = attachment.domain_of;
    good = good && tile_index_init(&source->cursor.tiles, attachment.trace.domain_count, error) &&
           assign(&workers, survey, &attachment, cells, count, results, error) &&
           workers_run(&workers, error);
    if (good && source->counts && !survey_as_told(survey, &source->seen, &source->cursor.tiles))
        source->as_told = false;
    tile_index_free(&source->cursor.tiles);
    workers_free(&workers);
    attachment_free(&attachment);
    return good;
}

static bool has_translates(const struct survey *survey)
{
    const uint64_t *ops = survey->facts.records_by_op;
    return ops[TRACE_TRANSLATE] + ops[TRACE_TRANSLATE_W] > 0;
}

static void note_warnings(const struct cell_config *config, const struct survey *survey,
                          struct pass_result *result)
{
    const uint64_t *ops = survey->facts.records_by_op;
    struct observations *seen = &result->seen;
    seen->short_trace = config->limit_records != UINT64_MAX && survey->facts.records < config->limit_records;
    seen->ignored_map_records = !config->mapping.source->follows_trace &&
                                  ops[TRACE_MAP] + ops[TRACE_MAP_RO] + ops[TRACE_UNMAP] > 0;
    seen->ignored_translates = has_translates(survey) && !config->ats.enabled;
    seen->beyond_width = survey_beyond_width(survey, config);
    if (config->domains == DOMAINS_SHARED && !config->mapping.source->follows_trace) {
        seen->aliased_maps = survey->aliases.count;
        seen->first_aliased = survey->aliases.first;
    }
}

/* Cells that differ in max_payload split records differently, those that differ in domains number tiles differently,
 * and with ATS translate records make requests too: each combination is a replay of its own. */
static bool replays_alike(const struct survey *survey, const struct cell_config *a, const struct cell_config *b)
{
    return a->max_payload_bytes == b->max_payload_bytes && a->domains == b->domains &&
           (a->ats.enabled == b->ats.enabled || !has_translates(survey));
}

static bool replay_all(const struct pass_options *options, struct workers_source *source,
                       const struct survey *survey, const struct cell_config *const cells[], size_t count,
                       struct pass_result results[], struct error *error)
{
    const struct cell_config **some = memory_zeroed(count, sizeof *some, error);
    struct pass_result **theirs = memory_zeroed(count, sizeof *theirs, error);
    bool *done = memory_zeroed(count, sizeof *done, error);
    bool good = some && theirs && done;
    for (size_t first = 0; first < count && good; first++) {
        size_t n = 0;
        for (size_t i = first; i < count && !done[first]; i++)
            if (!done[i] && replays_alike(survey, cells[first], cells[i])) {
                some[n] = cells[i];
                theirs[n++] = &results[i];
                note_warnings(cells[i], survey, &results[i]);
            }
        for (size_t i = 0; i < n; i++)
            done[theirs[i] - results] = true;
        if (n > 0)
            good = (source->store || trace_rewind(source->trace, error)) &&
                   replay(options, source, survey, some, n, theirs, error);
    }
    for (size_t i = 0; i < count && !good; i++) /* no result is valid: nor are the intervals so far */
        pass_result_free(&results[i]);
    memory_free(some);
    memory_free(theirs);
    memory_free(done);
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
    struct survey survey;
    results_clear(results, count);
    bool good = survey_init(&survey, cells, count, error);
    for (size_t at = 0; good && at < store->count;) {
        struct trace_batch batch = trace_store_view(store, at);
        good = survey_add(&survey, &batch, error);
        at += batch.count;
    }
    survey_finish(&survey);
    struct workers_source source = {.store = store, .records = store->count};
    good = good && replay_all(options, &source, &survey, cells, count, results, error);
    survey_free(&survey);
    return good;
}

/* Read the whole trace once, and into `store` if it is to be kept; *keeps is whether it is. */
static bool read_once(const struct pass_options *options, struct trace *trace, struct survey *survey,
                      struct trace_store *store, bool *keeps, struct error *error)
{
    struct trace_batch batch;
    bool good = true;
    while ((good = !stopped(options, error) && trace_next(trace, &batch, error)) && batch.count > 0) {
        good = survey_add(survey, &batch, error);
        if (!good)
            break;
        if (options->progress)
            options->progress(options->progress_context, 0, 0);
        *keeps = *keeps && (store->count + batch.count) * TRACE_STORE_RECORD_BYTES <= options->store_bytes &&
                 trace_store_add(store, &batch, NULL);
        if (!*keeps)
            trace_store_free(store);
    }
    return good;
}

/* Read, then replay. */
static bool run_after_reading(const struct pass_options *options, struct trace *trace, struct survey *survey,
                              const struct cell_config *const cells[], size_t count, struct pass_result results[],
                              struct error *error)
{
    struct trace_store store = {0};
    struct trace_facts known;
    /* A format that knows its facts unread is one that reads faster than memory is filled and faulted in. */
    bool keeps = !trace_known_facts(trace, &known);
    if (!keeps)
        trace_keep(trace, options->store_bytes);
    bool good = survey_init(survey, cells, count, error) && read_once(options, trace, survey, &store, &keeps, error);
    survey_finish(survey);
    struct workers_source source = {
        .store = keeps ? &store : NULL, .trace = trace, .records = survey->facts.records};
    good = good && replay_all(options, &source, survey, cells, count, results, error);
    trace_store_free(&store);
    return good;
}

/* Replay alone, where the trace tells what reading would. *told: it did, and it was true. If it was not, the trace is at
 * its beginning and the results are empty again. */
static bool run_as_told(const struct pass_options *options, struct trace *trace, struct survey *survey,
                        const struct cell_config *const cells[], size_t count, struct pass_result results[], bool *told,
                        struct error *error)
{
    *told = false;
    if (!survey_init(survey, cells, count, error) || !survey_told(survey, trace, cells, count, told, error))
        return false;
    if (!*told)
        return true;
    survey_finish(survey);
    struct workers_source source = {.trace = trace, .records = survey->facts.records, .counts = true, .as_told = true};
    if (!replay_all(options, &source, survey, cells, count, results, error))
        return false;
    *told = source.as_told;
    for (size_t i = 0; i < count && !*told; i++)
        pass_result_free(&results[i]);
    return *told || trace_rewind(trace, error);
}

bool pass_run(const struct pass_options *options, struct trace *trace,
              const struct cell_config *const cells[], size_t count, struct pass_result results[],
              struct trace_facts *facts, struct error *error)
{
    struct survey survey;
    bool told;
    results_clear(results, count);
    bool good = run_as_told(options, trace, &survey, cells, count, results, &told, error);
    if (good && !told) {
        survey_free(&survey);
        good = run_after_reading(options, trace, &survey, cells, count, results, error);
    }
    if (facts)
        *facts = survey.facts;
    survey_free(&survey);
    return good;
}

uint64_t pass_cell_bytes(const struct cell_config *config)
{
    return sizeof(struct cell) + sizeof(struct cohort) + iotlb_bytes(config) + walk_cache_bytes(config) +
           (config->ats.enabled ? atcs_bytes() : 0);
}

void pass_result_free(struct pass_result *result)
{
    memory_free(result->intervals);
    *result = (struct pass_result){0};
}
