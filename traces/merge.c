#include "traces/merge.h"

#include "sim/base/memory.h"

enum { BUS_IDS = 256, NONE = TRACE_DEVICES };

struct input {
    struct trace *trace;
    struct trace_batch batch;
    size_t at;            /* in the batch */
    uint64_t base_ns;     /* taken off its times */
    uint64_t moved_bytes; /* added to its addresses */
    uint64_t next_ns;     /* of its next record, on the common timeline */
    bool ended;
    uint32_t becomes[TRACE_DEVICES]; /* id on the common timeline, or NONE */
};

struct columns {
    uint64_t time_ns[TRACE_BATCH_RECORDS], iova[TRACE_BATCH_RECORDS], bytes[TRACE_BATCH_RECORDS],
        address[TRACE_BATCH_RECORDS];
    uint16_t device[TRACE_BATCH_RECORDS];
    uint8_t op[TRACE_BATCH_RECORDS];
};

struct merge {
    struct merge_options options;
    struct input *inputs;
    size_t count;
    uint64_t records;
    bool taken[TRACE_DEVICES];
    struct columns columns;
};

/* ---- inputs ---- */

/* Make sure that the input has a next record, or that it has ended. */
static bool look_ahead(struct input *input, struct error *error)
{
    if (input->at == input->batch.count) {
        if (!trace_next(input->trace, &input->batch, error))
            return false;
        input->at = 0;
        input->ended = input->batch.count == 0;
    }
    if (!input->ended)
        input->next_ns = input->batch.time_ns[input->at] - input->base_ns;
    return true;
}

static bool begin(struct merge *merge, size_t index, struct trace *trace, struct error *error)
{
    struct input *input = &merge->inputs[index];
    uint64_t spacing = merge->options.spacing_bytes;
    input->trace = trace;
    for (size_t d = 0; d < TRACE_DEVICES; d++)
        input->becomes[d] = NONE;
    if (spacing > 0 && index > UINT64_MAX / spacing)
        return error_set(error, ERROR_EXPERIMENT, "%zu times the spacing passes 2^64", index);
    input->moved_bytes = index * spacing;
    if (!look_ahead(input, error))
        return false;
    if (merge->options.align_starts && !input->ended) {
        input->base_ns = input->next_ns;
        input->next_ns = 0;
    }
    return true;
}

bool merge_new(const struct merge_options *options, struct trace *const inputs[], size_t count,
               struct merge **merge, struct error *error)
{
    struct merge *made = memory_zeroed(1, sizeof *made, error);
    if (!made)
        return false;
    made->options = *options;
    made->count = count;
    made->inputs = memory_zeroed(count, sizeof *made->inputs, error);
    bool good = made->inputs != NULL;
    for (size_t i = 0; good && i < count; i++)
        good = begin(made, i, inputs[i], error);
    if (!good) {
        merge_free(made);
        return false;
    }
    *merge = made;
    return true;
}

void merge_free(struct merge *merge)
{
    if (!merge)
        return;
    memory_free(merge->inputs);
    memory_free(merge);
}

/* ---- records ---- */

static bool choose_device(struct merge *merge, struct input *input, uint16_t device, struct error *error)
{
    uint32_t chosen = device;
    if (merge->options.remap_devices) {
        chosen = (device + (uint32_t)(input - merge->inputs) % BUS_IDS * BUS_IDS) % TRACE_DEVICES;
        for (uint32_t bus = 0; bus < BUS_IDS && merge->taken[chosen]; bus++)
            chosen = (chosen + BUS_IDS) % TRACE_DEVICES;
        if (merge->taken[chosen])
            for (chosen = 0; chosen < TRACE_DEVICES && merge->taken[chosen];)
                chosen++;
        if (chosen == TRACE_DEVICES)
            return error_set(error, ERROR_EXPERIMENT, "the inputs have more than %d devices together",
                             TRACE_DEVICES);
    }
    merge->taken[chosen] = true;
    input->becomes[device] = chosen;
    return true;
}

/* Move the next record of `input` to the end of the columns. */
static bool take(struct merge *merge, struct input *input, size_t to, struct error *error)
{
    const struct trace_batch *from = &input->batch;
    struct columns *columns = &merge->columns;
    size_t i = input->at;
    uint16_t device = from->device[i];
    uint64_t iova = from->iova[i], moved = input->moved_bytes, last = from->bytes[i] - 1;
    columns->time_ns[to] = input->next_ns;
    columns->bytes[to] = from->bytes[i];
    columns->op[to] = from->op[i];
    if (from->op[i] == TRACE_MARK) {
        columns->device[to] = device;
        columns->iova[to] = iova;
        columns->address[to] = from->address[i];
    } else {
        if (input->becomes[device] == NONE && !choose_device(merge, input, device, error))
            return false;
        bool map = from->op[i] == TRACE_MAP || from->op[i] == TRACE_MAP_RO;
        if (iova > UINT64_MAX - moved || last > UINT64_MAX - moved - iova ||
            (map && from->address[i] > UINT64_MAX - moved))
            return error_set(error, ERROR_EXPERIMENT,
                             "iova 0x%llx moved by %llu bytes passes 2^64; choose a smaller spacing",
                             (unsigned long long)iova, (unsigned long long)moved);
        columns->device[to] = (uint16_t)input->becomes[device];
        columns->iova[to] = iova + moved;
        columns->address[to] = map ? from->address[i] + moved : iova + moved;
    }
    input->at++;
    return look_ahead(input, error);
}

/* The input whose record comes next, or NULL at the end; `*until_ns` and `*or_at` say how long it stays the
 * next: before that time, or also at it. */
static struct input *choose_input(const struct merge *merge, uint64_t *until_ns, bool *or_at)
{
    struct input *best = NULL;
    *until_ns = UINT64_MAX;
    *or_at = true;
    for (size_t i = 0; i < merge->count; i++) {
        struct input *input = &merge->inputs[i];
        if (input->ended)
            continue;
        if (!best || input->next_ns < best->next_ns) {
            /* The one before it in the order of inputs is next again as soon as times are equal. */
            if (best) {
                *until_ns = best->next_ns;
                *or_at = false;
            }
            best = input;
        } else if (input->next_ns < *until_ns) {
            *until_ns = input->next_ns;
            *or_at = true;
        }
    }
    return best;
}

bool merge_next(struct merge *merge, struct trace_batch *batch, struct error *error)
{
    struct columns *columns = &merge->columns;
    size_t count = 0;
    while (count < TRACE_BATCH_RECORDS) {
        uint64_t until_ns;
        bool or_at;
        struct input *input = choose_input(merge, &until_ns, &or_at);
        if (!input)
            break;
        do
            if (!take(merge, input, count++, error))
                return false;
        while (count < TRACE_BATCH_RECORDS && !input->ended &&
               (input->next_ns < until_ns || (or_at && input->next_ns == until_ns)));
    }
    *batch = (struct trace_batch){.count = count,
                                  .first_record = merge->records,
                                  .time_ns = columns->time_ns,
                                  .iova = columns->iova,
                                  .bytes = columns->bytes,
                                  .address = columns->address,
                                  .device = columns->device,
                                  .op = columns->op};
    merge->records += count;
    return true;
}

bool merge_device(const struct merge *merge, size_t input, uint16_t device, uint16_t *becomes)
{
    uint32_t id = merge->inputs[input].becomes[device];
    *becomes = (uint16_t)id;
    return id != NONE;
}
