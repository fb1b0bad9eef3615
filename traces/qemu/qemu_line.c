#include "traces/qemu/qemu_line.h"

#include <string.h>

#include "traces/log/log_line.h"

/* "# as:0x... dd:dd.f" */
static bool comment(const char *text, struct qemu_event *event, struct error *error)
{
    event->kind = QEMU_NONE;
    while (*text == '#' || *text == ' ')
        text++;
    if (!log_literal(&text, "as:"))
        return true;
    if (!log_hex(&text, &event->as) || !log_literal(&text, " ") || !log_pci(&text, &event->device))
        return error_set(error, ERROR_TRACE, "it should read \"# as:0x... bb:dd.f\"");
    event->kind = QEMU_NAMED;
    return true;
}

/* ---- names ---- */

static const struct qemu_name *look_up(struct qemu_names *names, const char *name, size_t length)
{
    enum { PLACES = sizeof names->names / sizeof names->names[0], MULTIPLIER = 0x9e37 };
    uint32_t hash = (uint32_t)length;
    if (length > 0)
        hash = ((hash * 31 + (unsigned char)name[length - 1]) * 31 + (unsigned char)name[length / 2]) * 31 +
               (unsigned char)name[length / 4];
    struct qemu_name *found = &names->names[(hash * MULTIPLIER >> 8) % PLACES];
    bool fits = length < sizeof found->name;
    if (!fits || found->length != length || memcmp(found->name, name, length) != 0 || length == 0) {
        const struct qemu_form *form = qemu_form_named(name, length, &found->kind);
        found->pattern.form = NULL;
        if (form)
            qemu_pattern_of(form, &found->pattern);
        found->length = fits ? (uint32_t)length : 0;
        memcpy(found->name, name, fits ? length : 0);
    }
    return found;
}

static size_t word_length(const char *p)
{
    return (size_t)(strchrnul(p, ' ') - p);
}

/* ---- what stands in front ---- */

/* `count` decimal digits. */
static bool digits(const char **p, unsigned count, unsigned *value)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < count; i++) {
        unsigned digit = log_digit((*p)[i]);
        if (digit > 9)
            return false;
        sum = sum * 10 + digit;
    }
    *value = sum;
    *p += count;
    return true;
}

static bool character(const char **p, char c)
{
    bool right = **p == c;
    *p += right;
    return right;
}

/* Days from 1970-01-01 to a date of the Gregorian calendar; the year is taken to begin in March. */
static uint64_t days(unsigned year, unsigned month, unsigned day)
{
    enum { DAYS_BEFORE_1970 = 719468 };
    uint64_t y = month > 2 ? year : year - 1, m = month > 2 ? month - 3 : month + 9;
    return y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1 - DAYS_BEFORE_1970;
}

/* 1970 to 2553: 64 bits of nanoseconds hold no more. */
static bool iso_time(const char **p, uint64_t *time_ns)
{
    unsigned year, month, day, hour, minute, second;
    const char *q = *p;
    if (!digits(&q, 4, &year) || !character(&q, '-') || !digits(&q, 2, &month) || !character(&q, '-') ||
        !digits(&q, 2, &day) || !character(&q, 'T') || !digits(&q, 2, &hour) || !character(&q, ':') ||
        !digits(&q, 2, &minute) || !character(&q, ':') || !digits(&q, 2, &second))
        return false;
    uint64_t fraction = 0;
    if (character(&q, '.') && !log_fraction(&q, &fraction))
        return false;
    if (!character(&q, 'Z') || year < 1970 || year > 2553 || month < 1 || month > 12 || day < 1 || day > 31 ||
        hour > 23 || minute > 59 || second > 60)
        return false;
    uint64_t seconds = ((days(year, month, day) * 24 + hour) * 60 + minute) * 60 + second;
    *time_ns = seconds * UINT64_C(1000000000) + fraction;
    *p = q;
    return true;
}

/* "(THREAD:" ahead of the end of `[p, end)`. */
static void take_thread(const char *p, const char *end, uint64_t *thread)
{
    const char *open = memrchr(p, '(', (size_t)(end - p));
    uint64_t id;
    if (!open)
        return;
    open++;
    if (log_decimal(&open, &id) && *open == ':')
        *thread = id;
}

/* Guest, program and thread may have any names, so the event is the first known one behind one of them. */
static const struct qemu_name *behind_origin(struct qemu_names *names, const char **p,
                                             struct qemu_event *event)
{
    for (const char *q = *p; (q = strchr(q, ' ')) != NULL; q++) {
        if (q == *p || (q[-1] != ']' && q[-1] != ':'))
            continue;
        const struct qemu_name *name = look_up(names, q + 1, word_length(q + 1));
        if (name->kind == QEMU_UNKNOWN)
            continue;
        take_thread(*p, q, &event->thread);
        *p = q + 1;
        return name;
    }
    return look_up(names, *p, word_length(*p));
}

/* The event's name at `*p`, which moves there; thread and time are what stands in front. */
static const struct qemu_name *find_name(struct qemu_names *names, const char **p, struct qemu_event *event)
{
    const char *q = *p;
    event->timed = log_decimal(&q, &event->thread) && *q == '@' && (q++, log_time(&q, &event->time_ns)) &&
                   *q == ':' && (q++, true);
    if (event->timed) {
        *p = q;
        return look_up(names, q, word_length(q));
    }
    event->thread = event->time_ns = 0;
    event->timed = iso_time(p, &event->time_ns) && character(p, ' ');
    const struct qemu_name *name = look_up(names, *p, word_length(*p));
    return name->kind == QEMU_UNKNOWN ? behind_origin(names, p, event) : name;
}

bool qemu_line(struct qemu_names *names, const char *line, struct qemu_event *event, struct error *error)
{
    if (*line == '#')
        return comment(line, event, error);
    const char *p = line;
    const struct qemu_name *name = find_name(names, &p, event);
    event->kind = *p == '\0' && !event->timed ? QEMU_NONE : name->kind;
    if (!name->pattern.form)
        return true;
    p += name->length;
    while (*p == ' ')
        p++;
    return qemu_pattern_text(&name->pattern, p, event, error);
}
