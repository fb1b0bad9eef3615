/* Runs the tests that criterion/criterion.h collected: all, or those whose SUITE/NAME contains the argument. */
#include <criterion/criterion.h>

#include <stdarg.h>
#include <sys/wait.h>
#include <unistd.h>

static struct cross_test *tests;
static bool failed; /* in this child */

void cross_add(struct cross_test *test)
{
    test->next = tests;
    tests = test;
}

void cross_check(bool good, bool required, const char *file, int line, const char *text, const char *message, ...)
{
    va_list arguments;
    if (good)
        return;
    fprintf(stderr, "%s:%d: %s ", file, line, text);
    va_start(arguments, message);
    vfprintf(stderr, message, arguments);
    va_end(arguments);
    fprintf(stderr, "\n");
    failed = true;
    if (required)
        _exit(1);
}

static const struct cross_test *suite_of(const struct cross_test *test)
{
    const struct cross_test *suite = tests;
    while (suite && (suite->name || strcmp(suite->suite, test->suite) != 0))
        suite = suite->next;
    return suite ? suite : test;
}

static void run(const struct cross_test *test)
{
    void (*init)(void) = test->init ? test->init : suite_of(test)->init;
    void (*fini)(void) = test->fini ? test->fini : suite_of(test)->fini;
    if (init)
        init();
    test->run();
    if (fini)
        fini();
    fflush(NULL);
    _exit(failed);
}

int main(int argc, char **argv)
{
    unsigned ran = 0, bad = 0;
    for (const struct cross_test *test = tests; test; test = test->next) {
        char name[256];
        int status = 0;
        snprintf(name, sizeof name, "%s/%s", test->suite, test->name ? test->name : "");
        if (!test->name || (argc > 1 && !strstr(name, argv[1])))
            continue;
        pid_t child = fork();
        if (child == 0)
            run(test);
        if (child < 0 || waitpid(child, &status, 0) != child || status != 0) {
            fprintf(stderr, "FAILED %s\n", name);
            bad++;
        }
        ran++;
    }
    printf("%u tests, %u failed\n", ran, bad);
    return bad > 0 || ran == 0;
}
