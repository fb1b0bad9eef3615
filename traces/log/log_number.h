/* Numbers and words in a line of a log. Inline: most of the time of reading a log is spent here.
 *
 * Each takes something at `*p` and moves `*p` behind it; false leaves `*p` alone. A NUL ends the line, and
 * LOG_SLACK_BYTES bytes behind it can be read. */
#ifndef TRACES_LOG_LOG_NUMBER_H
#define TRACES_LOG_LOG_NUMBER_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "traces/file/little_endian.h"

enum { LOG_SLACK_BYTES = 8 };

static inline bool log_literal(const char **p, const char *literal)
{
    size_t length = strlen(literal);
    if (strncmp(*p, literal, length) != 0)
        return false;
    *p += length;
    return true;
}

static inline unsigned log_digit(char c)
{
    return (unsigned)(unsigned char)c - '0';
}

/* 0 to 15, or more for other characters. */
static inline unsigned log_hex_digit(char c)
{
    unsigned digit = log_digit(c), letter = ((unsigned)(unsigned char)c | 0x20) - 'a';
    return digit < 10 ? digit : letter < 6 ? letter + 10 : 16;
}

static inline bool log_decimal(const char **p, uint64_t *value)
{
    enum { SURE_DIGITS = 19 }; /* which always fit */
    uint64_t sum = 0;
    const char *q = *p;
    for (unsigned digit; (digit = log_digit(*q)) < 10; q++) {
        if (q - *p >= SURE_DIGITS && sum > (UINT64_MAX - digit) / 10)
            return false;
        sum = sum * 10 + digit;
    }
    if (q == *p)
        return false;
    *value = sum;
    *p = q;
    return true;
}

/* How many of the 8 bytes at `p` are hexadecimal digits up to the first that is none, and their value: all
 * bytes at once, one in each byte of a word. */
static inline unsigned log_hex_digits(const char *p, uint64_t *value)
{
    static const uint64_t ones = UINT64_C(0x0101010101010101), tops = ones * 0x80;
    uint64_t text = le_get((const uint8_t *)p, 8), low = text & ~tops, lower = low | ones * 0x20;
    uint64_t digit = ((low | tops) - ones * '0') & ~(low + ones * (0x7f - '9'));
    uint64_t letter = ((lower | tops) - ones * 'a') & ~(lower + ones * (0x7f - 'f'));
    letter &= tops & ~text;
    uint64_t others = ~(digit | letter | ~tops) | (text & tops);
    unsigned count = others ? (unsigned)__builtin_ctzll(others) / 8 : 8;
    *value = 0;
    if (count == 0)
        return 0;
    uint64_t nibbles = ((text & ones * 0x0f) + (letter >> 7) * 9) << (64 - 8 * count);
    nibbles = (nibbles << 4 | nibbles >> 8) & UINT64_C(0x00ff00ff00ff00ff);
    nibbles = (nibbles << 8 | nibbles >> 16) & UINT64_C(0x0000ffff0000ffff);
    *value = (nibbles << 16 | nibbles >> 32) & UINT32_MAX;
    return count;
}

/** With or without 0x. */
static inline bool log_hex(const char **p, uint64_t *value)
{
    const char *q = *p;
    if (q[0] == '0' && q[1] == 'x')
        q += 2;
    const char *first = q;
    uint64_t sum = 0, lost = 0, digits, value_of_digits;
    do {
        digits = log_hex_digits(q, &value_of_digits);
        lost |= digits > 0 ? sum >> (64 - 4 * digits) : 0;
        sum = digits == 8 ? sum << 32 | value_of_digits : sum << 4 * digits | value_of_digits;
        q += digits;
    } while (digits == 8);
    if (q == first || lost)
        return false;
    *value = sum;
    *p = q;
    return true;
}

/** Decimal, or hexadecimal behind 0x. */
static inline bool log_number(const char **p, uint64_t *value)
{
    return (*p)[0] == '0' && (*p)[1] == 'x' ? log_hex(p, value) : log_decimal(p, value);
}

/** What stands behind the dot of a time in seconds: 1 to 9 digits. */
static inline bool log_fraction(const char **p, uint64_t *ns)
{
    static const uint32_t unit[] = {1000000000, 100000000, 10000000, 1000000, 100000,
                                    10000,      1000,      100,      10,      1};
    const char *q = *p;
    uint64_t sum = 0;
    for (unsigned digit; (digit = log_digit(*q)) < 10 && q - *p < 9; q++)
        sum = sum * 10 + digit;
    if (q == *p || log_digit(*q) < 10)
        return false;
    *ns = sum * unit[q - *p];
    *p = q;
    return true;
}

/** SECONDS.FRACTION, in ns. */
static inline bool log_time(const char **p, uint64_t *time_ns)
{
    enum { NS_PER_S = 1000000000 };
    uint64_t seconds, fraction;
    const char *q = *p;
    if (!log_decimal(&q, &seconds) || *q++ != '.' || seconds >= UINT64_MAX / NS_PER_S ||
        !log_fraction(&q, &fraction))
        return false;
    *time_ns = seconds * NS_PER_S + fraction;
    *p = q;
    return true;
}

#endif
