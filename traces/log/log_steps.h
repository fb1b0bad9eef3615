/* Where the clock of a log was set back, learnt in a first pass over its lines and mended in a second one:
 * from such a line on, time goes on from the line before.
 *
 * A line earlier than another of its thread is one for certain, as a thread writes in order. Without threads,
 * one that is earlier by more than LOG_ORDER_WINDOW_NS is, unless the lines behind it jump back: then it was
 * only late. */
#ifndef TRACES_LOG_LOG_STEPS_H
#define TRACES_LOG_LOG_STEPS_H

#include <stdbool.h>
#include <stdint.h>

enum {
    LOG_STEPS = 64, /* further ones are left to log_order.h */
    LOG_STEP_THREADS = 128,
};

/* Zeroed at first. */
struct log_steps {
    unsigned count;
    struct log_step {
        uint64_t line, back_ns;
    } steps[LOG_STEPS]; /* in order of lines, once learnt */

    /* while learning */
    uint64_t newest_ns, before_ns;
    unsigned doubtful_count;
    struct log_doubtful {
        struct log_step step;
        uint64_t newest_ns; /* ahead of it */
    } doubtful[LOG_STEPS];
    struct log_last {
        uint64_t thread, time_ns;
    } last[LOG_STEP_THREADS]; /* by thread modulo their number */

    /* while mending */
    unsigned passed;
    uint64_t added_ns;
};

/** See the time of a line; threads are numbered from 1, 0 is any. */
void log_steps_learn(struct log_steps *steps, uint64_t line, uint64_t thread, uint64_t time_ns);
/** All lines were seen. */
void log_steps_learnt(struct log_steps *steps);

/** Begin to mend at the first line. */
void log_steps_begin(struct log_steps *steps);
/** The time of a line, of rising numbers. */
uint64_t log_steps_mend(struct log_steps *steps, uint64_t line, uint64_t time_ns);

#endif
