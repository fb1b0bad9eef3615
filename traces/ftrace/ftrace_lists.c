#include "traces/ftrace/ftrace_lists.h"

#include <string.h>

#include "sim/base/memory.h"

enum { RANGES_LIMIT = 1 << 22 }; /* 64 MiB */

struct list {
    struct list *next; /* mapped later with the same key */
    unsigned count;
    bool open_end;
    struct ftrace_range ranges[];
};

static uint64_t key_of(uint16_t device, const struct ftrace_event *event)
{
    return event->phys_hash ^ (uint64_t)device << 48;
}

static void free_lists(uint64_t head)
{
    for (struct list *list = (struct list *)(uintptr_t)head, *next; list; list = next) {
        next = list->next;
        memory_free(list);
    }
}

void ftrace_lists_clear(struct ftrace_lists *lists)
{
    log_table_clear(&lists->lists, free_lists);
    lists->ranges = 0;
}

bool ftrace_lists_keep(struct ftrace_lists *lists, uint16_t device, const struct ftrace_event *event,
                       struct error *error)
{
    if (lists->ranges + event->count + 1 > RANGES_LIMIT)
        return true;
    struct list *list = memory_zeroed(sizeof *list + event->count * sizeof event->ranges[0], 1, error);
    if (!list)
        return false;
    list->count = event->count;
    list->open_end = event->open_end;
    memcpy(list->ranges, event->ranges, event->count * sizeof event->ranges[0]);
    uint64_t *head = log_table_make(&lists->lists, key_of(device, event), error);
    if (!head) {
        memory_free(list);
        return false;
    }
    lists->ranges += event->count + 1;
    struct list *last = (struct list *)(uintptr_t)*head;
    if (!last) {
        *head = (uintptr_t)list;
        return true;
    }
    while (last->next)
        last = last->next;
    last->next = list;
    return true;
}

bool ftrace_lists_take(struct ftrace_lists *lists, uint16_t device, struct ftrace_event *event)
{
    uint64_t key = key_of(device, event), *head = log_table_find(&lists->lists, key);
    if (!head)
        return false;
    struct list *list = (struct list *)(uintptr_t)*head;
    event->count = list->count;
    event->open_end = list->open_end;
    event->scattered = true;
    memcpy(event->ranges, list->ranges, list->count * sizeof event->ranges[0]);
    lists->ranges -= list->count + 1;
    if (list->next)
        *head = (uintptr_t)list->next;
    else
        log_table_remove(&lists->lists, key);
    memory_free(list);
    return true;
}
