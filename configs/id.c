/* The id of a cell on a trace. The only file of this room that knows nettle. */
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "configs/plan.h"

bool plan_cell_id(const struct plan_cell *cell, const char *trace_sha256_hex, char id[PLAN_ID_BYTES])
{
    char *canonical = plan_canonical(cell);
    if (!canonical)
        return false;
    const char *const parts[] = {canonical, trace_sha256_hex, "\n", MODEL_VERSION, "\n"};
    struct sha256_ctx context;
    uint8_t digest[SHA256_DIGEST_SIZE];
    sha256_init(&context);
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        sha256_update(&context, strlen(parts[i]), (const uint8_t *)parts[i]);
    sha256_digest(&context, sizeof digest, digest);
    for (size_t i = 0; i < PLAN_ID_BYTES / 2; i++)
        snprintf(id + 2 * i, 3, "%02x", digest[i]);
    free(canonical);
    return true;
}
