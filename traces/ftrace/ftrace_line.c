#include "traces/ftrace/ftrace_line.h"

#include <string.h>

#include "traces/ftrace/ftrace_event.h"
#include "traces/ftrace/ftrace_header.h"
#include "traces/log/log_number.h"

static const char graph[] =
    "is output of the tracer function_graph, whose events have neither task nor time; "
    "record with `echo nop > current_tracer`";

static bool begins(const char *line, const char *word)
{
    return strncmp(line, word, strlen(word)) == 0;
}

/* The kernel says what it did before the first event; trace-cmd does not. */
static bool comment(const char *line, struct ftrace_event *event, struct error *error)
{
    uint64_t left, written;
    event->kind = FTRACE_NONE;
    line += strspn(line, "# ");
    if (begins(line, "tracer: function_graph"))
        return error_set(error, ERROR_TRACE, "%s", graph);
    if (strstr(line, " latency trace v"))
        return error_set(error, ERROR_TRACE,
                         "begins a trace in ftrace's latency format, whose times have no origin; record with "
                         "`echo nolatency-format > trace_options` and the tracer nop");
    if (log_literal(&line, "entries-in-buffer/entries-written: ") && log_decimal(&line, &left) &&
        *line++ == '/' && log_decimal(&line, &written) && written > left) {
        event->kind = FTRACE_OVERWRITTEN;
        event->bytes = written - left;
    }
    return true;
}

/* A line of the statistics of a CPU's buffer (per_cpu/cpuN/stats, trace-cmd). */
static bool statistics(const char *line, struct ftrace_event *event)
{
    static const struct {
        const char *name;
        enum ftrace_kind kind;
    } lines[] = {
        {"overrun: ", FTRACE_OVERWRITTEN},
        {"commit overrun: ", FTRACE_LOST},
        {"dropped events: ", FTRACE_LOST},
        {"entries: ", FTRACE_NONE},
        {"bytes: ", FTRACE_NONE},
        {"oldest event ts: ", FTRACE_NONE},
        {"now ts: ", FTRACE_NONE},
        {"read events: ", FTRACE_NONE},
        {"CPU: ", FTRACE_NONE},
    };
    for (unsigned i = 0; i < sizeof lines / sizeof lines[0]; i++) {
        const char *p = line;
        if (!log_literal(&p, lines[i].name))
            continue;
        p += strspn(p, " ");
        event->kind = lines[i].kind;
        if (!log_decimal(&p, &event->bytes))
            return false;
        if (event->bytes == 0)
            event->kind = FTRACE_NONE;
        return true;
    }
    return false;
}

/* CPU:1 [LOST 12 EVENTS] in the kernel's text, CPU:1 [12 EVENTS DROPPED] in trace-cmd's, both also without a
 * number; CPU 1: 12 events lost when trace-cmd stops. */
static bool lost(const char *line, struct ftrace_event *event)
{
    const char *p = line;
    uint64_t cpu;
    event->kind = FTRACE_LOST;
    event->bytes = 0;
    if (log_literal(&p, "CPU ") && log_decimal(&p, &cpu) && *p++ == ':') {
        p += strspn(p, " ");
        return log_decimal(&p, &event->bytes) && begins(p, " events lost");
    }
    p = strchr(line, '[');
    if (!p || !begins(line, "CPU:"))
        return false;
    p++;
    if (begins(p, "LOST EVENTS]") || begins(p, "EVENTS DROPPED]"))
        return true;
    log_literal(&p, "LOST ");
    return log_decimal(&p, &event->bytes) && begins(p, " EVENTS");
}

/* A line without a header. */
static bool other_line(const char *line, struct ftrace_print *print, struct ftrace_event *event,
                       struct error *error)
{
    static const char *const headings[] = {
        "cpus=", "version = ", "Kernel buffer statistics:", "(ftrace buffer empty)"};
    line = ftrace_behind_stamps(line);
    line += strspn(line, " ");
    if (*line == '#')
        return comment(line, event, error);
    /* "CPU)  DURATION  |  FUNCTION" */
    const char *cpu = line + strspn(line, "0123456789");
    if (cpu > line && *cpu == ')' && strchr(cpu, '|'))
        return error_set(error, ERROR_TRACE, "%s", graph);
    if (statistics(line, event) || lost(line, event))
        return true;
    event->kind = line[strspn(line, "-")] ? FTRACE_UNKNOWN : FTRACE_NONE;
    for (unsigned i = 0; i < sizeof headings / sizeof headings[0]; i++)
        if (begins(line, headings[i]))
            event->kind = FTRACE_NONE;
    if (begins(line, "Dumping ftrace buffer:")) {
        print->dump = true;
        event->kind = FTRACE_NONE;
    }
    if (strstr(line, "[LINE TOO BIG]"))
        event->kind = FTRACE_CUT;
    return true;
}

bool ftrace_line(const char *line, struct ftrace_print *print, struct ftrace_event *event,
                 struct error *error)
{
    const char *problem;
    const char *text = ftrace_header(line, print->dump, event, &problem);
    if (text)
        return ftrace_event(text, event, error);
    return problem ? error_set(error, ERROR_TRACE, "%s", problem) : other_line(line, print, event, error);
}
