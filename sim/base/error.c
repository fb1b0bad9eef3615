#include "sim/base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool error_set(struct error *error, enum error_kind kind, const char *format, ...)
{
    if (error && error->kind == ERROR_NONE) {
        va_list args;
        va_start(args, format);
        error->kind = kind;
        vsnprintf(error->text, sizeof error->text, format, args);
        va_end(args);
    }
    return false;
}

bool error_context(struct error *error, const char *format, ...)
{
    if (error && error->kind != ERROR_NONE) {
        char before[sizeof error->text];
        memcpy(before, error->text, sizeof before);
        va_list args;
        va_start(args, format);
        int used = vsnprintf(error->text, sizeof error->text, format, args);
        va_end(args);
        if (used >= 0 && (size_t)used < sizeof error->text)
            snprintf(error->text + used, sizeof error->text - (size_t)used, ": %s", before);
    }
    return false;
}
