/* A shared object for LD_PRELOAD: the n-th allocation, or the n-th step of writing, fails.
 *
 * FAULT_KIND is `allocation` or `write`, FAULT_AT is n, from 1; 0 counts only. FAULT_COUNT names a file that
 * gets the number of such calls when the process ends. Allocations are all of malloc, calloc, realloc and
 * what the C library and other libraries ask of these three: YAML, JSON, hash tables, file buffers, names.
 * Writing is every call that makes, fills, synchronises, closes or renames a file or makes a folder. Not
 * covered: mmap (thread stacks), standard output and standard error, deleting. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { KIND_NONE, KIND_ALLOCATION, KIND_WRITE, STREAMS_MAX = 64, EARLY_BYTES = 1 << 20 };

static int kind;
static unsigned long at;
static atomic_ulong calls;
static atomic_bool armed; /* between the start of main and the end of the process */

static bool fails(int of_kind, int cause)
{
    if (!atomic_load(&armed) || kind != of_kind || atomic_fetch_add(&calls, 1) + 1 != at)
        return false;
    errno = cause;
    return true;
}

static void *next(const char *name)
{
    void *symbol = dlsym(RTLD_NEXT, name);
    if (!symbol)
        _exit(99);
    return symbol;
}

#define NEXT(function) __typeof__(function) *real = (__typeof__(function) *)next(#function)

/* ---- allocations ---- */

/* Before the constructor has found the next allocator, memory comes from here, with its size in front, and
 * never goes back: a sanitizer's allocator cannot be asked while it starts. */
static _Alignas(16) char early[EARLY_BYTES];
static size_t early_used;
static void *(*real_malloc)(size_t), *(*real_calloc)(size_t, size_t), *(*real_realloc)(void *, size_t);
static void (*real_free)(void *);

static void *take_early(size_t bytes)
{
    size_t rounded = (bytes + 15) & ~(size_t)15;
    if (rounded > sizeof early - 16 || early_used > sizeof early - 16 - rounded)
        _exit(99);
    char *block = early + early_used + 16;
    memcpy(block - 16, &bytes, sizeof bytes);
    early_used += 16 + rounded;
    return block;
}

static bool is_early(const void *block)
{
    return (const char *)block >= early && (const char *)block < early + sizeof early;
}

static void find_allocator(void)
{
    void *found[] = {next("malloc"), next("calloc"), next("realloc"), next("free")};
    memcpy(&real_malloc, &found[0], sizeof real_malloc);
    memcpy(&real_calloc, &found[1], sizeof real_calloc);
    memcpy(&real_realloc, &found[2], sizeof real_realloc);
    memcpy(&real_free, &found[3], sizeof real_free);
}

void *malloc(size_t bytes)
{
    if (!real_free)
        return take_early(bytes);
    return fails(KIND_ALLOCATION, ENOMEM) ? NULL : real_malloc(bytes);
}

void *calloc(size_t count, size_t bytes)
{
    if (!real_free)
        return take_early(count * bytes); /* never used before, so it is 0 */
    return fails(KIND_ALLOCATION, ENOMEM) ? NULL : real_calloc(count, bytes);
}

void *realloc(void *block, size_t bytes)
{
    if (fails(KIND_ALLOCATION, ENOMEM))
        return NULL;
    if (real_free && !is_early(block))
        return real_realloc(block, bytes);
    void *grown = real_free ? real_malloc(bytes) : take_early(bytes);
    size_t held = 0;
    if (block)
        memcpy(&held, (char *)block - 16, sizeof held);
    if (grown && held > 0)
        memcpy(grown, block, held < bytes ? held : bytes);
    return grown;
}

void free(void *block)
{
    if (real_free && !is_early(block))
        real_free(block);
}

__attribute__((constructor)) static void begin(void)
{
    const char *text = getenv("FAULT_KIND"), *n = getenv("FAULT_AT");
    kind = !text ? KIND_NONE : strcmp(text, "write") == 0 ? KIND_WRITE : KIND_ALLOCATION;
    at = n ? strtoul(n, NULL, 10) : 0;
    find_allocator();
    atomic_store(&armed, true);
}

__attribute__((destructor)) static void end(void)
{
    const char *name = getenv("FAULT_COUNT");
    char text[32];
    atomic_store(&armed, false);
    int file = name ? open(name, O_WRONLY | O_CREAT | O_TRUNC, 0666) : -1;
    int length = snprintf(text, sizeof text, "%lu\n", atomic_load(&calls));
    if (file >= 0 && write(file, text, (size_t)length) != length)
        _exit(99);
}

/* ---- writing ---- */

ssize_t write(int file, const void *data, size_t bytes)
{
    NEXT(write);
    if (file > STDERR_FILENO && fails(KIND_WRITE, ENOSPC))
        return -1;
    return real(file, data, bytes);
}

int rename(const char *from, const char *to)
{
    NEXT(rename);
    return fails(KIND_WRITE, EIO) ? -1 : real(from, to);
}

int mkdir(const char *path, mode_t mode)
{
    NEXT(mkdir);
    return fails(KIND_WRITE, ENOSPC) ? -1 : real(path, mode);
}

int fsync(int file)
{
    NEXT(fsync);
    return fails(KIND_WRITE, EIO) ? -1 : real(file);
}

int ftruncate(int file, off_t bytes)
{
    NEXT(ftruncate);
    return fails(KIND_WRITE, EIO) ? -1 : real(file, bytes);
}

int open(const char *path, int flags, ...)
{
    NEXT(open);
    mode_t mode = 0;
    if (flags & O_CREAT) {
        va_list args;
        va_start(args, flags);
        mode = va_arg(args, mode_t);
        va_end(args);
        if (fails(KIND_WRITE, ENOSPC))
            return -1;
    }
    return real(path, flags, mode);
}

/* Streams for writing are cookies, so that each time their buffer goes to the file is a call to count. */
struct stream {
    FILE *file;
    int descriptor;
};
static struct stream streams[STREAMS_MAX];

static ssize_t write_stream(void *cookie, const char *data, size_t bytes)
{
    const struct stream *stream = cookie;
    ssize_t written = write(stream->descriptor, data, bytes);
    return written < 0 ? 0 : written;
}

static int seek_stream(void *cookie, off64_t *offset, int whence)
{
    const struct stream *stream = cookie;
    *offset = lseek64(stream->descriptor, *offset, whence);
    return *offset < 0 ? -1 : 0;
}

static int close_stream(void *cookie)
{
    struct stream *stream = cookie;
    stream->file = NULL;
    return close(stream->descriptor) | (fails(KIND_WRITE, EIO) ? -1 : 0);
}

FILE *fopen(const char *path, const char *mode)
{
    NEXT(fopen);
    const cookie_io_functions_t functions = {
        .write = write_stream, .seek = seek_stream, .close = close_stream};
    size_t s = 0;
    if (mode[0] != 'w' || kind != KIND_WRITE)
        return real(path, mode);
    while (s < STREAMS_MAX && streams[s].file)
        s++;
    if (s == STREAMS_MAX)
        _exit(99);
    streams[s].descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (streams[s].descriptor < 0)
        return NULL;
    streams[s].file = fopencookie(&streams[s], "w", functions);
    return streams[s].file;
}

int fileno(FILE *file)
{
    NEXT(fileno);
    for (size_t s = 0; s < STREAMS_MAX; s++)
        if (streams[s].file == file)
            return streams[s].descriptor;
    return real(file);
}
