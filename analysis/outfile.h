/* Files that appear whole or not at all: written under a temporary name, then renamed (interface.md 4). */
#ifndef ANALYSIS_OUTFILE_H
#define ANALYSIS_OUTFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "sim/base/error.h"

struct outfile {
    FILE *file;                  /* write here with stdio; errors are looked at by outfile_commit */
    char *path, *temporary_path; /* owned */
};

/** Start FOLDER/NAME. Errors here and below: ERROR_RESULTS, with the path, the system's reason and the
 * remedy. */
bool outfile_open(struct outfile *out, const char *folder, const char *name, struct error *error);
/** Write through to the disk if `durable`, then rename. In any case the struct is empty afterwards, and on an
 * error no file remains. */
bool outfile_commit(struct outfile *out, bool durable, struct error *error);
/** Give up; nothing remains. */
void outfile_abort(struct outfile *out);

/** Whether `name` is a temporary name of this file's that a dead process of this host left behind. */
bool outfile_is_leftover(const char *name);
/** Whether `name` is a temporary name at all. */
bool outfile_is_temporary(const char *name);
/** A temporary name FOLDER/.tmp-NAME-HOST-PID, to be freed, or NULL and ERROR_MEMORY. */
char *outfile_temporary(const char *folder, const char *name, struct error *error);

/** One CSV field, quoted as RFC 4180 says if it has to be. */
void outfile_csv(FILE *file, const char *text);

/** FOLDER/NAME as a new string, or NULL and ERROR_MEMORY. */
char *outfile_join(const char *folder, const char *name, struct error *error);
/** Make a folder and its parents; one that exists is fine. */
bool outfile_make_folder(const char *path, struct error *error);
/** Remove a folder of plain files. Not an error when it is not there. */
void outfile_remove_folder(const char *path);
/** Put the folder `from` where `to` is, replacing a folder of plain files that may be there. */
bool outfile_replace_folder(const char *from, const char *to, struct error *error);
/** ERROR_RESULTS "PATH: error: cannot DO: <errno text>; <remedy>". Always false. */
bool outfile_error(struct error *error, const char *path, const char *doing);

#endif
