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
        vsnprintf(error->text, sizeof error->text, format, args);
        va_end(args);
        size_t used = strlen(error->text), room = sizeof error->text - used;
        if (room > sizeof ": ") {
            memcpy(error->text + used, ": ", 2);
            size_t length = strnlen(before, room - sizeof ": ");
            memcpy(error->text + used + 2, before, length);
            error->text[used + 2 + length] = '\0';
        }
    }
    return false;
}
