#include "traces/log/log_line.h"

#include <stdio.h>
#include <string.h>

#include "sim/base/memory.h"
#include "traces/file/gz.h"

enum { CHUNK_BYTES = 256 * 1024 };

struct log_lines {
    struct gz_reader *source;
    uint64_t number;
    char *next, *end; /* what was read and not handed out */
    bool at_end, cut;
    char buffer[LOG_LINE_BYTES_LIMIT + CHUNK_BYTES + 1 + LOG_SLACK_BYTES];
};

static void start(struct log_lines *lines)
{
    lines->number = 0;
    lines->next = lines->end = lines->buffer;
    lines->at_end = lines->cut = false;
}

bool log_lines_open(struct gz_reader *source, struct log_lines **lines, struct error *error)
{
    struct log_lines *opened = memory_zeroed(1, sizeof *opened, error);
    if (!opened) {
        gz_close(source);
        return false;
    }
    opened->source = source;
    start(opened);
    *lines = opened;
    return true;
}

bool log_lines_rewind(struct log_lines *lines, struct error *error)
{
    start(lines);
    return gz_rewind(lines->source, error);
}

void log_lines_close(struct log_lines *lines)
{
    if (!lines)
        return;
    gz_close(lines->source);
    memory_free(lines);
}

uint64_t log_lines_number(const struct log_lines *lines)
{
    return lines->number;
}

bool log_lines_cut(const struct log_lines *lines)
{
    return lines->cut;
}

static bool too_long(const struct log_lines *lines, struct error *error)
{
    return error_set(error, ERROR_TRACE, "error: line %llu is longer than %d bytes; this is no text log",
                     (unsigned long long)lines->number + 1, LOG_LINE_BYTES_LIMIT);
}

/* Read on until there is the end of a line behind lines->next, or the end of the file. */
static bool find_end(struct log_lines *lines, char **line_end, struct error *error)
{
    size_t searched = 0;
    for (;;) {
        size_t held = (size_t)(lines->end - lines->next);
        *line_end = memchr(lines->next + searched, '\n', held - searched);
        if (*line_end || lines->at_end)
            return true;
        if (held > LOG_LINE_BYTES_LIMIT)
            return too_long(lines, error);
        searched = held;
        memmove(lines->buffer, lines->next, held);
        lines->next = lines->buffer;
        lines->end = lines->buffer + held;
        size_t got;
        if (!gz_read(lines->source, lines->end, CHUNK_BYTES, &got, error))
            return false;
        lines->end += got;
        lines->at_end = got == 0;
    }
}

bool log_lines_next(struct log_lines *lines, char **text, struct error *error)
{
    char *end;
    *text = NULL;
    if (!find_end(lines, &end, error))
        return false;
    if (!end && lines->next == lines->end)
        return true;
    lines->cut = end == NULL;
    if (!end)
        end = lines->end; /* the buffer has one byte more */
    if (end - lines->next > LOG_LINE_BYTES_LIMIT)
        return too_long(lines, error);
    char *first = lines->next;
    while (first < end && *first == '\0')
        first++;
    if (lines->number == 0 && end - first >= 3 && memcmp(first, "\xef\xbb\xbf", 3) == 0)
        first += 3; /* a byte order mark */
    lines->next = lines->cut ? end : end + 1;
    *end = '\0';
    if (end > first && end[-1] == '\r')
        end[-1] = '\0';
    lines->number++;
    *text = first;
    return true;
}

/* Exactly `digits` hexadecimal digits. */
static bool fixed_hex(const char **p, unsigned digits, unsigned *value)
{
    const char *q = *p;
    unsigned sum = 0;
    for (unsigned i = 0; i < digits; i++, q++) {
        unsigned digit = log_hex_digit(*q);
        if (digit > 15)
            return false;
        sum = sum << 4 | digit;
    }
    *value = sum;
    *p = q;
    return true;
}

bool log_pci_domain(const char **p, uint32_t *domain, uint16_t *device)
{
    enum { LEAST_DIGITS = 4, MOST_DIGITS = 8 }; /* of a domain; those of VMD have five */
    const char *q = *p;
    unsigned digits = 0, bus, slot, function;
    *domain = 0;
    while (digits <= MOST_DIGITS && log_hex_digit(q[digits]) < 16)
        digits++;
    if (digits >= LEAST_DIGITS && digits <= MOST_DIGITS && fixed_hex(&q, digits, domain) && *q++ != ':')
        return false;
    if (!fixed_hex(&q, 2, &bus) || *q++ != ':' || !fixed_hex(&q, 2, &slot) || *q++ != '.')
        return false;
    if (!fixed_hex(&q, 2, &function) && !fixed_hex(&q, 1, &function))
        return false;
    if (slot > 31 || function > 7 || log_hex_digit(*q) < 16)
        return false;
    *device = (uint16_t)(bus << 8 | slot << 3 | function);
    *p = q;
    return true;
}

bool log_pci(const char **p, uint16_t *device)
{
    uint32_t domain;
    return log_pci_domain(p, &domain, device);
}

const char *log_field(const char *text, const char *key)
{
    size_t length = strlen(key);
    for (const char *p = text; (p = strstr(p, key)) != NULL; p += length)
        if ((p == text || p[-1] == ' ') && p[length] == '=')
            return p + length + 1;
    return NULL;
}

bool log_device_named(struct log_devices *devices, const char *name, unsigned length, uint16_t *device,
                      struct error *error)
{
    if (length > LOG_DEVICE_NAME_BYTES - 1)
        length = LOG_DEVICE_NAME_BYTES - 1;
    unsigned i = 0;
    while (i < devices->count &&
           (strncmp(devices->names[i], name, length) != 0 || devices->names[i][length] != '\0'))
        i++;
    if (i == LOG_DEVICE_NAMES)
        return error_set(error, ERROR_TRACE, "error: more than %d devices without a PCI address",
                         LOG_DEVICE_NAMES);
    if (i == devices->count) {
        memcpy(devices->names[i], name, length);
        devices->names[i][length] = '\0';
        devices->count++;
    }
    *device = (uint16_t)(LOG_DEVICE_FIRST + i);
    return true;
}

void log_warn_text(char warning[LOG_WARNING_BYTES], const char *text)
{
    size_t used = strlen(warning);
    snprintf(warning + used, LOG_WARNING_BYTES - used, "%s%s", used ? "; " : "", text);
}

void log_warn(char warning[LOG_WARNING_BYTES], uint64_t count, const char *text)
{
    char counted[LOG_WARNING_BYTES];
    snprintf(counted, sizeof counted, "%llu %s", (unsigned long long)count, text);
    if (count > 0)
        log_warn_text(warning, counted);
}
