/* Places for what is known of each thread of a QEMU log: the oldest gives way when there are too many. */
#ifndef TRACES_QEMU_QEMU_THREADS_H
#define TRACES_QEMU_QEMU_THREADS_H

#include <stdbool.h>
#include <stdint.h>

enum { QEMU_THREADS = 128 };

/* Zeroed at first. */
struct qemu_threads {
    unsigned count, last, next;
    uint64_t ids[QEMU_THREADS];
};

/** The place of a thread, less than QEMU_THREADS; `*fresh` if nothing is known of it yet. */
static inline unsigned qemu_thread_place(struct qemu_threads *threads, uint64_t id, bool *fresh)
{
    *fresh = false;
    if (threads->count > 0 && threads->ids[threads->last] == id)
        return threads->last;
    unsigned i = 0;
    while (i < threads->count && threads->ids[i] != id)
        i++;
    if (i == threads->count) {
        *fresh = true;
        i = threads->next++ % QEMU_THREADS;
        if (threads->count < QEMU_THREADS)
            threads->count++;
        threads->ids[i] = id;
    }
    return threads->last = i;
}

#endif
