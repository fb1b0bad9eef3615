/* traces/ftrace/ftrace_pairs.h: which iommu event and which dma event belong together; scatter lists. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "tests/unit/test_logs.h"
#include "tests/unit/test_traces.h"

TestSuite(ftrace_pairs, .fini = trace_test_clean);

#define TEXT ".ftrace.txt"
#define VMM "  qemu-kvm-4575 [008] .....  "
#define IDLE "  <idle>-0 [001] d.h..  "
#define UNKNOWN(count) count " maps or unmaps belong to no dma event and have the device ff:1f.7"
#define UNPAIRED(count)                                                                                      \
    "missing: " count                                                                                        \
    " dma_unmap_sg belong to no mapping in the log, so their accesses are not known; record from "           \
    "boot on (trace_event=iommu,dma)"
#define CUT(count) count " scatter lists were cut by the kernel, and what they have behind is not known"

Test(ftrace_pairs, reports)
{
    log_test_report("02-invented-write.ftrace.txt",
                    "100050000000,01:00.0,read,0xfff00000,4096,\n"
                    "100050000000,01:00.0,unmap,0xfff00000,4096,\n",
                    UNPAIRED("1"));
    log_test_report("03-vfio-map-claimed.ftrace.txt",
                    "438308514000,ff:1f.7,map,0xc0000000,1073741824,0x140000000\n"
                    "438350000000,01:00.0,map_ro,0xfffc0000,4096,0x700000000\n",
                    UNKNOWN("1"));
    log_test_report("03-vfio-unmap-claimed-10s-later.ftrace.txt",
                    "438308514000,ff:1f.7,map,0xc0000000,1073741824,0x140000000\n"
                    "448350000000,01:00.0,map_ro,0xfffc0000,4096,0x700000000\n"
                    "448351000000,01:00.0,read,0xfffc0000,4096,\n"
                    "448351000000,01:00.0,unmap,0xfffc0000,4096,\n"
                    "460000000000,ff:1f.7,unmap,0xc0000000,1073741824,\n",
                    UNKNOWN("2"));
    log_test_report(
        "05-two-pci-domains.ftrace.txt",
        "327000001000,01:00.0,map,0xfe980000,4096,0x10ec80000\n"
        "327000003000,ff:00.0,map,0xfe980000,4096,0x20ec80000\n"
        "327000005000,01:00.0,write,0xfe980000,4096,\n"
        "327000005000,01:00.0,unmap,0xfe980000,4096,\n"
        "327000007000,ff:00.0,write,0xfe980000,4096,\n"
        "327000007000,ff:00.0,unmap,0xfe980000,4096,\n",
        "1 devices have the PCI address of a device in another PCI domain, for which an id has no "
        "room, and are numbered from ff:00.0, the first is \"0002:01:00.0\"");
    log_test_report("07-64k-pages-scatter.ftrace.txt",
                    "327000001000,01:00.0,map,0xffff0000,65536,0x10ec80000\n"
                    "327000003000,02:00.0,map,0xffff0000,65536,0x20ec80000\n"
                    "327000005000,01:00.0,write,0xffff0000,4096,\n"
                    "327000006000,01:00.0,unmap,0xffff0000,65536,\n"
                    "327000007000,02:00.0,write,0xffff0000,4096,\n"
                    "327000008000,02:00.0,unmap,0xffff0000,65536,\n",
                    NULL);
}

Test(ftrace_pairs, syncs_and_lists_of_another_domain_stay_apart)
{
    log_test(TEXT,
             IDLE
             "1.000001: dma_map_sg: 0000:01:00.0 dir=FROM_DEVICE dma_addrs={0x1000} sizes={0x1000} "
             "phys_addrs={0x8000} attrs=\n" IDLE
             "1.000002: dma_unmap_sg: 10000:01:00.0 dir=FROM_DEVICE phys_addrs={0x8000} attrs=\n" IDLE
             "1.000003: dma_sync_single_for_cpu: 10000:01:00.0 dir=FROM_DEVICE dma_addr=1000 size=64\n" IDLE
             "1.000004: dma_unmap_sg: 0000:01:00.0 dir=FROM_DEVICE phys_addrs={0x8000} attrs=\n",
             "1000003000,ff:00.0,write,0x1000,64,\n"
             "1000004000,01:00.0,write,0x1000,4096,\n",
             "1 devices have the PCI address of a device in another PCI domain, for which an id has no room, "
             "and are numbered from ff:00.0, the first is \"10000:01:00.0\"; " UNPAIRED("1"));
}

Test(ftrace_pairs, granules_of_4_16_and_64_KiB)
{
    static const unsigned granules[] = {4096, 16384, 65536};
    for (unsigned i = 0; i < 3; i++) {
        unsigned g = granules[i];
        char text[2048], rows[1024];
        snprintf(text, sizeof text,
                 VMM
                 "1.000001: map: IOMMU: iova=0x%x paddr=0x100000 size=%u\n" VMM
                 "1.000002: dma_map_page: 01:00.0 dir=FROM_DEVICE dma_addr=%x size=512 phys_addr=100200\n" VMM
                 "1.000003: unmap: IOMMU: iova=0x%x size=%u unmapped_size=%u\n" VMM
                 "1.000004: dma_unmap_page: 01:00.0 dir=FROM_DEVICE dma_addr=%x size=512\n",
                 7 * g, g, 7 * g + 512, 7 * g, g, g, 7 * g + 512);
        snprintf(rows, sizeof rows,
                 "1000001000,01:00.0,map,%u,%u,0x100000\n1000003000,01:00.0,write,%u,512,\n"
                 "1000003000,01:00.0,unmap,%u,%u,\n",
                 7 * g, g, 7 * g + 512, 7 * g, g);
        log_test(TEXT, text, rows, NULL);
    }
    /* Smaller pages elsewhere show that this is not the granule. */
    log_test(TEXT,
             VMM "1.000000: map: IOMMU: iova=0x7000 paddr=0x100000 size=4096\n" VMM
                 "1.000001: map: IOMMU: iova=0x10000 paddr=0x100000 size=65536\n" VMM
                 "1.000002: dma_map_page: 01:00.0 dir=FROM_DEVICE dma_addr=10000 size=512 phys_addr=200200\n",
             "1000000000,ff:1f.7,map,0x7000,4096,0x100000\n"
             "1000001000,ff:1f.7,map,0x10000,65536,0x100000\n",
             UNKNOWN("2"));
}

Test(ftrace_pairs, the_nearest_one)
{
    /* The VMM maps guest memory at the page that its own disk uses a moment later. */
    log_test(TEXT,
             VMM "1.000001: map: IOMMU: iova=0x1000 - 0x2000 paddr=0x8000 size=4096\n" VMM
                 "1.010000: map: IOMMU: iova=0x1000 - 0x2000 paddr=0x9000 size=4096\n" VMM
                 "1.010002: dma_map_page: 01:00.0 dir=TO_DEVICE dma_addr=1000 size=4096 phys_addr=9000\n" VMM
                 "1.020000: unmap: IOMMU: iova=0x1000 - 0x2000 size=4096 unmapped_size=4096\n" VMM
                 "1.030000: unmap: IOMMU: iova=0x1000 - 0x2000 size=4096 unmapped_size=4096\n" VMM
                 "1.030001: dma_unmap_page: 01:00.0 dir=TO_DEVICE dma_addr=1000 size=4096\n",
             "1000001000,ff:1f.7,map,0x1000,4096,0x8000\n"
             "1010000000,01:00.0,map_ro,0x1000,4096,0x9000\n"
             "1020000000,ff:1f.7,unmap,0x1000,4096,\n"
             "1030000000,01:00.0,read,0x1000,4096,\n"
             "1030000000,01:00.0,unmap,0x1000,4096,\n",
             UNKNOWN("2"));
    /* Guest memory inside a list is none of its pieces, and too old ones are not near. */
    log_test(TEXT,
             VMM "1.000000: map: IOMMU: iova=0x5000 paddr=0x8000 size=4096\n" VMM
                 "1.010000: map: IOMMU: iova=0x2000 paddr=0x7000 size=4096\n" VMM
                 "1.010001: map: IOMMU: iova=0x1000 paddr=0x9000 size=4096\n" VMM
                 "1.010002: map: IOMMU: iova=0x2000 paddr=0xb000 size=8192\n" VMM
                 "1.010003: dma_map_sg: 01:00.0 dir=TO_DEVICE dma_addrs={0x1000} sizes={0x3000} "
                 "phys_addrs={0x9000,0xb000,0xc000}\n" VMM
                 "1.110001: dma_map_page: 01:00.0 dir=TO_DEVICE dma_addr=5000 size=4096 phys_addr=8000\n",
             "1000000000,ff:1f.7,map,0x5000,4096,0x8000\n"
             "1010000000,ff:1f.7,map,0x2000,4096,0x7000\n"
             "1010001000,01:00.0,map_ro,0x1000,4096,0x9000\n"
             "1010002000,01:00.0,map_ro,0x2000,8192,0xb000\n",
             UNKNOWN("2"));
}

Test(ftrace_pairs, a_device_without_iommu_owns_no_map)
{
    log_test(TEXT,
             VMM
             "1.000001: map: IOMMU: iova=0x1000 - 0x2000 paddr=0x8000 size=4096\n" VMM
             "1.000002: dma_map_page: 01:00.0 dir=FROM_DEVICE dma_addr=1000 size=4096 phys_addr=1000\n" VMM
             "1.000003: unmap: IOMMU: iova=0x1000 - 0x2000 size=4096 unmapped_size=4096\n" VMM
             "1.000004: dma_unmap_page: 01:00.0 dir=FROM_DEVICE dma_addr=1000 size=4096\n" VMM
             "1.000005: dma_unmap_sg: 01:00.0 dir=FROM_DEVICE phys_addrs={0x8000}\n" VMM
             "1.000006: unmap: IOMMU: iova=0xc0000000 size=1073741824 unmapped_size=1073741824\n",
             "1000001000,ff:1f.7,map,0x1000,4096,0x8000\n"
             "1000003000,ff:1f.7,unmap,0x1000,4096,\n"
             "1000004000,01:00.0,write,0x1000,4096,\n"
             "1000006000,ff:1f.7,unmap,0xc0000000,1073741824,\n",
             UNKNOWN("3") "; " UNPAIRED("1"));
}

Test(ftrace_pairs, an_unknown_list_takes_the_unmap_next_to_it)
{
    /* An interrupt unmaps in between. */
    log_test(TEXT,
             IDLE "1.000001: dma_unmap_sg: 01:00.0 dir=FROM_DEVICE phys_addrs={0x8000}\n" IDLE
                  "1.000002: unmap: IOMMU: iova=0x5000 size=4096 unmapped_size=4096\n" IDLE
                  "1.000003: dma_unmap_page: 02:00.0 dir=TO_DEVICE dma_addr=5000 size=64\n" IDLE
                  "1.000004: unmap: IOMMU: iova=0x1000 size=4096 unmapped_size=4096\n",
             "1000002000,02:00.0,read,0x5000,64,\n"
             "1000002000,02:00.0,unmap,0x5000,4096,\n"
             "1000004000,01:00.0,write,0x1000,4096,\n"
             "1000004000,01:00.0,unmap,0x1000,4096,\n",
             NULL);
    /* Not one whose map is in the log, one that has less pages than the list, or one much later. */
    log_test(TEXT,
             VMM "1.000000: map: IOMMU: iova=0x1000 paddr=0x8000 size=8192\n" VMM
                 "1.000001: dma_unmap_sg: 01:00.0 dir=FROM_DEVICE phys_addrs={0x8000,0xa000}\n" VMM
                 "1.000002: unmap: IOMMU: iova=0x1000 size=8192 unmapped_size=8192\n" VMM
                 "1.000003: unmap: IOMMU: iova=0x4000 size=4096 unmapped_size=4096\n" VMM
                 "1.020003: unmap: IOMMU: iova=0x6000 size=8192 unmapped_size=8192\n",
             "1000000000,ff:1f.7,map,0x1000,8192,0x8000\n"
             "1000002000,ff:1f.7,unmap,0x1000,8192,\n"
             "1000003000,ff:1f.7,unmap,0x4000,4096,\n"
             "1020003000,ff:1f.7,unmap,0x6000,8192,\n",
             UNKNOWN("4") "; " UNPAIRED("1"));
}

Test(ftrace_pairs, two_devices_that_may_own_an_unmap_do_not)
{
    log_test(TEXT,
             VMM "1.000001: dma_unmap_page: 01:00.0 dir=TO_DEVICE dma_addr=5000 size=64\n" VMM
                 "1.000002: dma_unmap_page: 02:00.0 dir=TO_DEVICE dma_addr=5000 size=64\n" VMM
                 "1.000003: unmap: IOMMU: iova=0x5000 size=4096 unmapped_size=4096\n",
             "1000001000,01:00.0,read,0x5000,64,\n"
             "1000002000,02:00.0,read,0x5000,64,\n"
             "1000003000,ff:1f.7,unmap,0x5000,4096,\n",
             UNKNOWN("1"));
    /* A later event that must own it does. */
    log_test(TEXT,
             VMM "1.000001: dma_unmap_page: 01:00.0 dir=TO_DEVICE dma_addr=5000 size=64\n" VMM
                 "1.000003: unmap: IOMMU: iova=0x5000 size=4096 unmapped_size=4096\n" VMM
                 "1.000004: dma_unmap_page: 02:00.0 dir=TO_DEVICE dma_addr=5000 size=64\n",
             "1000001000,01:00.0,read,0x5000,64,\n"
             "1000003000,02:00.0,read,0x5000,64,\n"
             "1000003000,02:00.0,unmap,0x5000,4096,\n",
             NULL);
}

/* ---- lists that the kernel cut ---- */

enum { LISTED = 128, ALL = 200, PIECES = ALL + 1 };

/* A list of 200 ranges of 2 KiB at every page from 16 MiB on, of which 128 are listed. */
static size_t write_cut_list(char *text, size_t capacity, bool maps, const char *more)
{
    size_t used = 0;
    for (unsigned i = 0; maps && i < ALL; i++)
        used += (size_t)snprintf(text + used, capacity - used,
                                 VMM "1.%06u: map: IOMMU: iova=0x%x paddr=0x%x size=4096\n", i,
                                 0x1000000 + i * 4096, 0x800000 + i * 8192);
    used += (size_t)snprintf(text + used, capacity - used,
                             VMM "1.001000: dma_map_sg: 01:00.0 dir=FROM_DEVICE nents=%d/%d ents=%d/%d "
                                 "[TRUNCATED] dma_addrs={",
                             LISTED, ALL, LISTED, ALL);
    for (unsigned list = 0; list < 4; list++)
        for (unsigned i = 0; i < LISTED; i++) {
            static const char *const behind[] = {
                "} sizes={", "} phys_addrs={",
                "} attrs=\n" IDLE "1.500000: dma_unmap_sg: 01:00.0 dir=FROM_DEVICE phys_addrs={",
                "} attrs=\n"};
            unsigned value = list == 0 ? 0x1000000 + i * 4096 : list == 1 ? 2048 : 0x800000 + i * 8192;
            used += (size_t)snprintf(text + used, capacity - used, "0x%x%s", value,
                                     i + 1 < LISTED ? "," : behind[list]);
        }
    return used + (size_t)snprintf(text + used, capacity - used, "%s", more);
}

#define UNMAP_ALL IDLE "1.500001: unmap: IOMMU: iova=0x1000000 size=819200 unmapped_size=819200\n"

/* Bytes written and maps of 01:00.0; `missing` is what is missing. */
static void read_cut_list(bool maps, const char *more, uint64_t written, uint64_t mapped, const char *missing)
{
    enum { CAPACITY = 64 * 1024 };
    char *text = malloc(CAPACITY);
    cr_assert_not_null(text);
    size_t bytes = write_cut_list(text, CAPACITY, maps, more);
    struct trace *trace;
    struct error error = {0};
    struct trace_batch batch = {.count = 1};
    uint64_t found_written = 0, found_mapped = 0;
    cr_assert(trace_open(trace_test_file(TEXT, text, bytes), NULL, UINT64_MAX, &trace, &error));
    while (batch.count > 0) {
        cr_assert(trace_next(trace, &batch, &error), "%s", error.text);
        for (size_t i = 0; i < batch.count; i++) {
            found_written += batch.op[i] == TRACE_WRITE ? batch.bytes[i] : 0;
            found_mapped += batch.op[i] == TRACE_MAP && batch.device[i] == 0x100;
        }
    }
    cr_expect_eq(found_written, written, "%llu bytes", (unsigned long long)found_written);
    cr_expect_eq(found_mapped, mapped, "%llu maps", (unsigned long long)found_mapped);
    struct trace_missing found = {0};
    trace_add_missing(trace, &found);
    cr_expect_eq(found.count, missing ? 1 : 0);
    if (missing && found.count == 1) {
        char said[TRACE_MISSING_TEXT_BYTES];
        trace_missing_text(&found.items[0], said);
        cr_expect(strncmp(said, missing, strlen(missing)) == 0, "%s", said);
    }
    trace_close(trace);
    free(text);
}

Test(ftrace_pairs, the_end_of_a_cut_list)
{
    enum { BYTES = LISTED * 2048 + (ALL - LISTED) * 4096 };
    read_cut_list(true, UNMAP_ALL, BYTES, ALL, NULL); /* from its maps */
    read_cut_list(false, UNMAP_ALL, BYTES, 0, NULL);  /* from its unmap */
    read_cut_list(true, "", BYTES, ALL, NULL);        /* lazy unmaps may be missing */
    read_cut_list(false, "", LISTED * 2048, 0, CUT("1"));
}

Test(ftrace_pairs, lists_of_which_only_memory_was_cut)
{
    log_test(TEXT,
             VMM "1.000001: dma_map_sg: 01:00.0 dir=FROM_DEVICE nents=128/300 ents=1/1 [TRUNCATED] "
                 "dma_addrs={0x1000} sizes={0x12c000} phys_addrs={0x8000} attrs=\n",
             "", NULL);
}
