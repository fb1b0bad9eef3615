#include "traces/log/log_steps.h"

#include <string.h>

#include "traces/log/log_order.h"

/* ---- learning ---- */

static void keep(struct log_steps *steps, struct log_step step)
{
    if (steps->count == LOG_STEPS)
        return;
    unsigned place = steps->count++;
    for (; place > 0 && steps->steps[place - 1].line > step.line; place--)
        steps->steps[place] = steps->steps[place - 1];
    steps->steps[place] = step;
}

/* Whether the thread wrote a later time before. */
static bool certain(struct log_steps *steps, uint64_t thread, uint64_t time_ns)
{
    if (thread == 0)
        return false;
    struct log_last *last = &steps->last[thread % LOG_STEP_THREADS];
    bool back = last->thread == thread && time_ns < last->time_ns;
    *last = (struct log_last){.thread = thread, .time_ns = time_ns};
    return back;
}

/* Time is half way back to where it was before a doubtful step: by and by, or in a jump? */
static void settle(struct log_steps *steps, uint64_t time_ns)
{
    while (steps->doubtful_count > 0) {
        const struct log_doubtful *last = &steps->doubtful[steps->doubtful_count - 1];
        uint64_t back_ns = last->step.back_ns;
        if (time_ns < last->newest_ns - back_ns / 2)
            return;
        steps->doubtful_count--;
        if (time_ns > steps->before_ns && time_ns - steps->before_ns >= back_ns / 4)
            steps->newest_ns = last->newest_ns;
        else
            keep(steps, last->step);
    }
}

void log_steps_learn(struct log_steps *steps, uint64_t line, uint64_t thread, uint64_t time_ns)
{
    bool sure = certain(steps, thread, time_ns);
    settle(steps, time_ns);
    steps->before_ns = time_ns;
    if (time_ns >= steps->newest_ns) {
        steps->newest_ns = time_ns;
        return;
    }
    struct log_step step = {.line = line, .back_ns = steps->newest_ns - time_ns};
    if (sure)
        keep(steps, step);
    else if (step.back_ns > LOG_ORDER_WINDOW_NS && steps->doubtful_count < LOG_STEPS)
        steps->doubtful[steps->doubtful_count++] =
            (struct log_doubtful){.step = step, .newest_ns = steps->newest_ns};
    else
        return;
    steps->newest_ns = time_ns;
    memset(steps->last, 0, sizeof steps->last); /* the first lines of the others tell nothing new */
}

void log_steps_learnt(struct log_steps *steps)
{
    while (steps->doubtful_count > 0)
        keep(steps, steps->doubtful[--steps->doubtful_count].step);
}

/* ---- mending ---- */

void log_steps_begin(struct log_steps *steps)
{
    steps->passed = 0;
    steps->added_ns = 0;
}

uint64_t log_steps_mend(struct log_steps *steps, uint64_t line, uint64_t time_ns)
{
    for (; steps->passed < steps->count && steps->steps[steps->passed].line <= line; steps->passed++)
        steps->added_ns += steps->steps[steps->passed].back_ns;
    uint64_t mended_ns = time_ns + steps->added_ns;
    return mended_ns < time_ns ? UINT64_MAX : mended_ns;
}
