#include "tests/unit/test_native.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "sim/base/rng.h"

const char *native_test_file(const struct trace_store *store, const char *provenance)
{
    const char *path = trace_test_file(".dwt", "", 0);
    struct native_writer *writer;
    struct error error = {0};
    cr_assert(native_writer_open(path, &writer, &error), "%s", error.text);
    for (size_t i = 0; i < store->count; i += TRACE_BATCH_RECORDS) {
        struct trace_batch batch = trace_store_view(store, i);
        cr_assert(native_writer_add(writer, &batch, &error), "%s", error.text);
    }
    cr_assert(native_writer_close(writer, provenance, &error), "%s", error.text);
    return path;
}

void native_test_add(struct trace_store *store, uint64_t time_ns, unsigned device, enum trace_op op,
                     uint64_t iova, uint64_t bytes, uint64_t address)
{
    bool map = op == TRACE_MAP || op == TRACE_MAP_RO;
    uint64_t kept = map ? address : iova;
    uint16_t id = (uint16_t)device;
    uint8_t number = (uint8_t)op;
    struct trace_batch batch = {.count = 1,
                                .time_ns = &time_ns,
                                .iova = &iova,
                                .bytes = &bytes,
                                .address = &kept,
                                .device = &id,
                                .op = &number};
    struct error error = {0};
    cr_assert(trace_store_add(store, &batch, &error), "%s", error.text);
}

void native_test_random(struct trace_store *store, size_t count, uint64_t seed, uint64_t kinds,
                        uint64_t devices)
{
    uint64_t now = store->count > 0 ? store->time_ns[store->count - 1] : rng_next(&seed) >> 8;
    for (size_t i = 0; i < count; i++) {
        uint64_t draw = rng_next(&seed), extreme = rng_next(&seed) % 97;
        enum trace_op op = (enum trace_op)(draw % TRACE_OP_COUNT);
        bool whole_pages = op == TRACE_MAP || op == TRACE_MAP_RO || op == TRACE_UNMAP;
        uint64_t page = whole_pages ? 4096 : 1;
        uint64_t bytes = (1 + (draw >> 8) % kinds) * page;
        uint64_t iova = extreme == 0   ? (UINT64_MAX - bytes + 1) & ~(page - 1)
                        : extreme == 1 ? 0
                                       : (draw >> 16) / page * page;
        uint64_t address = (rng_next(&seed) >> (extreme < 5 ? 0 : 30)) & ~UINT64_C(4095);
        if (extreme == 2 && op != TRACE_MARK)
            bytes = (UINT64_MAX - iova) / page * page;
        if (!whole_pages && op != TRACE_MARK && bytes > UINT64_C(1) << 32)
            bytes = UINT64_C(1) << 32;
        if (bytes == 0)
            bytes = page;
        now += extreme == 3 ? rng_next(&seed) >> 20 : draw >> 60;
        native_test_add(store, now, (unsigned)(rng_next(&seed) % devices), op, iova, bytes, address);
    }
}

struct trace_store native_test_few(void)
{
    struct trace_store store = {0};
    native_test_add(&store, 1000, 32, TRACE_MAP, 0xfff80000, 8192, 0x1f4000);
    native_test_add(&store, 3000, 32, TRACE_WRITE, 0xfff80040, 64, 0);
    native_test_add(&store, 4000, 32, TRACE_WRITE, 0xfff80080, 64, 0);
    native_test_add(&store, 4000, 40, TRACE_READ, 0x1000, 4096, 0);
    native_test_add(&store, 9000, 32, TRACE_WRITE, 0xfff80000, 64, 0);
    native_test_add(&store, 10000, 0, TRACE_MARK, 0, 7, 0);
    native_test_add(&store, 10000, 32, TRACE_UNMAP, 0xfff80000, 8192, 0);
    return store;
}

uint8_t *native_test_bytes(const char *path, size_t *length)
{
    FILE *file = fopen(path, "rb");
    cr_assert_not_null(file, "%s", path);
    cr_assert_eq(fseek(file, 0, SEEK_END), 0);
    *length = (size_t)ftell(file);
    rewind(file);
    uint8_t *bytes = malloc(*length + 1);
    cr_assert_not_null(bytes);
    cr_assert_eq(fread(bytes, 1, *length, file), *length);
    fclose(file);
    return bytes;
}
