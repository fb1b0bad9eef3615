#include "traces/log/log_order.h"

#include <assert.h>

#include "sim/base/memory.h"

struct entry {
    struct log_record record;
    uint64_t rank; /* 0: free */
    uint32_t part;
    bool dropped;
};

/* Nearly all lines come in order: they wait in a queue, the others in a heap. */
struct log_order {
    uint32_t count;
    bool keep_times;
    uint32_t part;      /* counts where times that are kept go back by more than the window */
    uint64_t newest_ns; /* of all lines seen, or of this part */
    uint64_t taken_ns;  /* of the record taken last */
    uint64_t late;
    uint32_t queue_first, queue_count, heap_count;
    uint32_t queue[LOG_ORDER_RECORDS]; /* slots, a ring */
    uint32_t heap[LOG_ORDER_RECORDS];  /* slots, the oldest on top */
    uint32_t free[LOG_ORDER_RECORDS];  /* slots, the first LOG_ORDER_RECORDS - count */
    struct entry entries[LOG_ORDER_RECORDS];
};

struct log_order *log_order_new(struct error *error)
{
    struct log_order *order = memory_zeroed(1, sizeof *order, error);
    if (order)
        log_order_clear(order);
    return order;
}

void log_order_free(struct log_order *order)
{
    memory_free(order);
}

void log_order_clear(struct log_order *order)
{
    order->count = order->part = order->queue_first = order->queue_count = order->heap_count = 0;
    order->newest_ns = order->taken_ns = order->late = 0;
    for (uint32_t i = 0; i < LOG_ORDER_RECORDS; i++) {
        order->entries[i].rank = 0;
        order->free[i] = LOG_ORDER_RECORDS - 1 - i;
    }
}

void log_order_keep_times(struct log_order *order)
{
    order->keep_times = true;
}

static bool before(const struct log_order *order, uint32_t slot, uint32_t other)
{
    const struct entry *a = &order->entries[slot], *b = &order->entries[other];
    if (a->part != b->part)
        return a->part < b->part;
    return a->record.time_ns != b->record.time_ns ? a->record.time_ns < b->record.time_ns : a->rank < b->rank;
}

static uint32_t *queue_at(struct log_order *order, uint32_t place)
{
    return &order->queue[(order->queue_first + place) % LOG_ORDER_RECORDS];
}

static void push_heap(struct log_order *order, uint32_t slot)
{
    uint32_t place = order->heap_count++;
    while (place > 0 && before(order, slot, order->heap[(place - 1) / 2])) {
        order->heap[place] = order->heap[(place - 1) / 2];
        place = (place - 1) / 2;
    }
    order->heap[place] = slot;
}

static uint32_t pop_heap(struct log_order *order)
{
    uint32_t top = order->heap[0], last = order->heap[--order->heap_count], place = 0, child;
    while ((child = 2 * place + 1) < order->heap_count) {
        if (child + 1 < order->heap_count && before(order, order->heap[child + 1], order->heap[child]))
            child++;
        if (!before(order, order->heap[child], last))
            break;
        order->heap[place] = order->heap[child];
        place = child;
    }
    order->heap[place] = last;
    return top;
}

struct log_handle log_order_add(struct log_order *order, const struct log_record *record, uint64_t rank)
{
    assert(rank != 0 && order->count < LOG_ORDER_RECORDS);
    uint32_t slot = order->free[LOG_ORDER_RECORDS - ++order->count];
    order->entries[slot] = (struct entry){.record = *record, .rank = rank, .part = order->part};
    if (order->queue_count > 0 && before(order, slot, *queue_at(order, order->queue_count - 1)))
        push_heap(order, slot);
    else
        *queue_at(order, order->queue_count++) = slot;
    return (struct log_handle){.rank = rank, .slot = slot};
}

/* Whether the oldest record is in the heap; there is one. */
static bool oldest_in_heap(struct log_order *order)
{
    return order->heap_count > 0 &&
           (order->queue_count == 0 || before(order, order->heap[0], order->queue[order->queue_first]));
}

struct log_record *log_order_at(struct log_order *order, struct log_handle handle)
{
    struct entry *entry = &order->entries[handle.slot];
    return handle.rank != 0 && entry->rank == handle.rank && !entry->dropped ? &entry->record : NULL;
}

void log_order_drop(struct log_order *order, struct log_handle handle)
{
    if (log_order_at(order, handle))
        order->entries[handle.slot].dropped = true;
}

void log_order_advance(struct log_order *order, uint64_t time_ns)
{
    if (time_ns > order->newest_ns)
        order->newest_ns = time_ns;
    if (!order->keep_times || order->newest_ns - time_ns <= LOG_ORDER_WINDOW_NS)
        return;
    order->part++;
    order->newest_ns = time_ns;
}

bool log_order_ready(struct log_order *order, bool end)
{
    if (order->count == 0)
        return false;
    if (end || order->count > LOG_ORDER_RECORDS - LOG_ORDER_ROOM)
        return true;
    uint32_t slot = oldest_in_heap(order) ? order->heap[0] : order->queue[order->queue_first];
    const struct entry *oldest = &order->entries[slot];
    uint64_t oldest_ns = oldest->record.time_ns;
    return oldest->part != order->part ||
           (oldest_ns < order->newest_ns && order->newest_ns - oldest_ns > LOG_ORDER_WINDOW_NS);
}

static uint32_t pop(struct log_order *order)
{
    if (oldest_in_heap(order))
        return pop_heap(order);
    uint32_t slot = order->queue[order->queue_first];
    order->queue_first = (order->queue_first + 1) % LOG_ORDER_RECORDS;
    order->queue_count--;
    return slot;
}

void log_order_take(struct log_order *order, struct trace_batch *batch)
{
    assert(order->count > 0 && batch->count < TRACE_BATCH_RECORDS);
    uint32_t slot = pop(order);
    order->free[LOG_ORDER_RECORDS - order->count--] = slot;
    struct entry *entry = &order->entries[slot];
    entry->rank = 0;
    if (entry->dropped)
        return;
    if (entry->record.time_ns < order->taken_ns && !order->keep_times) {
        entry->record.time_ns = order->taken_ns;
        order->late++;
    }
    order->taken_ns = entry->record.time_ns;
    size_t i = batch->count++;
    batch->time_ns[i] = entry->record.time_ns;
    batch->iova[i] = entry->record.iova;
    batch->bytes[i] = entry->record.bytes;
    batch->address[i] = entry->record.address;
    batch->device[i] = entry->record.device;
    batch->op[i] = entry->record.op;
}

void log_order_warn(const struct log_order *order, char warning[LOG_WARNING_BYTES])
{
    log_warn(warning, order->late,
             "records were too late to be sorted and got the time of the one before (dirtywalk trace convert "
             "--sort orders them by the times in the log)");
}
