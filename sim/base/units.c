#include "sim/base/units.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

struct unit {
    const char *name;
    uint64_t factor; /* smallest units in one */
};

/* One family of units. Texts are halves of sentences. */
struct quantity {
    const char *what;     /* "size" */
    const char *examples; /* after "a number and a unit, such as" */
    const char *smallest;
    const char *suggested[3]; /* for a bare number */
    const struct unit *units;
};

static const struct unit size_units[] = {{"B", 1},
                                         {"KiB", UINT64_C(1) << 10},
                                         {"MiB", UINT64_C(1) << 20},
                                         {"GiB", UINT64_C(1) << 30},
                                         {"TiB", UINT64_C(1) << 40},
                                         {NULL, 0}};
static const struct unit time_units[] = {
    {"ns", 1}, {"us", 1000}, {"ms", 1000000}, {"s", 1000000000}, {NULL, 0}};
static const struct unit cost_units[] = {
    {"ns", 1000}, {"us", 1000000}, {"ms", 1000000000}, {"s", UINT64_C(1000000000000)}, {NULL, 0}};
static const struct unit rate_units[] = {{"B/s", 1},
                                         {"MB/s", 1000000},
                                         {"GB/s", 1000000000},
                                         {"MiB/s", UINT64_C(1) << 20},
                                         {"GiB/s", UINT64_C(1) << 30},
                                         {"Gbit/s", 125000000},
                                         {NULL, 0}};

static const struct quantity size_quantity = {"size", "4KiB", "1B", {"B", "KiB", "MiB"}, size_units};
static const struct quantity time_quantity = {"time", "100ms", "1ns", {"us", "ms", "s"}, time_units};
static const struct quantity cost_quantity = {"time", "2.75ns", "0.001ns", {"ns", "us", "ms"}, cost_units};
static const struct quantity rate_quantity = {
    "rate", "12.5GB/s", "1B/s", {"MB/s", "GB/s", "Gbit/s"}, rate_units};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hexadecimal(const char *text)
{
    return text[0] == '0' && (text[1] == 'x' || text[1] == 'X');
}

static uint64_t greatest_divisor(uint64_t a, uint64_t b)
{
    while (b != 0) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

/* number = whole + fraction / scale, read from the digits at `text`. Returns the first character after them,
 * or NULL when there is no number; too many digits set *overflow. */
static const char *read_number(const char *text, uint64_t *whole, uint64_t *fraction, uint64_t *scale,
                               bool *overflow)
{
    *whole = *fraction = 0;
    *scale = 1;
    *overflow = false;
    if (!is_digit(*text))
        return NULL;
    for (; is_digit(*text); text++) {
        if (__builtin_mul_overflow(*whole, UINT64_C(10), whole) ||
            __builtin_add_overflow(*whole, (uint64_t)(*text - '0'), whole))
            *overflow = true;
    }
    if (*text != '.')
        return text;
    text++;
    if (!is_digit(*text))
        return NULL;
    const char *end = text;
    while (is_digit(*end))
        end++;
    const char *last = end; /* without trailing zeros */
    while (last > text && last[-1] == '0')
        last--;
    for (; text < last; text++) {
        if (*scale > UINT64_MAX / 100) {
            /* More than 18 decimals are finer than any unit here; keep the value from being whole. */
            *fraction |= 1;
            continue;
        }
        *scale *= 10;
        *fraction = *fraction * 10 + (uint64_t)(*text - '0');
    }
    return end;
}

/* The unit that somebody who wrote `suffix` for a size probably meant: 4K, 4KB, 4kib. */
static const char *likely_size_unit(const char *suffix)
{
    static const char letters[] = "bkmgt";
    char first = (char)(*suffix >= 'A' && *suffix <= 'Z' ? *suffix - 'A' + 'a' : *suffix);
    const char *at = first != '\0' ? strchr(letters, first) : NULL;
    if (!at || strlen(suffix) > 3)
        return NULL;
    return size_units[at - letters].name;
}

static bool unknown_unit(const struct quantity *quantity, const char *text, const char *suffix,
                         struct error *error)
{
    int digits = (int)(suffix - text);
    if (*suffix == '\0')
        return error_set(error, ERROR_EXPERIMENT, "\"%.60s\" has no unit; write %.60s%s, %.60s%s or %.60s%s",
                         text, text, quantity->suggested[0], text, quantity->suggested[1], text,
                         quantity->suggested[2]);
    const char *likely = quantity == &size_quantity ? likely_size_unit(suffix) : NULL;
    if (likely)
        return error_set(error, ERROR_EXPERIMENT, "\"%.60s\" has an unknown unit; did you mean \"%.*s%s\"?",
                         text, digits > 60 ? 60 : digits, text, likely);
    char known[80] = "";
    for (const struct unit *unit = quantity->units; unit->name; unit++) {
        size_t used = strlen(known);
        snprintf(known + used, sizeof known - used, "%s%s",
                 used == 0      ? ""
                 : unit[1].name ? ", "
                                : " or ",
                 unit->name);
    }
    return error_set(error, ERROR_EXPERIMENT, "\"%.60s\" has an unknown unit; write %s", text, known);
}

/* Sizes in hexadecimal are bytes; other quantities have no unit that goes without saying. */
static bool parse_hexadecimal(const struct quantity *quantity, const char *text, uint64_t *value,
                              struct error *error)
{
    uint64_t number;
    struct error cause = {0};
    if (!units_parse_integer(text, &number, &cause)) {
        size_t digits = strspn(text + 2, "0123456789abcdefABCDEF");
        return text[2 + digits] == '\0'
                   ? error_set(error, ERROR_EXPERIMENT, "%s", cause.text)
                   : error_set(
                         error, ERROR_EXPERIMENT,
                         "\"%.60s\" is no %s; a hexadecimal number has no unit, so write a decimal one and "
                         "a unit, such as %s",
                         text, quantity->what, quantity->examples);
    }
    if (quantity == &size_quantity || number == 0) {
        *value = number;
        return true;
    }
    return error_set(
        error, ERROR_EXPERIMENT, "\"%.60s\" has no unit; write %" PRIu64 "%s, %" PRIu64 "%s or %" PRIu64 "%s",
        text, number, quantity->suggested[0], number, quantity->suggested[1], number, quantity->suggested[2]);
}

static bool parse(const struct quantity *quantity, const char *text, uint64_t *value, struct error *error)
{
    uint64_t whole, fraction, scale;
    bool overflow;
    if (is_hexadecimal(text))
        return parse_hexadecimal(quantity, text, value, error);
    const char *suffix = read_number(text, &whole, &fraction, &scale, &overflow);
    if (!suffix)
        return error_set(error, ERROR_EXPERIMENT, "\"%.60s\" is no %s; write a number and a unit, such as %s",
                         text, quantity->what, quantity->examples);
    if (*suffix == '\0' && whole == 0 && fraction == 0 && !overflow) {
        *value = 0;
        return true;
    }
    const struct unit *unit = quantity->units;
    while (unit->name && strcmp(unit->name, suffix) != 0)
        unit++;
    if (!unit->name)
        return unknown_unit(quantity, text, suffix, error);
    uint64_t common = greatest_divisor(unit->factor, scale);
    if (fraction % (scale / common) != 0)
        return error_set(error, ERROR_EXPERIMENT, "\"%.60s\" is too fine; the smallest step is %s", text,
                         quantity->smallest);
    uint64_t rest = fraction / (scale / common) * (unit->factor / common);
    if (overflow || __builtin_mul_overflow(whole, unit->factor, value) ||
        __builtin_add_overflow(*value, rest, value))
        return error_set(error, ERROR_EXPERIMENT,
                         "\"%.60s\" is too large; it must be less than 2^64 times %s", text,
                         quantity->smallest);
    return true;
}

bool units_parse_size(const char *text, uint64_t *bytes, struct error *error)
{
    return parse(&size_quantity, text, bytes, error);
}

bool units_parse_time(const char *text, uint64_t *ns, struct error *error)
{
    return parse(&time_quantity, text, ns, error);
}

bool units_parse_cost(const char *text, uint64_t *ps, struct error *error)
{
    return parse(&cost_quantity, text, ps, error);
}

bool units_parse_rate(const char *text, uint64_t *bytes_per_s, struct error *error)
{
    return parse(&rate_quantity, text, bytes_per_s, error);
}

bool units_parse_integer(const char *text, uint64_t *value, struct error *error)
{
    uint64_t base = 10, result = 0;
    const char *at = text;
    bool overflow = false;
    if (is_hexadecimal(at)) {
        base = 16;
        at += 2;
    }
    const char *first = at;
    for (;; at++) {
        uint64_t digit;
        if (is_digit(*at))
            digit = (uint64_t)(*at - '0');
        else if (base == 16 && *at >= 'a' && *at <= 'f')
            digit = (uint64_t)(*at - 'a') + 10;
        else if (base == 16 && *at >= 'A' && *at <= 'F')
            digit = (uint64_t)(*at - 'A') + 10;
        else
            break;
        if (__builtin_mul_overflow(result, base, &result) || __builtin_add_overflow(result, digit, &result))
            overflow = true;
    }
    if (at == first || *at != '\0')
        return error_set(error, ERROR_EXPERIMENT, "\"%.60s\" is no integer; write digits, such as 64 or 0x40",
                         text);
    if (overflow)
        return error_set(error, ERROR_EXPERIMENT, "\"%.60s\" is too large; it must be less than 2^64", text);
    *value = result;
    return true;
}

bool units_parse_address(const char *text, uint64_t *bytes, struct error *error)
{
    if (units_parse_integer(text, bytes, NULL))
        return true;
    const char *at = text;
    while (is_digit(*at))
        at++;
    if (is_hexadecimal(text) || *at == '\0') /* nothing but digits: what is wrong is wrong with the integer */
        return units_parse_integer(text, bytes, error);
    if (!is_digit(*text))
        return error_set(error, ERROR_EXPERIMENT,
                         "\"%.60s\" is no address; write an integer or a size, such as 0x100000 or 1MiB",
                         text);
    return units_parse_size(text, bytes, error);
}

/* `value` in the largest of `units` that divides it; the units ascend. */
static char *format_whole(const struct unit *units, uint64_t value, char *text)
{
    const struct unit *best = units;
    for (const struct unit *unit = units; unit->name && value != 0; unit++) {
        if (value % unit->factor == 0)
            best = unit;
    }
    snprintf(text, UNITS_TEXT_BYTES, "%" PRIu64 "%s", value / best->factor, best->name);
    return text;
}

/* value / 1000 without trailing zeros, then `suffix`. */
static char *format_thousandths(uint64_t value, const char *suffix, char *text)
{
    char decimals[5] = "";
    unsigned rest = (unsigned)(value % 1000);
    if (rest != 0) {
        decimals[0] = '.';
        decimals[1] = (char)('0' + rest / 100);
        decimals[2] = (char)('0' + rest / 10 % 10);
        decimals[3] = (char)('0' + rest % 10);
        for (int last = 3; decimals[last] == '0'; last--)
            decimals[last] = '\0';
    }
    snprintf(text, UNITS_TEXT_BYTES, "%" PRIu64 "%s%s", value / 1000, decimals, suffix);
    return text;
}

char *units_format_size(uint64_t bytes, char text[UNITS_TEXT_BYTES])
{
    return format_whole(size_units, bytes, text);
}

char *units_format_time(uint64_t ns, char text[UNITS_TEXT_BYTES])
{
    return format_whole(time_units, ns, text);
}

char *units_format_cost(uint64_t ps, char text[UNITS_TEXT_BYTES])
{
    return ps % 1000 == 0 ? format_whole(cost_units, ps, text) : format_thousandths(ps, "ns", text);
}

char *units_format_cost_ns(uint64_t ps, char text[UNITS_TEXT_BYTES])
{
    return format_thousandths(ps, "", text);
}

char *units_format_rate(uint64_t bytes_per_s, char text[UNITS_TEXT_BYTES])
{
    const uint64_t mega = 1000000;
    if (bytes_per_s >= 1000 * mega && bytes_per_s % mega == 0)
        return format_thousandths(bytes_per_s / mega, "GB/s", text);
    if (bytes_per_s >= mega && bytes_per_s % (mega / 1000) == 0)
        return format_thousandths(bytes_per_s / (mega / 1000), "MB/s", text);
    snprintf(text, UNITS_TEXT_BYTES, "%" PRIu64 "B/s", bytes_per_s);
    return text;
}

char *units_format_address(uint64_t bytes, char text[UNITS_TEXT_BYTES])
{
    snprintf(text, UNITS_TEXT_BYTES, bytes == 0 ? "0" : "0x%" PRIx64, bytes);
    return text;
}
