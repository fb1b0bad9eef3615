/* Every message about an experiment file: place, key, what is wrong, what would be right (interface.md 1, 2).
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "configs/key.h"
#include "sim/engine/result.h"
#include "test_configs_support.h"

#define ERRORS(yaml, ...) expect_errors(yaml, NULL, (const char *const[]){__VA_ARGS__, NULL})
#define SETS(...)                                                                                            \
    (const char *const[])                                                                                    \
    {                                                                                                        \
        __VA_ARGS__, NULL                                                                                    \
    }

Test(configs_errors, what_is_required)
{
    ERRORS("question: why\n", "x.yaml:1:1: error: schema: is required; write schema: 1",
           "x.yaml:1:1: error: name: is required; write name: my-experiment",
           "x.yaml:1:1: error: traces: is required; write traces: [{path: FILE}]");
    ERRORS("schema: 1\nname: x\ntraces: [{path: t.csv}]\n",
           "x.yaml:1:1: error: iommu.model: is required; write amd-v1, intel-ss, riscv-g, smmu-s1 or smmu-s2",
           "x.yaml:1:1: error: mapping.source: is required; write static, touched or trace");
    ERRORS("schema: 1\nname: x\ntraces: [{path: t.csv}]\niommu: {model: amd-v1}\nmapping: {source: static}\n",
           "x.yaml:5:19: error: mapping.regions: is required by mapping.source static; write "
           "[{iova: 0, size: 64GiB, address: 0}]");
    ERRORS("- 1\n", "x.yaml:1:1: error: an experiment is expected; write keys such as schema: 1");
    ERRORS("schema: 1\nname: x\ntraces: [{path: t.csv}]\nmapping: {source: touched}\n"
           "sweep: {iommu: [{model: amd-v1}, {levels: 4}]}\n",
           "x.yaml:1:1: error: iommu.model: is required; write amd-v1, intel-ss, riscv-g, smmu-s1 or smmu-s2 "
           "(1 of 2 cells, first: iommu.levels=4)");
}

Test(configs_errors, schema_name_outputs)
{
    ERRORS("schema: 2\nname: a/b\ntraces: [{path: t.csv}]\noutputs: {interval: true}\n",
           "x.yaml:1:9: error: schema: \"2\" is not known to this version; write schema: 1",
           "x.yaml:2:7: error: name: \"a/b\" cannot name a folder; write up to 128 letters, digits, \".\", "
           "\"_\" "
           "and \"-\", the first no \".\" or \"-\"",
           "x.yaml:4:11: error: outputs.interval: unknown key; did you mean \"intervals\"?");
    ERRORS(
        "schema: 1\nname: ..\ntraces: [{path: t.csv}]\noutputs: {intervals: yes}\n",
        "x.yaml:2:7: error: name: \"..\" cannot name a folder; write up to 128 letters, digits, \".\", \"_\" "
        "and \"-\", the first no \".\" or \"-\"",
        "x.yaml:4:22: error: outputs.intervals: \"yes\" is no boolean; write true or false");
}

Test(configs_errors, traces)
{
    ERRORS("schema: 1\nname: x\ntraces:\n"
           "  - {path: no*.csv}\n"
           "  - {path: t.csv, format: cvs, sha: 1}\n"
           "  - {path: t.csv, sha256: 12ab}\n"
           "  - t.csv\n"
           "  - {format: csv}\n"
           "  - {path: .}\n",
           "x.yaml:4:12: error: traces[0].path: no file matches \"no*.csv\"; correct the path",
           "x.yaml:5:27: error: traces[1].format: \"cvs\" is no known format; did you mean \"csv\"?",
           "x.yaml:5:32: error: traces[1].sha: unknown key; known here: path, format, sha256",
           "x.yaml:6:27: error: traces[2].sha256: \"12ab\" is no SHA-256; write 64 hex digits",
           "x.yaml:7:5: error: traces[3]: a block is expected; write {path: t.csv}",
           "x.yaml:8:5: error: traces[4].path: is required; write {path: FILE}",
           "x.yaml:9:12: error: traces[5].path: \".\" is a folder; write ./*.csv.gz");
    ERRORS("schema: 1\nname: x\ntraces: []\n",
           "x.yaml:3:9: error: traces: a list of files is expected; write [{path: FILE}]");
}

Test(configs_errors, unknown_keys_and_suggestions)
{
    ERRORS(HEAD "iotlb: {entires: 64}\ntracking: {interval: 10ms}\nharvests: {interval: 1ms}\n"
                "harvest.interval: 1ms\ndbm: off\nats: {colour: red}\n",
           "x.yaml:6:9: error: iotlb.entires: unknown key; did you mean \"entries\"?",
           "x.yaml:7:12: error: tracking.interval: unknown key; did you mean \"harvest.interval\"?",
           "x.yaml:8:1: error: harvests: unknown key; did you mean \"harvest\"?",
           "x.yaml:9:1: error: harvest.interval: dotted keys stand under sweep, zip, exclude and include "
           "only; write "
           "\"interval\" under \"harvest\"",
           "x.yaml:10:1: error: dbm: unknown key; did you mean \"iommu.dbm\"?",
           "x.yaml:11:7: error: ats.colour: unknown key; known here: enabled, entries, ways, no_write, "
           "invalidate");
    ERRORS(HEAD "sweep:\n  harvest.intervall: [1ms]\n  interval: [1ms]\n  name: [a, b]\n  iotlb: [{ways: 4, "
                "wais: 8}]\n",
           "x.yaml:7:3: error: sweep.harvest.intervall: unknown key; did you mean \"harvest.interval\"?",
           "x.yaml:8:3: error: sweep.interval: unknown key; did you mean \"harvest.interval\"?",
           "x.yaml:9:3: error: sweep.name: is the same for all cells; write it outside",
           "x.yaml:10:21: error: sweep.iotlb.wais: unknown key; did you mean \"ways\"?");
}

Test(configs_errors, wrong_kinds_of_values)
{
    ERRORS(HEAD "harvest: {interval: [1ms, 2ms], count: {a: 1}, final: }\ndevice: 5\nseed:\n",
           "x.yaml:6:21: error: harvest.interval: one value is expected, not a list; write 100ms, or put the "
           "list "
           "under sweep",
           "x.yaml:6:40: error: harvest.count: one value is expected, not a block; write 100000",
           "x.yaml:6:55: error: harvest.final: has no value; write true",
           "x.yaml:7:9: error: device: keys are expected under it; write {granule: ...}",
           "x.yaml:8:6: error: seed: has no value; write 1");
}

Test(configs_errors, units_and_ranges)
{
    ERRORS(
        HEAD "harvest: {interval: \"100\", granule: 4KB, chunk: 5KiB, count: 0}\n"
             "dma: {max_payload: 3KiB}\n"
             "cost: {walk_read: 70, scan_entry: 0.0005ns}\n"
             "iotlb: {entries: 16777217, ways: eight, replacement: rand}\n"
             "seed: 18446744073709551616\n"
             "tracking: {start: 5, clear_on_start: yes, method: hardwar}\n"
             "limits: {records: 0}\n",
        "x.yaml:6:21: error: harvest.interval: \"100\" has no unit; write 100us, 100ms or 100s",
        "x.yaml:6:37: error: harvest.granule: \"4KB\" has an unknown unit; did you mean \"4KiB\"?",
        "x.yaml:6:49: error: harvest.chunk: \"5KiB\" is no multiple of 4KiB; write one",
        "x.yaml:6:62: error: harvest.count: \"0\" is too small; write at least 1",
        "x.yaml:7:20: error: dma.max_payload: \"3KiB\" is no power of two; write one, such as 2KiB",
        "x.yaml:8:19: error: cost.walk_read: \"70\" has no unit; write 70ns, 70us or 70ms",
        "x.yaml:8:35: error: cost.scan_entry: \"0.0005ns\" is too fine; the smallest step is 0.001ns",
        "x.yaml:9:18: error: iotlb.entries: \"16777217\" is too large; write at most 16777216",
        "x.yaml:9:34: error: iotlb.ways: \"eight\" is no integer; write digits, such as 64 or 0x40",
        "x.yaml:9:54: error: iotlb.replacement: \"rand\" is no known replacement; did you mean \"random\"?",
        "x.yaml:10:7: error: seed: \"18446744073709551616\" is too large; it must be less than 2^64",
        "x.yaml:11:19: error: tracking.start: \"5\" has no unit; write 5us, 5ms or 5s",
        "x.yaml:11:38: error: tracking.clear_on_start: \"yes\" is no boolean; write true or false",
        "x.yaml:11:51: error: tracking.method: \"hardwar\" is no known method; did you mean \"hardware\"?",
        "x.yaml:12:19: error: limits.records: \"0\" is too small; write at least 1");
    ERRORS(
        HEAD
        "dma: {max_payload: 64B}\nharvest: {interval: 0, granule: 2KiB}\nsweep: {iommu.granule: [8KiB]}\n"
        "include: [{iommu.mamv: 53, iommu.dbm: on}]\n",
        "x.yaml:6:20: error: dma.max_payload: \"64B\" is too small; write at least 128B",
        "x.yaml:7:21: error: harvest.interval: \"0\" is too small; write at least 1ns",
        "x.yaml:7:33: error: harvest.granule: \"2KiB\" is too small; write at least 4KiB",
        "x.yaml:8:25: error: sweep.iommu.granule: \"8KiB\" is not possible; write 4KiB, 16KiB or 64KiB",
        "x.yaml:9:24: error: include[0].iommu.mamv: \"53\" is too large; write at most 52",
        "x.yaml:9:39: error: include[0].iommu.dbm: \"on\" is no known choice; write static, dynamic or off");
}

Test(configs_errors, address_bits)
{
    ERRORS(
        HEAD "sweep: {iommu.address_bits: [39, 48, 0]}\n",
        "x.yaml:6:30: error: sweep.iommu.address_bits: \"39\" is not possible; write 32, 36, 40, 42, 44 or "
        "48",
        "x.yaml:6:38: error: sweep.iommu.address_bits: \"0\" is not possible; write 32, 36, 40, 42, 44 or "
        "48");
}

/* Choices that exclude each other name both keys. */
Test(configs_errors, combinations)
{
    static const struct {
        const char *yaml, *message;
    } cases[] = {
        {"tracking: {method: log, clear_on_start: false}",
         "x.yaml:6:41: error: tracking.clear_on_start: does not go with tracking.method log; write "
         "tracking.clear_on_start: true, or leave tracking.method out"},
        {"tracking: {stop: 1s}\nharvest: {policy: precopy}",
         "x.yaml:6:18: error: tracking.stop: does not go with harvest.policy precopy; write tracking.stop: none, "
         "or leave harvest.policy out"},
        {"harvest: {policy: precopy, no_clear: true}",
         "x.yaml:6:38: error: harvest.no_clear: does not go with harvest.policy precopy; write "
         "harvest.no_clear: false, or leave harvest.policy out"},
        {"tracking: {method: log}\nharvest: {timing: timed}",
         "x.yaml:6:20: error: tracking.method: does not go with harvest.timing timed; write tracking.method: "
         "hardware, or leave harvest.timing out"},
        {"harvest: {timing: timed, granule: 64KiB}",
         "x.yaml:6:35: error: harvest.granule: does not go with harvest.timing timed; write harvest.granule: "
         "4KiB, or leave harvest.timing out"},
        {"harvest: {timing: timed, no_clear: true}",
         "x.yaml:6:36: error: harvest.no_clear: does not go with harvest.timing timed; write "
         "harvest.no_clear: false, or leave harvest.timing out"},
        {"tracking: {split: dirty}\nharvest: {timing: timed}",
         "x.yaml:6:19: error: tracking.split: does not go with harvest.timing timed; write tracking.split: none, "
         "or leave harvest.timing out"},
        {"tracking: {split: start, method: all}",
         "x.yaml:6:34: error: tracking.method: does not go with tracking.split start or dirty; write "
         "tracking.method: hardware, or leave tracking.split out"},
        {"tracking: {split: start, split_size: 64KiB}",
         "x.yaml:6:38: error: tracking.split_size: 64KiB is no plain leaf size of amd-v1; write 4KiB, 2MiB or "
         "1GiB"},
        {"ats: {enabled: true, entries: 24, ways: 5}",
         "x.yaml:6:41: error: ats.ways: 5 ways do not divide 24 entries; write a divisor, or 0 for fully "
         "associative"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char yaml[512];
        snprintf(yaml, sizeof yaml, HEAD "%s\n", cases[i].yaml);
        ERRORS(yaml, cases[i].message);
    }
}

/* A size that the model has not, at these levels, granule or width: the plain ones are named first. */
Test(configs_errors, leaf_sizes)
{
    static const struct {
        const char *base, *size, *message;
    } cases[] = {
        {"iommu: {model: amd-v1, levels: 3}", "256GiB, 512GiB",
         "amd-v1 with 3 levels has no leaves of 512GiB; write 4KiB, 2MiB, 1GiB, 8KiB, 16KiB, 32KiB, 64KiB, "
         "128KiB, 256KiB, 512KiB, 1MiB, 4MiB, 8MiB, 16MiB, 32MiB, 64MiB, 128MiB, 256MiB, 512MiB, 2GiB, 4GiB, "
         "8GiB, 16GiB, 32GiB, 64GiB, 128GiB or 256GiB"},
        {"iommu: {model: intel-ss}", "64KiB", "intel-ss has no leaves of 64KiB; write 4KiB, 2MiB or 1GiB"},
        {"iommu: {model: smmu-s1}", "8KiB",
         "smmu-s1 with granule 4KiB, 48 address bits has no leaves of 8KiB; write 4KiB, 2MiB, 1GiB, 64KiB, "
         "32MiB or 16GiB"},
        {"iommu: {model: smmu-s2, address_bits: 32}", "16GiB",
         "smmu-s2 with granule 4KiB, 32 address bits has no leaves of 16GiB; write 4KiB, 2MiB, 1GiB, 64KiB "
         "or 32MiB"},
        {"iommu: {model: smmu-s1, granule: 16KiB}", "4KiB",
         "smmu-s1 with granule 16KiB, 48 address bits has no leaves of 4KiB; write 16KiB, 32MiB, 2MiB or "
         "1GiB"},
        {"iommu: {model: smmu-s1, granule: 64KiB}", "1GiB",
         "smmu-s1 with granule 64KiB, 48 address bits has no leaves of 1GiB; write 64KiB, 512MiB, 2MiB or "
         "16GiB"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char yaml[512], message[1024];
        snprintf(
            yaml, sizeof yaml,
            "schema: 1\nname: x\ntraces: [{path: t.csv}]\n%s\nmapping: {source: touched, page_sizes: [%s]}\n",
            cases[i].base, cases[i].size);
        snprintf(message, sizeof message, "x.yaml:5:40: error: mapping.page_sizes: %s", cases[i].message);
        ERRORS(yaml, message);
    }
    /* What a model has is no error, whatever number of entries it takes. */
    expect_warnings("schema: 1\nname: x\ntraces: [{path: t.csv}]\niommu: {model: smmu-s1}\n"
                    "mapping: {source: touched, page_sizes: [4KiB, 64KiB, 2MiB, 32MiB, 1GiB]}\n"
                    "include: [{iommu.model: amd-v1, mapping.page_sizes: [4KiB, 8KiB, 16KiB, 32KiB, 64KiB, "
                    "128KiB, 256KiB, 512KiB, 1MiB, 2MiB]}]\n",
                    (const char *const[]){NULL});
    ERRORS(HEAD "sweep: {mapping.page_sizes: [4KiB, [4KiB, 3KiB], [2MiB, 2MiB], [], [1GiB, \"4096\"]]}\n",
           "x.yaml:6:30: error: sweep.mapping.page_sizes: \"4KiB\" is no list; write [4KiB]",
           "x.yaml:6:43: error: sweep.mapping.page_sizes: \"3KiB\" is no leaf size; write a power of two "
           "from 4KiB on",
           "x.yaml:6:57: error: sweep.mapping.page_sizes: \"2MiB\" is listed twice; keep one",
           "x.yaml:6:64: error: sweep.mapping.page_sizes: the list is empty; write [4KiB, 2MiB]",
           "x.yaml:6:75: error: sweep.mapping.page_sizes: \"4096\" has no unit; write 4096B, 4096KiB or "
           "4096MiB");
}

#define STATIC_HEAD "schema: 1\nname: x\ntraces: [{path: t.csv}]\niommu: {model: amd-v1, levels: 3}\n"

Test(configs_errors, regions)
{
    ERRORS(
        STATIC_HEAD "mapping:\n  source: static\n  regions:\n"
                    "    - {iova: 5, size: 0}\n"
                    "    - {iova: 0, size: 1GiB, adress: 2}\n"
                    "    - {size: 1GiB}\n"
                    "    - {iova: 0xfffffffffffff000, size: 8KiB, address: 0}\n"
                    "    - {iova: 0, size: 8KiB, address: 0xffffffffff000}\n"
                    "    - 5\n",
        "x.yaml:8:14: error: mapping.regions: iova: \"5\" is no multiple of 4KiB; write one",
        "x.yaml:8:23: error: mapping.regions: size: \"0\" is no positive multiple of 4KiB; write one",
        "x.yaml:9:29: error: mapping.regions: \"adress\" is no key of a region; write iova, size and address",
        "x.yaml:10:7: error: mapping.regions: iova is missing; write iova: 0",
        "x.yaml:11:7: error: mapping.regions: iova and size pass 2^64; write a smaller size",
        "x.yaml:12:7: error: mapping.regions: address and size pass 2^52, the largest output address; write "
        "a "
        "smaller address or size",
        "x.yaml:13:7: error: mapping.regions: a block is expected here; write {iova: 0, size: 1GiB, address: "
        "0}");
    ERRORS(STATIC_HEAD "mapping:\n  source: static\n  regions:\n"
                       "    - {iova: 1GiB, size: 1GiB}\n"
                       "    - {iova: 0, size: 1025MiB}\n",
           "x.yaml:8:7: error: mapping.regions: overlaps {iova: 0, size: 1025MiB}; move or shorten one");
    ERRORS(
        STATIC_HEAD "mapping:\n  source: static\n  page_sizes: [2MiB]\n  regions:\n"
                    "    - {iova: 0, size: 4KiB}\n"
                    "    - {iova: 4MiB, size: 2MiB, address: 4KiB}\n"
                    "    - {iova: 512GiB, size: 2MiB, address: 0}\n",
        "x.yaml:9:7: error: mapping.regions: size is no multiple of 2MiB, the smallest of page_sizes; write "
        "one",
        "x.yaml:10:7: error: mapping.regions: address is no multiple of 2MiB, the smallest of page_sizes; "
        "write one",
        "x.yaml:11:7: error: mapping.regions: ends beyond the 39 bits of IOVA of amd-v1; shorten it or raise "
        "iommu.levels");
    ERRORS("schema: 1\nname: x\ntraces: [{path: t.csv}]\niommu: {model: smmu-s1, address_bits: 40}\n"
           "mapping: {source: trace, regions: [{iova: 0xfffffff000, size: 8KiB, address: 0}, "
           "{iova: 0, size: 8KiB, address: 0xfffffffff000}]}\n",
           "x.yaml:5:36: error: mapping.regions: ends beyond the 40 bits of IOVA of smmu-s1; shorten it or "
           "raise iommu.address_bits",
           "x.yaml:5:82: error: mapping.regions: address and size pass 2^48, the largest output address of "
           "smmu-s1 with granule 4KiB, 40 address bits; write a smaller address");
    ERRORS("schema: 1\nname: x\ntraces: [{path: t.csv}]\niommu: {model: intel-ss}\n"
           "mapping: {source: touched, regions: [{iova: 0, size: 4KiB}], extent: 6KiB}\n",
           "x.yaml:5:70: error: mapping.extent: \"6KiB\" is no multiple of 4KiB; write one");
    ERRORS("schema: 1\nname: x\ntraces: [{path: t.csv}]\niommu: {model: intel-ss}\n"
           "mapping: {source: touched, regions: [{iova: 0, size: 4KiB}], page_sizes: [1GiB]}\n",
           "x.yaml:5:37: error: mapping.regions: mapping.source touched maps what the trace touches; leave "
           "regions out, "
           "or write source: static",
           "x.yaml:5:74: error: mapping.extent: 2MiB is no multiple of the smallest of page_sizes; write a "
           "multiple of "
           "1GiB");
}

/* What exactly fits is no error: the last page of 48 bits, of 2^52, of 2^64. */
Test(configs_errors, regions_that_just_fit)
{
    expect_warnings("schema: 1\nname: x\ntraces: [{path: t.csv}]\niommu: {model: amd-v1, levels: 6}\n"
                    "mapping:\n  source: static\n  regions:\n"
                    "    - {iova: 0xfffffffffffff000, size: 4KiB, address: 0xffffffffff000}\n"
                    "    - {iova: 0, size: 1GiB}\n    - {iova: 1GiB, size: 1GiB}\n",
                    (const char *const[]){NULL});
    expect_warnings("schema: 1\nname: x\ntraces: [{path: t.csv}]\niommu: {model: smmu-s2}\n"
                    "mapping:\n  source: static\n  regions: [{iova: 0xfffffffff000, size: 4KiB}]\n",
                    (const char *const[]){NULL});
}

Test(configs_errors, ranges)
{
    ERRORS(HEAD
           "tracking:\n  ranges:\n"
           "    - {iova: 8KiB, size: 8KiB}\n    - {iova: 12KiB, size: 4KiB}\n    - {iova: 0, size: 4KiB}\n",
           "x.yaml:9:7: error: tracking.ranges: overlaps {iova: 0x2000, size: 8KiB}; move or shorten one",
           "x.yaml:10:7: error: tracking.ranges: stands after {iova: 0x3000, size: 4KiB}; write ranges in "
           "ascending "
           "order");
    ERRORS(HEAD "tracking: {ranges: [{iova: 0, size: 4KiB, address: 0}, {iova: 1}], start: 1s, stop: 1s}\n",
           "x.yaml:6:43: error: tracking.ranges: \"address\" is no key of a region; write iova and size",
           "x.yaml:6:56: error: tracking.ranges: size is missing; write size: 1GiB");
    ERRORS(HEAD "tracking: {start: 1s, stop: 1000ms}\n",
           "x.yaml:6:29: error: tracking.stop: 1s is not after tracking.start, 1s; write a later time");
}

Test(configs_errors, shapes)
{
    ERRORS(HEAD "iotlb: {entries: 96, ways: 8}\nwalk_cache: {entries: 4, ways: 8}\n",
           "x.yaml:6:28: error: iotlb.ways: 96 entries in 8 ways make 12 sets, no power of two; change one "
           "of them, or "
           "write 0 for fully associative",
           "x.yaml:7:32: error: walk_cache.ways: 8 ways are more than 4 entries; write at most 4, or 0 for "
           "fully "
           "associative");
    ERRORS(HEAD "iotlb: {entries: 60}\n",
           "x.yaml:6:18: error: iotlb.ways: 8 ways do not divide 60 entries; write a divisor, or 0 for fully "
           "associative");
    ERRORS(HEAD "iotlb: {entries: 12, ways: 0, replacement: plru}\n",
           "x.yaml:6:44: error: iotlb.replacement: plru needs a power of two of ways, not 12; change "
           "iotlb.ways or the "
           "replacement");
    expect_warnings(HEAD "iotlb: {entries: 0, ways: 8}\nwalk_cache: {entries: 12, ways: 3}\n",
                    (const char *const[]){NULL});
    expect_warnings(HEAD "iotlb: {entries: 12, ways: 3, replacement: fifo}\n", (const char *const[]){NULL});
    ERRORS(HEAD "sweep: {iommu.levels: [2, 4, 7]}\n",
           "x.yaml:6:24: error: sweep.iommu.levels: \"2\" is too small; write at least 3",
           "x.yaml:6:30: error: sweep.iommu.levels: \"7\" is too large; write at most 6");
    ERRORS(HEAD "sweep: {iommu.levels: [5, 6], iommu.model: [amd-v1, intel-ss]}\n",
           "x.yaml:6:27: error: iommu.levels: intel-ss has no tables of 6 levels; write 3 to 5 "
           "(1 of 4 cells, first: iommu.levels=6 iommu.model=intel-ss); or leave them out: exclude: "
           "[{iommu.model: intel-ss, iommu.levels: 6}]");
}

/* A product that a model cannot have is told once for the model and the key, with all that has to go. */
Test(configs_errors, products_that_a_model_cannot_have)
{
    ERRORS(HEAD "sweep: {iommu.model: [amd-v1, intel-ss], mapping.page_sizes: [[4KiB], [16KiB], [2MiB], [64KiB]], "
                "seed: [1, 2]}\n",
           "x.yaml:6:71: error: mapping.page_sizes: intel-ss has no leaves of 16KiB; write 4KiB, 2MiB or 1GiB "
           "(4 of 16 cells, first: iommu.model=intel-ss mapping.page_sizes=16KiB seed=1); or leave them out: exclude: "
           "[{iommu.model: intel-ss, mapping.page_sizes: [16KiB]}, {iommu.model: intel-ss, mapping.page_sizes: "
           "[64KiB]}]");
}

Test(configs_errors, lists_under_a_block_are_answered_with_the_line_to_write)
{
    ERRORS(HEAD "sweep: {iotlb: {entries: [16, 64], replacement: fifo}}\n",
           "x.yaml:6:16: error: sweep.iotlb: the lists of a block stand under dotted keys; write sweep: "
           "{iotlb.entries: [16, 64], iotlb.replacement: [fifo]}");
    ERRORS(HEAD "sweep: {mapping: {page_sizes: [[4KiB], [2MiB]]}}\n",
           "x.yaml:6:18: error: sweep.mapping: the lists of a block stand under dotted keys; write sweep: "
           "{mapping.page_sizes: [[4KiB], [2MiB]]}");
    ERRORS(HEAD "zip: {mapping: {page_sizes: [4KiB, 2MiB]}}\n",
           "x.yaml:6:16: error: zip.mapping: the lists of a block stand under dotted keys; write zip: "
           "{mapping.page_sizes: [[4KiB, 2MiB]]}");
}

Test(configs_errors, sweeps)
{
    ERRORS(HEAD "sweep:\n  seed: 5\n  iotlb.ways: []\n  iommu: {model: [amd-v1]}\nzip: [1]\nexclude: {a: b}\n"
                "include: [3, {}]\n",
           "x.yaml:7:9: error: sweep.seed: a list of values is expected; write [A, B]",
           "x.yaml:8:15: error: sweep.iotlb.ways: a list of values is expected; write [A, B]",
           "x.yaml:9:10: error: sweep.iommu: the lists of a block stand under dotted keys; write sweep: "
           "{iommu.model: [amd-v1]}",
           "x.yaml:10:6: error: zip: keys with lists are expected under it; write {harvest.interval: [10ms, "
           "100ms]}",
           "x.yaml:11:10: error: exclude: a list of blocks is expected; write [{harvest.interval: 10ms}]",
           "x.yaml:12:11: error: include[0]: keys are expected; write {harvest.interval: 10ms}",
           "x.yaml:12:14: error: include[1]: keys are expected; write {harvest.interval: 10ms}");
    ERRORS(HEAD "zip: {iotlb.entries: [64, 128], iotlb.ways: [8]}\n",
           "x.yaml:6:33: error: zip.iotlb.ways: has 1 values but \"iotlb.entries\" has 2; lists that walk "
           "together have "
           "equal lengths");
    ERRORS(HEAD "sweep:\n  tracking: [{method: all}, {method: exact}]\nzip:\n  tracking.method: [none]\n",
           "x.yaml:9:3: error: zip.tracking.method: sweep.tracking sets the same key; vary it in one place");
    ERRORS(HEAD "include:\n  - {iotlb: {ways: 4}, iotlb.ways: 8}\n",
           "x.yaml:7:24: error: include[0].iotlb.ways: is set twice, already at line 7; keep one");
    ERRORS(HEAD "sweep: {harvest.interval: [1ms, 2ms]}\nexclude: [{harvest.interval: 1ms}, "
                "{harvest.interval: 2000us}]\n",
           "x.yaml:7:1: error: exclude: leaves no cell; exclude fewer");
}

Test(configs_errors, overrides_name_their_option)
{
    expect_errors(
        HEAD "sweep: {tracking: [{method: all}]}\n",
        SETS("harvest.intervall=1ms", "harvest.interval=100", "foo", "iotlb.entries=[1,",
             "seed=", "tracking.method=exact", "device=3"),
        (const char *const[]){
            "--set foo: error: no KEY=VALUE; write e.g. --set harvest.interval=10ms",
            "--set iotlb.entries: error: not valid YAML: did not find expected node content while parsing a "
            "flow node",
            "--set seed: error: nothing is written here; write at least one value",
            "--set harvest.intervall: error: harvest.intervall: unknown key; did you mean \"interval\"?",
            "--set harvest.interval: error: harvest.interval: \"100\" has no unit; write 100us, 100ms or "
            "100s",
            "--set device: error: device: keys are expected under it; write {granule: ...}",
            "--set tracking.method: error: tracking.method: sweep.tracking sets this key too; override that "
            "with --set 'sweep.tracking=[...]'",
            NULL});
}

Test(configs_errors, too_many_cells)
{
    static char yaml[64 * 1024];
    int used = snprintf(yaml, sizeof yaml, HEAD "sweep:\n  iotlb.ways: [1, 2]\n  seed: [");
    for (int i = 0; i < 1001; i++)
        used += snprintf(yaml + used, sizeof yaml - (size_t)used, "%d,", i);
    used += snprintf(yaml + used, sizeof yaml - (size_t)used, "]\n  harvest.interval: [");
    for (int i = 1; i <= 500; i++)
        used += snprintf(yaml + used, sizeof yaml - (size_t)used, "%dus,", i);
    snprintf(yaml + used, sizeof yaml - (size_t)used, "]\n");
    ERRORS(yaml, "x.yaml:6:1: error: sweep: more than 1000000 cells; split the experiment");
}

Test(configs_errors, a_file_that_cannot_be_read)
{
    struct error_list messages = {0};
    struct experiment *experiment;
    enter_fresh_folder();
    cr_expect_not(experiment_load("none.yaml", NULL, 0, &experiment, &messages));
    cr_expect_null(experiment);
    cr_assert_eq(messages.error_count, 1);
    cr_expect_str_eq(messages.errors[0].text,
                     "none.yaml: error: cannot be opened: No such file or directory");
    error_list_free(&messages);
    leave_folder();
}

/* Parameter columns and metrics share one header line (interface.md 4). */
Test(configs_errors, no_parameter_column_has_the_name_of_a_metric)
{
    static const char *const metrics[] = {
#define NAME(name, unit, section, meaning) #name,
        METRICS_COUNTERS(NAME) METRICS_MIGRATION(NAME) METRICS_COST(NAME) "amplification",
        "precision",
        "recall",
        "cell",
        "label",
        "trace",
        "trace_sha256",
        "status"};
    for (size_t i = 0; i < key_count; i++) {
        char column[64];
        key_column_name(&key_table[i], column, sizeof column);
        for (size_t k = 0; k < sizeof metrics / sizeof *metrics; k++)
            cr_expect_str_neq(column, metrics[k]);
    }
}
