/* One error: what kind it is (decides the exit code) and one sentence for the user.
 *
 * Convention of the whole program: functions that can fail return bool, `true` is success, and take
 * `struct error *` last. The first cause is kept: setting an error that is already set does nothing. */
#ifndef SIM_BASE_ERROR_H
#define SIM_BASE_ERROR_H

#include <stdbool.h>

enum error_kind {
    ERROR_NONE = 0,
    ERROR_EXPERIMENT, /* usage or experiment file: exit code 2 */
    ERROR_TRACE,      /* a trace cannot be read or is corrupt: exit code 3 */
    ERROR_RESULTS,    /* results cannot be written: exit code 4 */
    ERROR_CELL,       /* one cell failed, the others go on: exit code 1 */
    ERROR_MEMORY,     /* memory that would not fit: fails the cell that asked */
    ERROR_INTERRUPTED /* SIGINT or SIGTERM: exit code 130 or 143 */
};

struct error {
    enum error_kind kind;
    char text[1024];
};

/** Set `error` (may be NULL) unless it is set already. Always returns false, so that a function can
 *  end with `return error_set(...)`. The text says where, what is wrong, and what would be right. */
bool error_set(struct error *error, enum error_kind kind, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/** Put "CONTEXT: " before the text of an error that is set. Always returns false. */
bool error_context(struct error *error, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
