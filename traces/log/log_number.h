/* Numbers and words in a line of a log. Inline: most of the time of reading a log is spent here.
 *
 * Each takes something at `*p` and moves `*p` behind it; false leaves `*p` alone. A NUL ends the line. */
#ifndef TRACES_LOG_LOG_NUMBER_H
#define TRACES_LOG_LOG_NUMBER_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

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
    uint64_t sum = 0;
    const char *q = *p;
    bool fits = true;
    for (unsigned digit; (digit = log_digit(*q)) < 10; q++) {
        fits = fits && sum <= (UINT64_MAX - digit) / 10;
        sum = sum * 10 + digit;
    }
    if (q == *p || !fits)
        return false;
    *value = sum;
    *p = q;
    return true;
}

/** With or without 0x. */
static inline bool log_hex(const char **p, uint64_t *value)
{
    const char *q = *p;
    if (q[0] == '0' && q[1] == 'x')
        q += 2;
    const char *first = q;
    uint64_t sum = 0, lost = 0;
    for (unsigned digit; (digit = log_hex_digit(*q)) < 16; q++) {
        lost |= sum >> 60;
        sum = sum << 4 | digit;
    }
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
