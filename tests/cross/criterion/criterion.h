/* As much of Criterion as the tests here use, where it cannot run: it starts itself anew for every test, which an
 * emulator of another processor does not do. Tests run one after another, each in a child. */
#ifndef TESTS_CROSS_CRITERION_H
#define TESTS_CROSS_CRITERION_H

#pragma GCC system_header /* calls without a message would be warned of */

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct cross_test {
    const char *suite, *name; /* name NULL: of all tests of the suite */
    void (*run)(void);
    void (*init)(void);
    void (*fini)(void);
    double timeout; /* not kept */
    struct cross_test *next;
};

void cross_add(struct cross_test *test);
/** Says where, what, and the message; a required one ends the test. */
__attribute__((format(printf, 6, 7))) void cross_check(bool good, bool required, const char *file, int line,
                                                       const char *text, const char *message, ...);

#define CROSS_ADD(id, ...)                                                                                   \
    static struct cross_test cross_##id = {__VA_ARGS__};                                                     \
    __attribute__((constructor)) static void cross_add_##id(void) { cross_add(&cross_##id); }

#define Test(in_suite, in_name, ...)                                                                         \
    static void test_##in_suite##_##in_name(void);                                                           \
    CROSS_ADD(in_suite##_##in_name, .suite = #in_suite, .name = #in_name,                                    \
              .run = test_##in_suite##_##in_name, __VA_ARGS__)                                               \
    static void test_##in_suite##_##in_name(void)
#define TestSuite(in_suite, ...)                                                                             \
    CROSS_ADD(suite_##in_suite, .suite = #in_suite, __VA_ARGS__) struct cross_test

#define CROSS_CHECK(required, good, text, ...)                                                               \
    cross_check(good, required, __FILE__, __LINE__, text, "" __VA_ARGS__)
#define eq(type, a, b) ((a) == (b))

#define cr_assert(good, ...) CROSS_CHECK(true, good, #good, __VA_ARGS__)
#define cr_assert_not(good, ...) CROSS_CHECK(true, !(good), "not " #good, __VA_ARGS__)
#define cr_assert_eq(a, b, ...) CROSS_CHECK(true, (a) == (b), #a " == " #b, __VA_ARGS__)
#define cr_assert_neq(a, b, ...) CROSS_CHECK(true, (a) != (b), #a " != " #b, __VA_ARGS__)
#define cr_assert_lt(a, b, ...) CROSS_CHECK(true, (a) < (b), #a " < " #b, __VA_ARGS__)
#define cr_assert_leq(a, b, ...) CROSS_CHECK(true, (a) <= (b), #a " <= " #b, __VA_ARGS__)
#define cr_assert_gt(a, b, ...) CROSS_CHECK(true, (a) > (b), #a " > " #b, __VA_ARGS__)
#define cr_assert_geq(a, b, ...) CROSS_CHECK(true, (a) >= (b), #a " >= " #b, __VA_ARGS__)
#define cr_assert_not_null(a, ...) CROSS_CHECK(true, (a) != NULL, #a " != NULL", __VA_ARGS__)
#define cr_assert_str_eq(a, b, ...) CROSS_CHECK(true, strcmp(a, b) == 0, #a " is " #b, __VA_ARGS__)
#define cr_assert_arr_eq(a, b, bytes, ...) CROSS_CHECK(true, memcmp(a, b, bytes) == 0, #a " has what " #b " has", __VA_ARGS__)
#define cr_assert_float_eq(a, b, e, ...) CROSS_CHECK(true, fabs((a) - (b)) <= (e), #a " is about " #b, __VA_ARGS__)
#define cr_assert_fail(...) CROSS_CHECK(true, false, "not reached", __VA_ARGS__)

#define cr_expect(good, ...) CROSS_CHECK(false, good, #good, __VA_ARGS__)
#define cr_expect_not(good, ...) CROSS_CHECK(false, !(good), "not " #good, __VA_ARGS__)
#define cr_expect_eq(a, b, ...) CROSS_CHECK(false, (a) == (b), #a " == " #b, __VA_ARGS__)
#define cr_expect_neq(a, b, ...) CROSS_CHECK(false, (a) != (b), #a " != " #b, __VA_ARGS__)
#define cr_expect_lt(a, b, ...) CROSS_CHECK(false, (a) < (b), #a " < " #b, __VA_ARGS__)
#define cr_expect_leq(a, b, ...) CROSS_CHECK(false, (a) <= (b), #a " <= " #b, __VA_ARGS__)
#define cr_expect_gt(a, b, ...) CROSS_CHECK(false, (a) > (b), #a " > " #b, __VA_ARGS__)
#define cr_expect_geq(a, b, ...) CROSS_CHECK(false, (a) >= (b), #a " >= " #b, __VA_ARGS__)
#define cr_expect_null(a, ...) CROSS_CHECK(false, (a) == NULL, #a " == NULL", __VA_ARGS__)
#define cr_expect_not_null(a, ...) CROSS_CHECK(false, (a) != NULL, #a " != NULL", __VA_ARGS__)
#define cr_expect_str_eq(a, b, ...) CROSS_CHECK(false, strcmp(a, b) == 0, #a " is " #b, __VA_ARGS__)
#define cr_expect_str_empty(a, ...) CROSS_CHECK(false, *(a) == 0, #a " is empty", __VA_ARGS__)
#define cr_expect_str_neq(a, b, ...) CROSS_CHECK(false, strcmp(a, b) != 0, #a " is not " #b, __VA_ARGS__)
#define cr_expect_arr_eq(a, b, bytes, ...) CROSS_CHECK(false, memcmp(a, b, bytes) == 0, #a " has what " #b " has", __VA_ARGS__)
#define cr_expect_float_eq(a, b, e, ...) CROSS_CHECK(false, fabs((a) - (b)) <= (e), #a " is about " #b, __VA_ARGS__)

#define cr_log_info(...) (printf(__VA_ARGS__), putchar('\n'))

#endif
