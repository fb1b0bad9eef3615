/* configs/gen_spec.c: what a spec means, and every way in which it can be wrong. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "configs/gen_spec.h"
#include "sim/base/memory.h"
#include "tests/unit/test_traces.h"

TestSuite(gen_spec, .fini = trace_test_clean);

static struct gen_spec *load(const char *text)
{
    struct error_list messages = {0};
    struct gen_spec *spec = NULL;
    bool good = gen_spec_load(trace_test_file(".yaml", text, strlen(text)), &spec, &messages);
    cr_assert(good, "%s: %s", text, messages.error_count ? messages.errors[0].text : "");
    error_list_free(&messages);
    return spec;
}

/* The errors are exactly these lines, each without the path. */
static void check_errors(const char *text, const char *const wanted[], size_t count)
{
    struct error_list messages = {0};
    struct gen_spec *spec = NULL;
    const char *path = trace_test_file(".yaml", text, strlen(text));
    cr_expect_not(gen_spec_load(path, &spec, &messages), "%s", text);
    cr_expect_eq(messages.error_count, count, "%s: %zu errors, the first %s", text, messages.error_count,
                 messages.error_count ? messages.errors[0].text : "none");
    for (size_t e = 0; e < count && e < messages.error_count; e++)
        cr_expect(strncmp(messages.errors[e].text + strlen(path), wanted[e], strlen(wanted[e])) == 0,
                  "%s: %s", text, messages.errors[e].text);
    error_list_free(&messages);
    cr_expect_eq(memory_used(), 0, "%s", text);
}

static void check_error(const char *text, const char *wanted)
{
    check_errors(text, &wanted, 1);
}

Test(gen_spec, defaults)
{
    struct gen_spec *spec = load("schema: 1\nrecords: 5\nstreams: [{pattern: nic_ring}, {pattern: nvme}, "
                                 "{pattern: nic_ring, recycle: fifo, hold: 10, packet: 90B}]");
    cr_assert(spec->records == 5 && spec->cycles == 1 && spec->phase_count == 1);
    cr_assert_eq(spec->phases[0].stream_count, 3);
    const struct gen_stream *stream = spec->phases[0].streams;
    cr_expect(stream[0].device == 8 && stream[0].iova == 0 && stream[0].entries == 256);
    cr_expect(stream[0].buffers == 256 && stream[0].packet_least_bytes == 1500 && !stream[0].map);
    cr_expect(stream[0].arrivals == GEN_CONSTANT && stream[0].interval_ps == 1000000);
    cr_expect(stream[1].bytes == 4096 && stream[1].size == 64 << 20 && stream[1].queues == 1);
    cr_expect(stream[1].write_share == GEN_SHARE_ONE && stream[1].seed != stream[0].seed);
    cr_expect(stream[2].buffers == 522 && stream[2].packet_least_bytes == 90);
    gen_spec_free(spec);
}

Test(gen_spec, every_key_is_read)
{
    struct gen_spec *spec = load(
        "schema: 1\nseed: 0x10\ncycles: 3\nphases:\n"
        "- {duration: 2ms, records: 7, streams: [{pattern: zipf, device: 02:00.1, iova: 4GiB, size: 1GiB, "
        "bytes: 512B, align: 512B, writes: 0.25, exponent: 1.5, granule: 2MiB, scatter: false, seed: 9, "
        "arrivals: bursts, start: 1us, interval: 2.5ns, burst: 4, burst_interval: 1ns}]}\n"
        "- duration: 1s\n  streams:\n  - {pattern: nic_ring, entries: 8, buffers: 40, buffer: 4KiB, packet: "
        "3KiB, "
        "packet_least: 64B, hold: 5, recycle: lifo, map: true, tenants: 3, tenant_spacing: 1MiB, interval: "
        "9ns}\n"
        "  - {pattern: strided, stride: 8KiB, tenants: 2}\n");
    cr_assert(spec->cycles == 3 && spec->records == UINT64_MAX && spec->phase_count == 2);
    cr_assert(spec->phases[0].duration_ps == UINT64_C(2000000000) && spec->phases[0].records == 7);
    const struct gen_stream *zipf = spec->phases[0].streams, *ring = spec->phases[1].streams;
    cr_expect(zipf->pattern == GEN_ZIPF && zipf->device == 0x201 && zipf->iova == UINT64_C(4) << 30);
    cr_expect(zipf->size == 1 << 30 && zipf->bytes == 512 && zipf->align == 512);
    cr_expect(zipf->write_share == GEN_SHARE_ONE / 4 && zipf->exponent == 1.5 && zipf->granule == 2 << 20);
    cr_expect(!zipf->scatter && zipf->seed == 9 && zipf->arrivals == GEN_BURSTS);
    cr_expect(zipf->start_ps == 1000000 && zipf->interval_ps == 2500);
    cr_expect(zipf->burst == 4 && zipf->burst_interval_ps == 1000);
    cr_assert_eq(spec->phases[1].stream_count, 5);
    for (unsigned t = 0; t < 3; t++) {
        cr_expect(ring[t].entries == 8 && ring[t].buffers == 40 && ring[t].buffer_bytes == 4096);
        cr_expect(ring[t].packet_bytes == 3072 && ring[t].packet_least_bytes == 64 && ring[t].hold == 5);
        cr_expect(ring[t].recycle == GEN_LIFO && ring[t].map && ring[t].device == 8 + t);
        cr_expect(ring[t].iova == t << 20 && ring[t].seed == ring[0].seed + t &&
                  ring[t].start_ps == t * 3000);
    }
    /* Tenants lie behind each other, as far apart as they are long. */
    cr_expect(ring[3].stride == 8192 && ring[4].iova == 64 << 20);
    gen_spec_free(spec);
}

Test(gen_spec, errors_name_the_place_and_the_remedy)
{
    check_error("schema: 2\nrecords: 1\nstreams: [{pattern: zipf}]",
                ":1:9: error: schema: \"2\" is not known");
    check_error("records: 1\nstreams: [{pattern: zipf}]", ":1:1: error: schema: is required");
    check_error("schema: 1\nrecords: 1\n", ":1:1: error: either streams or phases are required");
    check_error("schema: 1\nstreams: [{pattern: zipf}]", ":1:1: error: the trace would not end");
    check_error("schema: 1\nrecords: 0\nstreams: [{pattern: zipf}]",
                ":2:10: error: records: must be more than 0");
    check_error("schema: 1\nrecords: 1\nsteams: []\nstreams: [{pattern: zipf}]",
                ":3:1: error: steams: unknown key; did you mean \"streams\"?");
    check_error("schema: 1\nrecords: 1\nstreams: []", ":3:10: error: streams: a list is expected");
    check_error("schema: 1\nrecords: 1\nstreams: [zipf]", ":3:11: error: streams: keys are expected");
    check_error("schema: 1\nrecords: 1\nstreams: [{bytes: 4KiB}]",
                ":3:11: error: streams.pattern: is required");
    check_error("schema: 1\nrecords: 1\nstreams: [{pattern: zipv}]",
                ":3:21: error: streams.pattern: \"zipv\" is not known; did you mean \"zipf\"?");
    check_error("schema: 1\nrecords: 1\nstreams: [{pattern: zipf, stride: 4KiB}]",
                ":3:27: error: streams.stride: has no meaning for pattern: zipf");
    check_error("schema: 1\nrecords: 1\nstreams: [{pattern: zipf, burst: 4}]",
                ":3:27: error: streams.burst: has no meaning for arrivals: constant");
    check_error("schema: 1\nrecords: 1\nstreams: [{pattern: zipf, exponen: 4}]",
                ":3:27: error: streams.exponen: unknown key; did you mean \"exponent\"?");
    check_error("schema: 1\nrecords: 1\nstreams: [{pattern: zipf, bytes: 64KiB, size: 1MiB}]",
                ":3:11: error: streams.granule: is less than one access");
    check_error("schema: 1\nrecords: 1\nstreams: [{pattern: uniform, iova: 0xfffffffffffff000}]",
                ":3:36: error: streams.iova: plus what the stream uses passes 2^64");
    check_error("schema: 1\nrecords: 1\nstreams: [{pattern: uniform, tenants: 3, device: 65534}]",
                ":3:39: error: streams.tenants: need device ids above 65535");
    check_error("schema: 1\nrecords: 1\nstreams: [{pattern: uniform, tenants: 4096}, {pattern: uniform}]",
                ":3:46: error: streams: more than 4096 with all tenants");
    check_error("schema: 1\nrecords: 1\nstreams: [{pattern: uniform, tenants: 4096, iova: 4096TiB, "
                "tenant_spacing: 4096TiB}]",
                ":3:39: error: streams.tenants: need addresses that pass 2^64");
    check_error("schema: 1\nduration: 1s\nphases: [{duration: 1s, streams: [{pattern: uniform}]}]",
                ":2:11: error: duration: belongs to each of the phases");
    check_error("schema: 1\nphases: [{streams: [{pattern: uniform}]}]",
                ":2:10: error: phases: a phase needs a duration");
    check_error("schema: 1\nrecords: 1\nphases: {}", ":3:9: error: phases: a list is expected");
    check_error("schema: 1\nrecords: 1\nphases: [1]", ":3:10: error: phases: keys are expected");
    check_error("schema: 1\nrecords: 1\nrecords: 2\nstreams: [{pattern: zipf}]", ":3:1: error: ");
    check_error("schema: 1\nrecords: 1\ncycles: 1000000001\nstreams: [{pattern: zipf}]",
                ":3:9: error: cycles: is more than 1000000000");
    check_error("[1]", ":1:1: error: keys are expected");
}

Test(gen_spec, values_keep_their_form_and_range)
{
    static const char *const wrong[][2] = {
        {"device: 00:20.0", "\"00:20.0\" is no device"},
        {"bytes: 256", "\"256\" has no unit"},
        {"bytes: 0B", "0B is out of range; from 1B"},
        {"writes: 1.5", "\"1.5\" is no number from 0 to 1"},
        {"writes: nan", "\"nan\" is no number"},
        {"interval: 0", "0 is out of range; from 0.001ns"},
        {"interval: 5", "\"5\" has no unit"},
        {"tenants: 0", "0 is out of range; from 1 to 4096"},
        {"seed: -1", "\"-1\" is no integer"},
        {"arrivals: []", "one value is expected"},
        {"arrivals: ''", "has no value"},
    };
    for (size_t w = 0; w < sizeof wrong / sizeof *wrong; w++) {
        char text[200], wanted[200], name[32] = "";
        snprintf(text, sizeof text, "schema: 1\nrecords: 1\nstreams: [{pattern: uniform, %s}]", wrong[w][0]);
        memcpy(name, wrong[w][0], strcspn(wrong[w][0], ":"));
        snprintf(wanted, sizeof wanted, ":3:%zu: error: streams.%s: %s", 32 + strlen(name), name,
                 wrong[w][1]);
        check_error(text, wanted);
    }
}

Test(gen_spec, all_errors_come_at_once)
{
    const char *const wanted[] = {":3:34: error: streams.bytes: \"many\"",
                                  ":4:23: error: streams.pattern: \"no\"",
                                  ":5:1: error: colour: unknown key"};
    check_errors(
        "schema: 1\nrecords: 1\nstreams: [{pattern: zipf, bytes: many},\n  {          pattern: no}]\n"
        "colour: red\n",
        wanted, sizeof wanted / sizeof *wanted);
}

Test(gen_spec, a_file_that_is_not_there)
{
    struct error_list messages = {0};
    struct gen_spec *spec = NULL;
    cr_expect_not(gen_spec_load("/nowhere/spec.yaml", &spec, &messages));
    cr_assert_eq(messages.error_count, 1);
    cr_expect(strstr(messages.errors[0].text, "/nowhere/spec.yaml: error: cannot read it"), "%s",
              messages.errors[0].text);
    error_list_free(&messages);
}
