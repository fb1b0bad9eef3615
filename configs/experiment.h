/* An experiment file as read: its name, its traces, and the settings that the plan turns into cells
 * (interface.md 2). */
#ifndef CONFIGS_EXPERIMENT_H
#define CONFIGS_EXPERIMENT_H

#include <stdbool.h>
#include <stddef.h>

#include "configs/error_list.h"
#include "sim/base/error.h"

enum { EXPERIMENT_SCHEMA = 1, EXPERIMENT_NAME_BYTES = 128 };

/* One trace file; globs are expanded already. */
struct experiment_trace {
    char *path;   /* can be opened from the working directory */
    char *format; /* a name of trace_formats, or NULL: by the file name */
    char *sha256; /* 64 lower-case hex digits that the file must have, or NULL */
};

struct experiment_settings; /* base, sweep, zip, exclude, include: configs/settings.h */

struct experiment {
    char *file; /* the path as given */
    char *text; /* the file's bytes, for the copy beside the results */
    size_t text_bytes;
    char *name;                      /* fit for a folder name */
    char *question;                  /* or NULL */
    struct experiment_trace *traces; /* in the order of replay: file order, a glob's files bytewise */
    size_t trace_count;
    bool intervals; /* outputs.intervals */
    struct experiment_settings *settings;
    char **set_places; /* "--set KEY" of each override, which places point to */
    size_t set_count;
};

/** Read `path` with the overrides `sets[set_count]`, each "KEY=VALUE". True: `*experiment` is complete, to be
 * freed by the caller. False: `messages` has every error that was found and `*experiment` is NULL. Warnings
 * may be added in both cases. No trace is opened; that the files exist is checked. */
bool experiment_load(const char *path, const char *const sets[], size_t set_count,
                     struct experiment **experiment, struct error_list *messages);

void experiment_free(struct experiment *experiment);

#endif
