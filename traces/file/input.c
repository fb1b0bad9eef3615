#include "traces/file/input.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim/base/interrupt_flag.h"

bool input_open(const char *path, struct input *input, struct error *error)
{
    /* Opening a named pipe would wait for its writer. */
    struct stat status;
    input->file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (input->file < 0)
        return error_set(error, ERROR_TRACE, "error: cannot open: %s", strerror(errno));
    bool known = fstat(input->file, &status) == 0;
    input->regular = known && S_ISREG(status.st_mode);
    int flags = fcntl(input->file, F_GETFL);
    if (flags >= 0)
        fcntl(input->file, F_SETFL, flags & ~O_NONBLOCK);
    if (!known || !S_ISDIR(status.st_mode))
        return true;
    close(input->file);
    return error_set(error, ERROR_TRACE, "error: is a directory; name a trace file in it");
}

/* Until there is something to read, or the end. A signal between the look at the flag and the wait is seen
 * when the wait is over. */
static bool wait_for_data(int file, struct error *error)
{
    enum { WAIT_MS = 200 };
    struct pollfd wanted = {.fd = file, .events = POLLIN};
    int ready = 0;
    while (ready == 0 || (ready < 0 && errno == EINTR)) {
        if (!interrupt_check(error))
            return false;
        ready = poll(&wanted, 1, WAIT_MS);
    }
    return true;
}

bool input_read(const struct input *input, void *buffer, size_t bytes, size_t *got, struct error *error)
{
    ssize_t now;
    do {
        if (!input->regular && !wait_for_data(input->file, error))
            return false;
        now = read(input->file, buffer, bytes);
    } while (now < 0 && errno == EINTR);
    if (now < 0)
        return error_set(error, ERROR_TRACE, "error: cannot read: %s", strerror(errno));
    *got = (size_t)now;
    return true;
}
