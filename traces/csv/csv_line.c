#include "traces/csv/csv_line.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "traces/trace.h"

struct field {
    const char *text;
    size_t length;
};

enum { SHOWN_BYTES = 40, REQUIRED_COLUMNS = 5 };

/* Names in the order of enum csv_column. */
static const char *const column_names[] = {"time_ns", "device", "op", "iova", "bytes", "address"};

/* A field as a message shows it: quoted, cut, without control characters. */
struct shown {
    char text[SHOWN_BYTES + 8];
};

static struct shown show(struct field field)
{
    struct shown shown;
    size_t used = 0;
    shown.text[used++] = '"';
    for (size_t i = 0; i < field.length && i < SHOWN_BYTES; i++)
        shown.text[used++] = isprint((unsigned char)field.text[i]) ? field.text[i] : '?';
    snprintf(shown.text + used, sizeof shown.text - used, field.length > SHOWN_BYTES ? "...\"" : "\"");
    return shown;
}

static bool is_space(char character)
{
    return character == ' ' || character == '\t' || character == '\r';
}

static struct field trimmed(const char *text, size_t length)
{
    while (length > 0 && is_space(*text)) {
        text++;
        length--;
    }
    while (length > 0 && is_space(text[length - 1]))
        length--;
    return (struct field){text, length};
}

bool csv_blank(const char *line, size_t length)
{
    return trimmed(line, length).length == 0;
}

static bool equals(struct field field, const char *word)
{
    return field.length == strlen(word) && memcmp(field.text, word, field.length) == 0;
}

/* The next field of [*cursor, end); *cursor becomes NULL after the last one. A quoted field may hold commas;
 * doubled quotes are kept as they are, as no value or column that means something has any. */
static bool next_field(const char **cursor, const char *end, struct field *field, struct error *error)
{
    const char *start = *cursor;
    while (start < end && is_space(*start))
        start++;
    const char *comma;
    if (start < end && *start == '"') {
        const char *close = start + 1;
        while (close < end && (*close != '"' || (close + 1 < end && close[1] == '"')))
            close += *close == '"' ? 2 : 1;
        if (close >= end)
            return error_set(error, ERROR_TRACE, "a quoted field does not end on its line");
        comma = close + 1;
        while (comma < end && is_space(*comma))
            comma++;
        if (comma < end && *comma != ',')
            return error_set(error, ERROR_TRACE, "text follows a closing quote; put a comma between fields");
        *field = trimmed(start + 1, (size_t)(close - start - 1));
    } else {
        comma = memchr(start, ',', (size_t)(end - start));
        if (!comma)
            comma = end;
        *field = trimmed(start, (size_t)(comma - start));
    }
    *cursor = comma < end ? comma + 1 : NULL;
    return true;
}

/* What the header has named so far. */
struct header {
    struct csv_layout *layout;
    unsigned seen[CSV_IGNORED];
    struct field gpa;
    unsigned gpa_at;
    char *warning;
};

static void ignore_column(struct header *header, struct field name)
{
    size_t used = strlen(header->warning);
    snprintf(header->warning + used, CSV_WARNING_BYTES - used, "%s%s",
             used ? ", " : "ignored columns: ", show(name).text);
}

/* A name that says nothing to us is ignored, which the warning tells; a known one must be alone. */
static bool add_column(struct header *header, struct field name, struct error *error)
{
    struct csv_layout *layout = header->layout;
    if (layout->count == CSV_COLUMNS_LIMIT)
        return error_set(error, ERROR_TRACE, "the header has more than %d columns", CSV_COLUMNS_LIMIT);
    uint8_t column = 0;
    while (column < CSV_IGNORED && !equals(name, column_names[column]))
        column++;
    bool gpa = equals(name, "gpa");
    if ((column < CSV_IGNORED && header->seen[column]++ > 0) || (gpa && header->gpa.text))
        return error_set(error, ERROR_TRACE, "the header names column %s twice; keep one", show(name).text);
    if (gpa) {
        header->gpa = name;
        header->gpa_at = layout->count;
    } else if (column == CSV_IGNORED) {
        ignore_column(header, name);
    }
    layout->column[layout->count++] = column;
    return true;
}

/* `gpa` stands for `iova` where that is not named itself. */
static void settle_gpa(struct header *header)
{
    if (!header->gpa.text)
        return;
    if (header->seen[CSV_IOVA]) {
        ignore_column(header, header->gpa);
        return;
    }
    header->layout->gpa = true;
    header->layout->column[header->gpa_at] = CSV_IOVA;
    header->seen[CSV_IOVA] = 1;
}

/* A column in another case than ours, or NULL. */
static const char *in_other_case(struct field line, char *written, size_t capacity)
{
    const char *cursor = line.text, *end = line.text + line.length;
    while (cursor) {
        struct field name;
        if (!next_field(&cursor, end, &name, NULL))
            return NULL;
        for (unsigned column = 0; column < CSV_IGNORED; column++) {
            size_t length = strlen(column_names[column]);
            if (name.length != length || strncasecmp(name.text, column_names[column], length) != 0 ||
                equals(name, column_names[column]))
                continue;
            snprintf(written, capacity, "%.*s", (int)length, name.text);
            return column_names[column];
        }
    }
    return NULL;
}

/* What stands between our columns, if it is no comma; 0: a comma, or these are not our columns. */
static char other_separator(struct field line)
{
    static const char separators[] = ";\t| ";
    for (const char *separator = separators; *separator; separator++) {
        unsigned found = 0;
        for (size_t i = 0; i < line.length;) {
            const char *end = memchr(line.text + i, *separator, line.length - i);
            size_t length = end ? (size_t)(end - line.text) - i : line.length - i;
            struct field name = trimmed(line.text + i, length);
            for (unsigned column = 0; column < CSV_IGNORED; column++)
                found += name.length == strlen(column_names[column]) &&
                         strncasecmp(name.text, column_names[column], name.length) == 0;
            i += length + 1;
        }
        if (found > 1)
            return *separator;
    }
    return '\0';
}

/* A header that lacks columns: why, if it can be seen. */
static bool lacking(struct field line, const char *missing, struct error *error)
{
    char written[32], separator = other_separator(line);
    if (separator)
        return error_set(
            error, ERROR_TRACE,
            "the header %s has its columns between %s; put commas between the fields of all lines: "
            "time_ns,device,op,iova,bytes",
            show(line).text,
            separator == ';'    ? "semicolons"
            : separator == '\t' ? "tabs"
            : separator == '|'  ? "bars"
                                : "spaces");
    const char *name = in_other_case(line, written, sizeof written);
    return name ? error_set(error, ERROR_TRACE, "the header %s lacks %s; write \"%s\" instead of \"%s\"",
                            show(line).text, missing, name, written)
                : error_set(error, ERROR_TRACE, "the header %s lacks %s", show(line).text, missing);
}

static bool check_complete(const unsigned seen[CSV_IGNORED], struct field line, struct error *error)
{
    char missing[128] = "";
    unsigned found = 0;
    for (unsigned column = 0; column < REQUIRED_COLUMNS; column++) {
        if (seen[column]) {
            found++;
            continue;
        }
        size_t used = strlen(missing);
        snprintf(missing + used, sizeof missing - used, "%s%s%s", used ? ", " : "", column_names[column],
                 column == CSV_IOVA ? " (or gpa)" : "");
    }
    char other_name[32];
    if (found == 0 && !other_separator(line) && !in_other_case(line, other_name, sizeof other_name))
        return error_set(error, ERROR_TRACE,
                         "this is no header: %s; the first line must name the columns "
                         "time_ns,device,op,iova,bytes, in any order",
                         show(line).text);
    return !missing[0] || lacking(line, missing, error);
}

bool csv_header(const char *line, size_t length, struct csv_layout *layout, char *warning,
                struct error *error)
{
    struct header header = {.layout = layout, .warning = warning};
    *layout = (struct csv_layout){0};
    warning[0] = '\0';
    const char *cursor = line;
    while (cursor) {
        struct field name;
        if (!next_field(&cursor, line + length, &name, error) || !add_column(&header, name, error))
            return false;
    }
    settle_gpa(&header);
    return check_complete(header.seen, trimmed(line, length), error);
}

static int digit(char character)
{
    if (character >= '0' && character <= '9')
        return character - '0';
    character = (char)(character | 0x20);
    return character >= 'a' && character <= 'f' ? character - 'a' + 10 : 99;
}

/* What is probably meant by a number that is none: seconds, hexadecimal digits without 0x. */
static bool no_number(const char *column, struct field field, bool hexadecimal, struct error *error)
{
    struct shown shown = show(field);
    bool time = strcmp(column, column_names[CSV_TIME]) == 0;
    unsigned points = 0, letters = 0, others = 0;
    for (size_t i = 0; i < field.length; i++) {
        unsigned next = (unsigned)digit(field.text[i]);
        points += field.text[i] == '.';
        letters += next > 9 && next < 16;
        others += next > 15 && field.text[i] != '.';
    }
    if (time && points == 1 && others == 0 && letters == 0)
        return error_set(
            error, ERROR_TRACE,
            "%s: %s is not a whole number; write nanoseconds: seconds times 1000000000, without a "
            "point",
            column, shown.text);
    if (!time && letters > 0 && points == 0 && others == 0 && !hexadecimal && field.length < SHOWN_BYTES)
        return error_set(error, ERROR_TRACE,
                         "%s: %s is not a whole number, decimal or 0x...; if it is hexadecimal, write 0x%.*s",
                         column, shown.text, (int)field.length, field.text);
    return error_set(error, ERROR_TRACE, "%s: %s is not a whole number, decimal or 0x...", column,
                     shown.text);
}

static bool number(const char *column, struct field field, uint64_t *value, struct error *error)
{
    if (field.length == 0)
        return error_set(error, ERROR_TRACE, "%s: is empty; write a whole number, decimal or 0x...", column);
    bool hexadecimal = field.length > 2 && field.text[0] == '0' && (field.text[1] | 0x20) == 'x';
    unsigned base = hexadecimal ? 16 : 10;
    uint64_t sum = 0;
    bool fits = true;
    for (size_t i = hexadecimal ? 2 : 0; i < field.length; i++) {
        unsigned next = (unsigned)digit(field.text[i]);
        if (next >= base)
            return no_number(column, field, hexadecimal, error);
        fits = fits && !__builtin_mul_overflow(sum, base, &sum) && !__builtin_add_overflow(sum, next, &sum);
    }
    if (!fits)
        return error_set(error, ERROR_TRACE, "%s: %s does not fit in 64 bits; the largest is %llu", column,
                         show(field).text, (unsigned long long)UINT64_MAX);
    *value = sum;
    return true;
}

/* A fixed number of hexadecimal digits at *text. */
static bool hex_digits(const char **text, unsigned count, unsigned *value)
{
    *value = 0;
    for (unsigned i = 0; i < count; i++, (*text)++) {
        unsigned next = (unsigned)digit(**text);
        if (next > 15)
            return false;
        *value = *value * 16 + next;
    }
    return true;
}

static bool literal(const char **text, char character)
{
    return *(*text)++ == character;
}

/* [dddd:]bb:dd.f; the id has no place for the domain, which has five digits behind Intel's VMD. */
static bool pci_address(struct field field, struct csv_record *record)
{
    const char *text = field.text;
    unsigned domain = 0, bus, device, function;
    if (field.length != 7 && field.length != 12 && field.length != 13)
        return false;
    if (field.length > 7 && !(hex_digits(&text, (unsigned)field.length - 8, &domain) && literal(&text, ':')))
        return false;
    if (!(hex_digits(&text, 2, &bus) && literal(&text, ':') && hex_digits(&text, 2, &device) &&
          literal(&text, '.') && hex_digits(&text, 1, &function)))
        return false;
    record->device = (uint16_t)(bus << 8 | device << 3 | function);
    record->pci_domain = (int)domain;
    return device < 32 && function < 8;
}

static bool device_id(struct field field, struct csv_record *record, struct error *error)
{
    uint64_t id;
    if (pci_address(field, record))
        return true;
    struct error cause = {0};
    if (!number("device", field, &id, &cause) || id >= TRACE_DEVICES)
        return error_set(error, ERROR_TRACE,
                         "device: %s is neither an integer from 0 to 65535 nor a PCI address "
                         "[dddd:]bb:dd.f with dd at most 1f and f at most 7",
                         show(field).text);
    record->device = (uint16_t)id;
    record->pci_domain = -1;
    return true;
}

static bool op_word(struct field field, struct csv_record *record, struct error *error)
{
    char known[128] = "";
    for (unsigned op = 0; op < TRACE_OP_COUNT; op++) {
        if (equals(field, trace_op_names[op])) {
            record->op = (uint8_t)op;
            return true;
        }
        size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s%s", used ? ", " : "", trace_op_names[op]);
    }
    return error_set(error, ERROR_TRACE, "op: %s is not one of %s", show(field).text, known);
}

static bool split(const struct csv_layout *layout, const char *line, size_t length,
                  struct field value[CSV_IGNORED + 1], struct error *error)
{
    const char *cursor = line;
    unsigned count = 0;
    while (cursor) {
        struct field field;
        if (!next_field(&cursor, line + length, &field, error))
            return false;
        if (count < layout->count)
            value[layout->column[count]] = field;
        count++;
    }
    if (count != layout->count)
        return error_set(error, ERROR_TRACE, "%u field%s where the header names %u columns", count,
                         count == 1 ? "" : "s", layout->count);
    return true;
}

bool csv_record(const struct csv_layout *layout, const char *line, size_t length, struct csv_record *record,
                struct error *error)
{
    struct field value[CSV_IGNORED + 1] = {{0}};
    *record = (struct csv_record){.pci_domain = -1};
    if (!split(layout, line, length, value, error))
        return false;
    if (!number("time_ns", value[CSV_TIME], &record->time_ns, error) ||
        !op_word(value[CSV_OP], record, error))
        return false;
    /* A mark uses neither device nor iova (semantics.md 2), so it may leave them out. */
    bool mark = record->op == TRACE_MARK;
    if (!(mark && value[CSV_DEVICE].length == 0) && !device_id(value[CSV_DEVICE], record, error))
        return false;
    if (!(mark && value[CSV_IOVA].length == 0) &&
        !number(layout->gpa ? "gpa" : "iova", value[CSV_IOVA], &record->iova, error))
        return false;
    if (!number("bytes", value[CSV_BYTES], &record->bytes, error))
        return false;
    struct field iova = value[CSV_IOVA];
    record->hexadecimal_page = csv_hexadecimal_page(iova.text, iova.length, record->iova);
    record->address = record->iova;
    record->address_given = value[CSV_ADDRESS].length > 0;
    return !record->address_given || number("address", value[CSV_ADDRESS], &record->address, error);
}
