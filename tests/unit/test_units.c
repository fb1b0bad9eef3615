/* Quantities of interface.md 2: exact values, exact messages, text that parses back. */
#include <criterion/criterion.h>
#include <inttypes.h>

#include "sim/base/units.h"

typedef bool parser(const char *, uint64_t *, struct error *);
typedef char *formatter(uint64_t, char *);

struct good_case {
    parser *parse;
    const char *text;
    uint64_t value;
};

Test(units, parses_exactly)
{
    static const struct good_case cases[] = {
        {units_parse_size, "0", 0},
        {units_parse_size, "0B", 0},
        {units_parse_size, "4KiB", 4096},
        {units_parse_size, "2MiB", 2097152},
        {units_parse_size, "64GiB", UINT64_C(68719476736)},
        {units_parse_size, "16777215TiB", UINT64_C(0xffffff0000000000)},
        {units_parse_size, "1.5KiB", 1536},
        {units_parse_size, "0.25TiB", UINT64_C(1) << 38},
        {units_parse_size, "18446744073709551615B", UINT64_MAX},
        {units_parse_size, "0x1000", 4096},
        {units_parse_size, "0XffffffffffffffFF", UINT64_MAX},
        {units_parse_time, "0x0", 0},
        {units_parse_time, "0", 0},
        {units_parse_time, "0.0", 0},
        {units_parse_time, "1ns", 1},
        {units_parse_time, "1.5us", 1500},
        {units_parse_time, "100ms", 100000000},
        {units_parse_time, "0.000000001s", 1},
        {units_parse_time, "2.50s", UINT64_C(2500000000)},
        {units_parse_cost, "2.75ns", 2750},
        {units_parse_cost, "0.001ns", 1},
        {units_parse_cost, "20us", 20000000},
        {units_parse_cost, "0.000000000001s", 1},
        {units_parse_rate, "1B/s", 1},
        {units_parse_rate, "12.5GB/s", UINT64_C(12500000000)},
        {units_parse_rate, "100Gbit/s", UINT64_C(12500000000)},
        {units_parse_rate, "3MiB/s", 3145728},
        {units_parse_rate, "0.5GiB/s", UINT64_C(1) << 29},
        {units_parse_rate, "7MB/s", 7000000},
        {units_parse_integer, "0", 0},
        {units_parse_integer, "007", 7},
        {units_parse_integer, "0x1F", 31},
        {units_parse_integer, "18446744073709551615", UINT64_MAX},
        {units_parse_integer, "0xffffffffffffffff", UINT64_MAX},
        {units_parse_address, "4096", 4096},
        {units_parse_address, "0x100000000", UINT64_C(1) << 32},
        {units_parse_address, "4GiB", UINT64_C(1) << 32},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t value = 12345;
        struct error error = {0};
        cr_expect(cases[i].parse(cases[i].text, &value, &error), "%s: %s", cases[i].text, error.text);
        cr_expect_eq(value, cases[i].value, "%s is %" PRIu64, cases[i].text, value);
    }
}

struct bad_case {
    parser *parse;
    const char *text, *message;
};

Test(units, says_what_is_wrong_and_what_is_right)
{
    static const struct bad_case cases[] = {
        {units_parse_time, "100", "\"100\" has no unit; write 100us, 100ms or 100s"},
        {units_parse_size, "4096", "\"4096\" has no unit; write 4096B, 4096KiB or 4096MiB"},
        {units_parse_cost, "70", "\"70\" has no unit; write 70ns, 70us or 70ms"},
        {units_parse_rate, "10", "\"10\" has no unit; write 10MB/s, 10GB/s or 10Gbit/s"},
        {units_parse_time, "0x100", "\"0x100\" has no unit; write 256us, 256ms or 256s"},
        {units_parse_rate, "0xA", "\"0xA\" has no unit; write 10MB/s, 10GB/s or 10Gbit/s"},
        {units_parse_size, "0x10KiB",
         "\"0x10KiB\" is no size; a hexadecimal number has no unit, so write a decimal one and a unit, such "
         "as "
         "4KiB"},
        {units_parse_time, "0x10ms",
         "\"0x10ms\" is no time; a hexadecimal number has no unit, so write a decimal one and a unit, such "
         "as "
         "100ms"},
        {units_parse_size, "0x10000000000000000",
         "\"0x10000000000000000\" is too large; it must be less than 2^64"},
        {units_parse_rate, "10GB",
         "\"10GB\" has an unknown unit; write B/s, MB/s, GB/s, MiB/s, GiB/s or Gbit/s"},
        {units_parse_size, "4K", "\"4K\" has an unknown unit; did you mean \"4KiB\"?"},
        {units_parse_size, "4kb", "\"4kb\" has an unknown unit; did you mean \"4KiB\"?"},
        {units_parse_size, "1.5gb", "\"1.5gb\" has an unknown unit; did you mean \"1.5GiB\"?"},
        {units_parse_size, "4 KiB", "\"4 KiB\" has an unknown unit; write B, KiB, MiB, GiB or TiB"},
        {units_parse_time, "5min", "\"5min\" has an unknown unit; write ns, us, ms or s"},
        {units_parse_time, "", "\"\" is no time; write a number and a unit, such as 100ms"},
        {units_parse_time, "-5ms", "\"-5ms\" is no time; write a number and a unit, such as 100ms"},
        {units_parse_time, "5.ms", "\"5.ms\" is no time; write a number and a unit, such as 100ms"},
        {units_parse_size, "big", "\"big\" is no size; write a number and a unit, such as 4KiB"},
        {units_parse_time, "1.5ns", "\"1.5ns\" is too fine; the smallest step is 1ns"},
        {units_parse_cost, "0.0005ns", "\"0.0005ns\" is too fine; the smallest step is 0.001ns"},
        {units_parse_time, "0.0000000000000000000000001s",
         "\"0.0000000000000000000000001s\" is too fine; the smallest step is 1ns"},
        {units_parse_size, "16777216TiB", "\"16777216TiB\" is too large; it must be less than 2^64 times 1B"},
        {units_parse_time, "99999999999999999999ns",
         "\"99999999999999999999ns\" is too large; it must be less than 2^64 times 1ns"},
        {units_parse_integer, "18446744073709551616",
         "\"18446744073709551616\" is too large; it must be less than 2^64"},
        {units_parse_integer, "0x", "\"0x\" is no integer; write digits, such as 64 or 0x40"},
        {units_parse_integer, "1e3", "\"1e3\" is no integer; write digits, such as 64 or 0x40"},
        {units_parse_address, "0x10KiB", "\"0x10KiB\" is no integer; write digits, such as 64 or 0x40"},
        {units_parse_address, "4KB", "\"4KB\" has an unknown unit; did you mean \"4KiB\"?"},
        {units_parse_address, "here",
         "\"here\" is no address; write an integer or a size, such as 0x100000 or 1MiB"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t value;
        struct error error = {0};
        cr_expect_not(cases[i].parse(cases[i].text, &value, &error), "%s", cases[i].text);
        cr_expect_eq(error.kind, ERROR_EXPERIMENT);
        cr_expect_str_eq(error.text, cases[i].message);
    }
}

Test(units, formats_canonically)
{
    char text[UNITS_TEXT_BYTES];
    cr_expect_str_eq(units_format_size(0, text), "0B");
    cr_expect_str_eq(units_format_size(4096, text), "4KiB");
    cr_expect_str_eq(units_format_size(1500, text), "1500B");
    cr_expect_str_eq(units_format_size(UINT64_C(3) << 40, text), "3TiB");
    cr_expect_str_eq(units_format_time(0, text), "0ns");
    cr_expect_str_eq(units_format_time(1500, text), "1500ns");
    cr_expect_str_eq(units_format_time(100000000, text), "100ms");
    cr_expect_str_eq(units_format_time(UINT64_C(60000000000), text), "60s");
    cr_expect_str_eq(units_format_cost(2750, text), "2.75ns");
    cr_expect_str_eq(units_format_cost(1, text), "0.001ns");
    cr_expect_str_eq(units_format_cost(70000, text), "70ns");
    cr_expect_str_eq(units_format_cost(20000000, text), "20us");
    cr_expect_str_eq(units_format_cost_ns(20000000, text), "20000");
    cr_expect_str_eq(units_format_cost_ns(2750, text), "2.75");
    cr_expect_str_eq(units_format_cost_ns(0, text), "0");
    cr_expect_str_eq(units_format_rate(UINT64_C(12500000000), text), "12.5GB/s");
    cr_expect_str_eq(units_format_rate(1000001, text), "1000001B/s");
    cr_expect_str_eq(units_format_rate(1234000, text), "1.234MB/s");
    cr_expect_str_eq(units_format_address(0, text), "0");
    cr_expect_str_eq(units_format_address(UINT64_C(1) << 32, text), "0x100000000");
}

Test(units, text_parses_back)
{
    static const struct {
        parser *parse;
        formatter *format;
    } pairs[] = {{units_parse_size, units_format_size},
                 {units_parse_time, units_format_time},
                 {units_parse_cost, units_format_cost},
                 {units_parse_rate, units_format_rate},
                 {units_parse_address, units_format_address}};
    uint64_t state = 1;
    for (unsigned i = 0; i < 20000; i++) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        uint64_t value = state >> (state >> 58);
        if (i % 3 == 0)
            value = value / 1000 * 1000;
        for (size_t k = 0; k < sizeof pairs / sizeof *pairs; k++) {
            char text[UNITS_TEXT_BYTES];
            uint64_t back;
            struct error error = {0};
            pairs[k].format(value, text);
            cr_assert(pairs[k].parse(text, &back, &error), "%s: %s", text, error.text);
            cr_assert_eq(back, value, "%s", text);
        }
    }
}
