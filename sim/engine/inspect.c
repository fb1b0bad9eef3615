#include "sim/engine/inspect.h"

#include "sim/base/memory.h"
#include "sim/engine/pass.h"

static bool read_facts(struct trace *trace, struct survey *survey, struct error *error)
{
    struct trace_batch batch;
    do {
        if (!trace_next(trace, &batch, error) || !survey_add(survey, &batch, error))
            return false;
    } while (batch.count > 0);
    survey_finish(survey);
    return true;
}

/* One replay under way. */
struct replay {
    struct cohort *cohort;
    struct tile_index tiles; /* of the cohort */
    struct request_cursor cursor;
    struct requests *piece;
};

/* Step through what is left of a batch. */
static bool step(struct replay *replay, const struct trace_batch *batch, struct error *error)
{
    while (requests_split(&replay->cursor, batch, TRACE_BATCH_RECORDS, replay->piece, error))
        if (!requests_learn_tiles(&replay->tiles, replay->piece, error) ||
            !cohort_step(replay->cohort, replay->piece, error))
            return false;
    return error->kind == ERROR_NONE;
}

/* How many records of the batch come before the time; `end`: others do not. */
static size_t count_before(const struct trace_batch *batch, uint64_t first_ns, uint64_t time_ns, bool *end)
{
    size_t count = 0;
    while (count < batch->count && batch->time_ns[count] - first_ns < time_ns)
        count++;
    *end = count < batch->count || batch->count == 0;
    return count;
}

static bool replay_until(struct trace *trace, uint64_t first_ns, uint64_t time_ns, struct replay *replay,
                         struct error *error)
{
    bool end = false;
    while (!end) {
        struct trace_batch batch;
        if (!trace_next(trace, &batch, error))
            return false;
        if (time_ns == INSPECT_END)
            end = batch.count == 0;
        else
            batch.count = count_before(&batch, first_ns, time_ns, &end);
        if (batch.count > 0 && !step(replay, &batch, error))
            return false;
    }
    return time_ns == INSPECT_END || cohort_advance(replay->cohort, time_ns, error);
}

static bool replay_and_look(struct trace *trace, const struct cell_config *config, uint64_t time_ns,
                            const struct survey *survey, struct attachment *attachment, struct replay *replay,
                            inspect_look_fn *look, void *context, struct error *error)
{
    uint32_t domains = attachment->trace.domain_count;
    struct pass_result result = {0};
    replay->cursor = (struct request_cursor){.domain_of = attachment->domain_of,
                                             .max_payload_bytes = config->max_payload_bytes,
                                             .wants_devices = true,
                                             .ats = config->ats.enabled,
                                             .stable = true};
    replay->piece = memory_zeroed(1, sizeof *replay->piece, error);
    if (!replay->piece || !tile_index_init(&replay->tiles, domains, error) ||
        !tile_index_init(&replay->cursor.tiles, domains, error))
        return false;
    replay->cohort = survey_cohort(survey, attachment, config, true, &replay->tiles, error);
    if (!replay->cohort || !cohort_join(replay->cohort, config, &result, false, error))
        return false;
    replay->cohort->cells[0]->keeps_outputs = true;
    if (!replay_until(trace, attachment->trace.first_time_ns, time_ns, replay, error) ||
        !leaves_sort_tiles(&replay->cohort->leaves, error))
        return false;
    struct inspection seen = {.cohort = replay->cohort,
                              .cell = replay->cohort->cells[0],
                              .facts = &survey->facts,
                              .attachment = attachment,
                              .time_ns = time_ns};
    if (time_ns == INSPECT_END)
        seen.time_ns = attachment->trace.last_time_ns - attachment->trace.first_time_ns;
    return look(context, &seen, error);
}

bool inspect_cell(struct trace *trace, const struct cell_config *config, uint64_t time_ns,
                  inspect_look_fn *look, void *context, struct error *error)
{
    struct survey survey;
    struct attachment attachment = {0};
    struct replay replay = {0};
    bool good = survey_init(&survey, &config, 1, error) && read_facts(trace, &survey, error) &&
                attachment_init(&attachment, &survey.facts, config->domains, error) &&
                trace_rewind(trace, error) &&
                replay_and_look(trace, config, time_ns, &survey, &attachment, &replay, look, context, error);
    survey_cohort_free(replay.cohort);
    tile_index_free(&replay.cursor.tiles);
    tile_index_free(&replay.tiles);
    memory_free(replay.piece);
    attachment_free(&attachment);
    survey_free(&survey);
    return good;
}
