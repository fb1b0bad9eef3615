#include "traces/file/whole_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim/base/memory.h"

struct whole_file {
    char *shown;
    char *path;      /* to appear; NULL: written as it is */
    char *temporary; /* until then */
    bool with_part;
    bool left; /* the part has more behind `bytes`, perhaps */
    int file;
    uint64_t bytes;
};

static bool cannot_write(const struct whole_file *file, int cause, struct error *error)
{
    const char *remedy = "";
    if (cause == ENOSPC || cause == EDQUOT || cause == EFBIG)
        remedy = "; free some space or write to another place";
    else if (cause == ENOENT)
        remedy = "; make the folder first";
    return error_set(error, ERROR_RESULTS, "%s: error: cannot write: %s%s", file->shown, strerror(cause),
                     remedy);
}

static bool no_memory(struct error *error)
{
    return error_set(error, ERROR_MEMORY, "out of memory (a file name)");
}

/* ---- opening ---- */

/* One that is no regular file is written as it is. Through a link, the file that it points to is replaced. */
static bool choose_names(struct whole_file *file, const char *path, struct error *error)
{
    struct stat status;
    bool exists = stat(path, &status) == 0;
    if (exists && !S_ISREG(status.st_mode))
        return true;
    file->path = exists ? realpath(path, NULL) : strdup(path);
    if (!file->path)
        return no_memory(error);
    const char *slash = strrchr(file->path, '/');
    int folder = slash ? (int)(slash + 1 - file->path) : 0;
    int length = file->with_part
                     ? asprintf(&file->temporary, "%s.part", file->path)
                     : asprintf(&file->temporary, "%.*s.tmp-%s", folder, file->path, file->path + folder);
    if (length < 0)
        file->temporary = NULL;
    return file->temporary || no_memory(error);
}

static bool in_the_way(const struct whole_file *file, struct error *error)
{
    return error_set(error, ERROR_RESULTS,
                     "%s: error: cannot write: %s is in the way, which is no file; move it", file->shown,
                     file->temporary);
}

/* The temporary file is ours alone: one that a dead process left is taken over. Whoever had it may have
 * renamed it just now. */
static bool open_temporary(struct whole_file *file, struct error *error)
{
    struct stat opened, named;
    do {
        if (file->file >= 0)
            close(file->file);
        file->file = open(file->temporary, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0666);
        if (file->file < 0)
            return errno == ELOOP || errno == EISDIR ? in_the_way(file, error)
                                                     : cannot_write(file, errno, error);
        if (fstat(file->file, &opened) != 0)
            return cannot_write(file, errno, error);
        if (!S_ISREG(opened.st_mode))
            return in_the_way(file, error);
        if (flock(file->file, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK)
            return error_set(
                error, ERROR_RESULTS,
                "%s: error: another process is making it now; wait for it, or choose another name",
                file->shown);
    } while (stat(file->temporary, &named) != 0 || opened.st_ino != named.st_ino ||
             opened.st_dev != named.st_dev);
    file->left = opened.st_size > 0;
    return file->with_part || whole_file_drop(file, error);
}

static bool open_file(struct whole_file *file, const char *path, struct error *error)
{
    if (strcmp(path, "-") == 0) {
        file->file = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
    } else {
        if (!choose_names(file, path, error))
            return false;
        if (file->temporary)
            return open_temporary(file, error);
        file->file = open(path, O_WRONLY | O_CLOEXEC);
    }
    return file->file >= 0 || cannot_write(file, errno, error);
}

static void release(struct whole_file *file)
{
    if (file->file >= 0)
        close(file->file);
    free(file->shown);
    free(file->path);
    free(file->temporary);
    memory_free(file);
}

bool whole_file_open(const char *path, bool with_part, struct whole_file **file, struct error *error)
{
    struct whole_file *opened = memory_zeroed(1, sizeof *opened, error);
    if (!opened)
        return false;
    opened->file = -1;
    opened->with_part = with_part;
    opened->shown = strdup(strcmp(path, "-") == 0 ? "standard output" : path);
    if (!(opened->shown || no_memory(error)) || !open_file(opened, path, error)) {
        release(opened); /* a part that is another's, or old, stays */
        return false;
    }
    *file = opened;
    return true;
}

/* ---- what an earlier part has ---- */

bool whole_file_left(const struct whole_file *file, void *data, size_t bytes)
{
    size_t done = 0;
    while (file->left && done < bytes) {
        ssize_t got = pread(file->file, (char *)data + done, bytes - done, (off_t)(file->bytes + done));
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        done += (size_t)got;
    }
    return file->left;
}

void whole_file_take(struct whole_file *file, size_t bytes)
{
    file->bytes += bytes;
}

bool whole_file_drop(struct whole_file *file, struct error *error)
{
    if (!file->left)
        return true;
    file->left = false;
    return (ftruncate(file->file, (off_t)file->bytes) == 0 &&
            lseek(file->file, (off_t)file->bytes, SEEK_SET) >= 0) ||
           cannot_write(file, errno, error);
}

/* ---- writing ---- */

bool whole_file_write(struct whole_file *file, const void *data, size_t bytes, struct error *error)
{
    const char *next = data;
    while (bytes > 0) {
        ssize_t written = write(file->file, next, bytes);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return cannot_write(file, errno, error);
        next += written;
        bytes -= (size_t)written;
        file->bytes += (size_t)written;
    }
    return true;
}

uint64_t whole_file_bytes(const struct whole_file *file)
{
    return file->bytes;
}

/* ---- the end ---- */

bool whole_file_publish(struct whole_file *file, struct error *error)
{
    /* What cannot be synchronised (some file systems) says EINVAL. */
    bool good = !file->temporary || fsync(file->file) == 0 || errno == EINVAL || errno == ENOTSUP ||
                cannot_write(file, errno, error);
    if (good && file->temporary && rename(file->temporary, file->path) != 0)
        good = cannot_write(file, errno, error);
    if (good)
        release(file);
    else
        whole_file_abandon(file, 0);
    return good;
}

void whole_file_abandon(struct whole_file *file, uint64_t kept)
{
    if (!file)
        return;
    bool keep = file->left || (file->with_part && kept > 0 && ftruncate(file->file, (off_t)kept) == 0);
    if (file->temporary && !keep)
        unlink(file->temporary);
    release(file);
}

const char *whole_file_shown(const struct whole_file *file)
{
    return file->shown;
}

const char *whole_file_part(const struct whole_file *file)
{
    return file->with_part ? file->temporary : NULL;
}
