#include "traces/ftrace/ftrace_header.h"

#include <string.h>

#include "traces/log/log_number.h"

static const char no_seconds[] =
    "its time is no seconds.microseconds; record with trace_clock mono, boot or local";
static const char latency[] = "is in ftrace's latency format, whose times have no origin; record with `echo "
                              "nolatency-format > trace_options` and the tracer nop";

/* ---- "TASK-PID (TGID) [CPU] FLAGS SECONDS.FRACTION: ..."; TGID and FLAGS may be missing, perf has PID/TID
 * and a space for the dash, and a task's name may hold anything, so the CPU is looked for first. ---- */

/* The process id in front of `cpu`, which is the "[" of the CPU. */
static bool pid_before(const char *line, const char *cpu, uint64_t *pid)
{
    const char *end = cpu;
    while (end > line && end[-1] == ' ')
        end--;
    if (end > line && end[-1] == ')') {
        while (end > line && end[-1] != '(')
            end--;
        end -= end > line;
        while (end > line && end[-1] == ' ')
            end--;
    }
    const char *digits = end;
    while (digits > line && log_digit(digits[-1]) < 10)
        digits--;
    return digits < end && log_decimal(&digits, pid);
}

/* Behind the time, which comes after at most two columns of flags; NULL when there is none. */
static const char *behind_time(const char *p, uint64_t *time_ns, const char **problem)
{
    for (unsigned column = 0; column < 3 && *p; column++) {
        while (*p == ' ')
            p++;
        const char *after = p;
        uint64_t ticks;
        if (log_time(&after, time_ns) && *after == ':')
            return after + 1;
        after = p;
        if (log_decimal(&after, &ticks) && *after == ':')
            *problem = no_seconds;
        while (*p && *p != ' ')
            p++;
    }
    return NULL;
}

static const char *usual_header(const char *line, struct ftrace_event *event, const char **problem)
{
    for (const char *cpu = strchr(line, '['); cpu; cpu = strchr(cpu + 1, '[')) {
        const char *p = cpu + 1;
        uint64_t number, pid;
        if (!log_decimal(&p, &number) || p[0] != ']' || p[1] != ' ' || !pid_before(line, cpu, &pid))
            continue;
        p = behind_time(p + 2, &event->time_ns, problem);
        if (!p)
            continue;
        event->context = pid == 0 ? number : ~pid;
        return p;
    }
    return NULL;
}

/* ---- "TASK-PID CPUFLAGS TIME: ..." of dumps, of the latency format, and of `trace-cmd report -l` ---- */

/* "SECONDS.FRACTION:", or microseconds as "USus : " with a mark for long times behind the s. */
static const char *short_time(const char *p, uint64_t *time_ns, bool *microseconds)
{
    enum { NS_PER_US = 1000 };
    const char *after = p;
    uint64_t us;
    *microseconds = false;
    if (log_time(&after, time_ns) && *after == ':')
        return after + 1;
    after = p;
    if (!log_decimal(&after, &us) || us > UINT64_MAX / NS_PER_US || !log_literal(&after, "us"))
        return NULL;
    after += *after && strchr("+!#*@$", *after);
    while (*after == ' ')
        after++;
    if (*after != ':')
        return NULL;
    *time_ns = us * NS_PER_US;
    *microseconds = true;
    return after + 1;
}

/* "CPUFLAGS" at `p` behind "-PID " at its left. */
static bool short_task(const char *line, const char *p, struct ftrace_event *event)
{
    const char *end = p, *flags = p;
    uint64_t cpu, pid;
    while (end > line && end[-1] == ' ')
        end--;
    const char *digits = end;
    while (digits > line && log_digit(digits[-1]) < 10)
        digits--;
    bool dashed = digits < end && digits > line && digits[-1] == '-';
    if (!dashed || !log_decimal(&digits, &pid) || !log_decimal(&flags, &cpu))
        return false;
    event->context = pid == 0 ? cpu : ~pid;
    return *flags != ' ' && *flags != '\0';
}

static const char *short_header(const char *line, bool dump, struct ftrace_event *event, const char **problem)
{
    const char *before = NULL;
    for (const char *word = line; *word;) {
        bool microseconds;
        const char *behind = before ? short_time(word, &event->time_ns, &microseconds) : NULL;
        if (behind && short_task(line, before, event)) {
            if (!microseconds || dump)
                return behind;
            *problem = latency;
            return NULL;
        }
        before = word;
        while (*word && *word != ' ')
            word++;
        while (*word == ' ')
            word++;
    }
    return NULL;
}

const char *ftrace_behind_stamps(const char *line)
{
    const char *kernel = strstr(line, "kernel: ");
    if (kernel)
        line = kernel + strlen("kernel: ");
    for (;;) {
        const char *p = line + strspn(line, " ");
        if (*p != '[')
            return line;
        p += 1 + strspn(p + 1, " .0123456789TC");
        if (*p != ']')
            return line;
        line = p + 1;
    }
}

const char *ftrace_header(const char *line, bool dump, struct ftrace_event *event, const char **problem)
{
    *problem = NULL;
    const char *text = usual_header(line, event, problem);
    if (text || *problem)
        return text;
    const char *stamped = ftrace_behind_stamps(line);
    return short_header(stamped + strspn(stamped, " "), dump || stamped != line, event, problem);
}
