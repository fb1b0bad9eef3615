/* traces/qemu/qemu_simple.c: binary traces of QEMU's simple backend. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "tests/unit/test_logs.h"
#include "tests/unit/test_traces.h"
#include "traces/file/little_endian.h"

TestSuite(qemu_simple, .fini = trace_test_clean);

#define SIMPLE ".qemu.simple"

/* A file as QEMU would write it. */
struct file {
    size_t bytes;
    uint8_t data[8192];
};

static void put(struct file *file, unsigned bytes, uint64_t value)
{
    cr_assert(file->bytes + bytes <= sizeof file->data);
    le_put(file->data + file->bytes, bytes, value);
    file->bytes += bytes;
}

static void put_string(struct file *file, const char *text)
{
    put(file, 4, strlen(text));
    while (*text)
        put(file, 1, (uint8_t)*text++);
}

static struct file begin(void)
{
    struct file file = {0};
    put(&file, 8, UINT64_MAX);
    put(&file, 8, UINT64_C(0xf2b177cb0aa429b4));
    put(&file, 8, 4);
    return file;
}

static void put_name(struct file *file, uint64_t id, const char *name)
{
    put(file, 8, 0);
    put(file, 8, id);
    put_string(file, name);
}

/* `form` has an n for each number (uint64_t) and an s for each string among the arguments. */
static void put_event(struct file *file, uint64_t id, uint64_t time_ns, const char *form, ...)
{
    size_t start = file->bytes + 8;
    put(file, 8, 1);
    put(file, 8, id);
    put(file, 8, time_ns);
    put(file, 4, 0);
    put(file, 4, 4711);
    va_list arguments;
    va_start(arguments, form);
    for (const char *f = form; *f; f++)
        if (*f == 'n')
            put(file, 8, va_arg(arguments, uint64_t));
        else
            put_string(file, va_arg(arguments, const char *));
    va_end(arguments);
    le_put(file->data + start + 16, 4, file->bytes - start);
}

#define N(number) ((uint64_t)(number))

enum { AS_MAP, TRANSLATE, DMA, IGB, SMMU, SMMU_INVALIDATE, OTHER };

static struct file with_names(void)
{
    struct file file = begin();
    put_name(&file, 7 + TRANSLATE, "vtd_dmar_translate");
    put_name(&file, 7 + AS_MAP, "address_space_map");
    put_name(&file, 7 + DMA, "address_space_dma");
    put_name(&file, 7 + IGB, "igb_rx_desc_buff_write");
    put_name(&file, 7 + SMMU, "smmuv3_translate_success");
    put_name(&file, 7 + SMMU_INVALIDATE, "smmuv3_range_inval");
    put_name(&file, 7 + OTHER, "usb_xhci_doorbell_write");
    return file;
}

static void put_access(struct file *file)
{
    put_event(file, 7 + AS_MAP, 1000000001, "nnnnn", N(0xa), N(0x1000), N(0x1000), N(1), N(0));
    put_event(file, 7 + TRANSLATE, 1000000002, "nnnnnn", N(0), N(4), N(0), N(0x1000), N(0x9000), N(0xfff));
}

Test(qemu_simple, an_excerpt_of_a_recording_gives_its_records)
{
    cr_expect_eq(log_test_excerpt("qemu10-vtd-simple", SIMPLE), 61);
}

Test(qemu_simple, numbers_and_strings)
{
    struct file file = with_names();
    put_access(&file);
    put_event(&file, 7 + DMA, 1000000003, "snnnn", "nvme", N(0xa), N(0x2000), N(16), N(0));
    put_event(&file, 7 + SMMU, 1000000004, "snnnnn", "smmuv3-iommu-memory-region-40-1", N(0x28), N(0x3008),
              N(0x9000), N(3), N(1));
    put_event(&file, 7 + SMMU_INVALIDATE, 1000000005, "nnnnnnnn", N(0), N(2), N(0x3000), N(1), N(1), N(3),
              N(1), N(1));
    put_event(&file, 7 + SMMU_INVALIDATE, 1000000006, "nnnnnnnn", N(-1), N(-1), N(0x3000), N(1), N(1), N(3),
              N(1), N(1));
    put_event(&file, 7 + OTHER, 1000000007, "nn", N(1), N(2));
    log_test_bytes(
        SIMPLE, file.data, file.bytes,
        "1000000001,00:04.0,write,0x1000,4096,\n"
        "1000000003,00:04.0,read,0x2000,16,\n"
        "1000000005,00:05.0,unmap,0x3000,4096,\n",
        "1 events are no event of this reader and were passed over, the first is event 7; missing: 1 maps or "
        "unmaps are of domains that no device is known for and were left out");
}

Test(qemu_simple, an_event_of_two_versions_is_told_by_its_arguments)
{
    struct file file = with_names();
    put_event(&file, 7 + IGB, 1000000001, "nnnnn", N(1), N(0x3000), N(64), N(0x7f73), N(60));
    put_event(&file, 7 + TRANSLATE, 1000000002, "nnnnnn", N(0), N(6), N(0), N(0x3000), N(0x9000), N(0xfff));
    put_event(&file, 7 + IGB, 1000000003, "nnnn", N(0x4000), N(0), N(0x7f73), N(1514));
    log_test_bytes(SIMPLE, file.data, file.bytes,
                   "1000000001,00:06.0,write,0x3040,60,\n"
                   "1000000003,00:06.0,write,0x4000,1514,\n",
                   NULL);
}

Test(qemu_simple, what_was_dropped_is_told)
{
    struct file file = with_names();
    put_access(&file);
    put_event(&file, ~N(1), 1000000003, "n", N(29497));
    log_test_bytes(
        SIMPLE, file.data, file.bytes, "1000000001,00:04.0,write,0x1000,4096,\n",
        "missing: 29497 events were lost by QEMU itself while it recorded; record fewer events at once");
}

Test(qemu_simple, a_file_cut_anywhere_is_read_up_to_there)
{
    struct file file = with_names();
    size_t names = file.bytes;
    put_access(&file);
    size_t first = file.bytes;
    put_event(&file, 7 + AS_MAP, 1000000003, "nnnnn", N(0xa), N(0x2000), N(0x10), N(0), N(0));
    for (size_t cut = first + 1; cut < file.bytes; cut += 7)
        log_test_bytes(SIMPLE, file.data, cut, "1000000001,00:04.0,write,0x1000,4096,\n",
                       "missing: 1 event at the end is cut and was passed over");
    for (size_t cut = 24; cut < names; cut += 31) {
        struct trace_store store = {0};
        struct error error = {0};
        cr_expect(trace_test_read(trace_test_file(SIMPLE, file.data, cut), UINT64_MAX, &store, &error), "%s",
                  error.text);
        cr_expect_eq(store.count, 0);
    }
}

Test(qemu_simple, what_cannot_be_is_an_error_with_its_place)
{
    struct file file = with_names();
    put_access(&file);
    size_t good = file.bytes;
    char message[256];
    static const struct {
        uint64_t type, id, bytes;
        const char *what;
    } cases[] = {
        {2, 7, 24, "there is no record here"},
        {1, 7, 23, "the size of a record cannot be right"},
        {1, 7, 70000, "the size of a record cannot be right"},
        {1, 3, 24, "its event has no name"},
        {1, UINT64_MAX, 24, "its event has no name"},
        {1, 7 + AS_MAP, 24 + 24, "address_space_map: 24 bytes are too few for its arguments"},
        {1, 7 + DMA, 24 + 4, "address_space_dma: 4 bytes are too few for its arguments"},
        {0, 1 << 16, 4, "the name of an event cannot be right"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        file.bytes = good;
        put(&file, 8, cases[i].type);
        put(&file, 8, cases[i].id);
        put(&file, 8, 1000000003);
        put(&file, 4, cases[i].bytes);
        while (file.bytes < good + 80)
            put(&file, 4, 1 << 20); /* a string that is longer than its record */
        snprintf(message, sizeof message, "error: byte %zu: %s; record again, or copy the file again", good,
                 cases[i].what);
        log_test_bad_bytes(SIMPLE, file.data, file.bytes, 1, message);
    }
}

Test(qemu_simple, other_versions_and_byte_orders_are_refused)
{
    struct file file = begin();
    file.data[16] = 3;
    log_test_bad_bytes(SIMPLE, file.data, file.bytes, 0,
                       "error: is a binary QEMU trace of version 3; version 4 is read");
    file.data[16] = 4;
    for (unsigned i = 0; i < 4; i++) {
        uint8_t byte = file.data[8 + i];
        file.data[8 + i] = file.data[15 - i];
        file.data[15 - i] = byte;
    }
    log_test_bad_bytes(
        SIMPLE, file.data, file.bytes, 0,
        "error: is a binary QEMU trace of a big-endian machine, which is not read; record with the "
        "log backend there");
}
