#include "analysis/outfile.h"

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

bool outfile_error(struct error *error, const char *path, const char *doing)
{
    int cause = errno;
    const char *remedy = "make it writable, or run with --output into another folder";
    if (cause == ENOSPC || cause == EDQUOT)
        remedy = "free some space, or run with --output into another folder; a run resumes";
    else if (cause == EIO)
        remedy = "check the disk, then run again to resume";
    return error_set(error, ERROR_RESULTS, "%s: error: cannot %s: %s; %s", path, doing, strerror(cause),
                     remedy);
}

char *outfile_join(const char *folder, const char *name, struct error *error)
{
    char *path;
    if (asprintf(&path, "%s/%s", folder, name) < 0) {
        error_set(error, ERROR_MEMORY, "error: no memory for a file name");
        return NULL;
    }
    return path;
}

static void host_name(char host[65])
{
    memset(host, 0, 65);
    if (gethostname(host, 64) != 0 || host[0] == '\0')
        snprintf(host, 65, "localhost");
}

char *outfile_temporary(const char *folder, const char *name, struct error *error)
{
    char host[65], *path;
    host_name(host);
    /* Host and process keep shards that share a folder apart. */
    if (asprintf(&path, "%s/.tmp-%s-%s-%ld", folder, name, host, (long)getpid()) < 0) {
        error_set(error, ERROR_MEMORY, "error: no memory for a file name");
        return NULL;
    }
    return path;
}

bool outfile_is_temporary(const char *name)
{
    return strncmp(name, ".tmp-", 5) == 0;
}

bool outfile_is_leftover(const char *name)
{
    char host[65];
    host_name(host);
    const char *dash = strrchr(name, '-');
    size_t host_length = strlen(host);
    if (!outfile_is_temporary(name) || !dash || (size_t)(dash - name) < 5 + host_length ||
        strncmp(dash - host_length, host, host_length) != 0)
        return false;
    char *end;
    long process = strtol(dash + 1, &end, 10);
    return *end == '\0' && process > 0 && kill((pid_t)process, 0) != 0 && errno == ESRCH;
}

bool outfile_open(struct outfile *out, const char *folder, const char *name, struct error *error)
{
    *out = (struct outfile){0};
    out->path = outfile_join(folder, name, error);
    if (!out->path)
        return false;
    out->temporary_path = outfile_temporary(folder, name, error);
    if (!out->temporary_path) {
        outfile_abort(out);
        return false;
    }
    out->file = fopen(out->temporary_path, "we");
    if (!out->file) {
        outfile_error(error, out->path, "write it");
        outfile_abort(out);
        return false;
    }
    return true;
}

bool outfile_commit(struct outfile *out, bool durable, struct error *error)
{
    assert(out->file);
    errno = 0;
    bool good = fflush(out->file) == 0 && !ferror(out->file);
    if (good && durable)
        good = fsync(fileno(out->file)) == 0 || errno == EINVAL || errno == ENOTSUP;
    int cause = errno ? errno : EIO;
    if (fclose(out->file) != 0 && good) {
        good = false;
        cause = errno;
    }
    out->file = NULL;
    if (good && rename(out->temporary_path, out->path) != 0) {
        good = false;
        cause = errno;
    }
    if (!good) {
        errno = cause;
        outfile_error(error, out->path, "write it");
        unlink(out->temporary_path);
    }
    outfile_abort(out);
    return good;
}

void outfile_abort(struct outfile *out)
{
    if (out->file) {
        fclose(out->file);
        unlink(out->temporary_path);
    }
    free(out->path);
    free(out->temporary_path);
    *out = (struct outfile){0};
}

void outfile_csv(FILE *file, const char *text)
{
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, file);
        return;
    }
    putc('"', file);
    for (; *text; text++) {
        if (*text == '"')
            putc('"', file);
        putc(*text, file);
    }
    putc('"', file);
}

bool outfile_make_folder(const char *path, struct error *error)
{
    char *copy = strdup(path);
    if (!copy)
        return error_set(error, ERROR_MEMORY, "error: no memory for a file name");
    bool made = true;
    for (char *p = copy + 1; made && *copy; p++) {
        if (*p != '/' && *p != '\0')
            continue;
        char held = *p;
        *p = '\0';
        made = mkdir(copy, 0777) == 0 || errno == EEXIST;
        *p = held;
        if (held == '\0')
            break;
    }
    struct stat status;
    if (made && stat(path, &status) == 0 && !S_ISDIR(status.st_mode)) {
        errno = ENOTDIR;
        made = false;
    }
    if (!made)
        outfile_error(error, path, "make the folder");
    free(copy);
    return made;
}

void outfile_remove_folder(const char *path)
{
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (folder < 0)
        return;
    DIR *list = fdopendir(folder);
    if (!list) {
        close(folder);
        return;
    }
    for (struct dirent *entry; (entry = readdir(list));)
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            unlinkat(folder, entry->d_name, 0);
    closedir(list);
    rmdir(path);
}

bool outfile_replace_folder(const char *from, const char *to, struct error *error)
{
    if (rename(from, to) == 0)
        return true;
    if (errno != ENOTEMPTY && errno != EEXIST)
        return outfile_error(error, to, "write it");
    /* rename() replaces only empty folders. A kill between the two renames loses this cell alone: it runs
     * again. */
    char *aside;
    const char *slash = strrchr(from, '/');
    assert(slash && outfile_is_temporary(slash + 1));
    if (asprintf(&aside, "%.*s.tmp-old-%s", (int)(slash + 1 - from), from, slash + 1 + strlen(".tmp-")) < 0)
        return error_set(error, ERROR_MEMORY, "error: no memory for a file name");
    bool good = rename(to, aside) == 0 && rename(from, to) == 0;
    if (!good)
        outfile_error(error, to, "replace it");
    outfile_remove_folder(aside);
    free(aside);
    return good;
}
