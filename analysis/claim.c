#include "analysis/claim.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "analysis/outfile.h"

enum { OWNER_BYTES = 128 };

/* "process 1234 on host", or "" for shards, of which there may be many. */
static void sign(int file, bool shared)
{
    char host[65] = "", owner[OWNER_BYTES];
    gethostname(host, sizeof host - 1);
    int bytes = snprintf(owner, sizeof owner, "process %ld on %s", (long)getpid(), host);
    /* Only a message is poorer if this fails. */
    if (ftruncate(file, 0) == 0 && !shared && pwrite(file, owner, (size_t)bytes, 0) < 0)
        (void)ftruncate(file, 0);
}

static bool refuse(const char *folder, int file, bool shared, struct error *error)
{
    char owner[OWNER_BYTES];
    ssize_t bytes = pread(file, owner, sizeof owner - 1, 0);
    owner[bytes > 0 ? bytes : 0] = '\0';
    return error_set(
        error, ERROR_EXPERIMENT,
        "%s: error: another run is at work there (%s); wait for it, %schoose another folder with -o DIR",
        folder, *owner ? owner : "shards of a plan",
        shared ? "" : "run parts of one plan beside each other with --shard, or ");
}

bool claim_take(const char *folder, bool shared, int *claim, struct error *error)
{
    char *path = outfile_join(folder, CLAIM_FILE, error);
    *claim = CLAIM_NONE;
    if (!path)
        return false;
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    bool good = file >= 0 || outfile_error(error, path, "write it");
    free(path);
    if (!good)
        return false;
    if (flock(file, (shared ? LOCK_SH : LOCK_EX) | LOCK_NB) == 0) {
        sign(file, shared);
        *claim = file;
        return true;
    }
    if (errno == EWOULDBLOCK)
        good = refuse(folder, file, shared, error);
    close(file);
    return good;
}

void claim_drop(int claim)
{
    if (claim != CLAIM_NONE)
        close(claim);
}
