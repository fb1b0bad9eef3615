#include "sim/base/text_stream.h"

#include <stdlib.h>
#include <string.h>

/* Not open_memstream: what that cannot store when its text grows is lost without a word. */
struct text_stream {
    char **text;
    size_t *bytes, capacity;
};

static ssize_t append(void *cookie, const char *data, size_t bytes)
{
    struct text_stream *stream = cookie;
    size_t needed = *stream->bytes + bytes + 1;
    if (needed > stream->capacity) {
        size_t capacity = needed + needed / 2;
        char *grown = realloc(*stream->text, capacity);
        if (!grown)
            return 0; /* the stream remembers that it failed */
        *stream->text = grown;
        stream->capacity = capacity;
    }
    memcpy(*stream->text + *stream->bytes, data, bytes);
    *stream->bytes += bytes;
    (*stream->text)[*stream->bytes] = '\0';
    return (ssize_t)bytes;
}

static int end(void *cookie)
{
    free(cookie);
    return 0;
}

FILE *text_open(char **text, size_t *bytes)
{
    const cookie_io_functions_t functions = {.write = append, .close = end};
    struct text_stream *stream = malloc(sizeof *stream);
    *bytes = 0;
    *text = calloc(1, 1);
    if (stream)
        *stream = (struct text_stream){text, bytes, 1};
    FILE *file = stream && *text ? fopencookie(stream, "w", functions) : NULL;
    if (!file) {
        free(stream);
        free(*text);
        *text = NULL;
    }
    return file;
}

bool text_close(FILE *stream, char **text)
{
    bool good = fflush(stream) == 0 && !ferror(stream);
    if (fclose(stream) == 0 && good)
        return true;
    free(*text);
    *text = NULL;
    return false;
}
