/* traces/ftrace/ftrace.c: kernel traces as records (traces/README.md). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "tests/unit/test_logs.h"
#include "tests/unit/test_traces.h"

TestSuite(ftrace, .fini = trace_test_clean);

#define TEXT ".ftrace.txt"
#define NC "  nc-298     [000] ..s1.   "
#define IDLE "  <idle>-0   [001] d.h1.   "

extern const struct trace_format trace_ftrace;

Test(ftrace, excerpts_of_recordings_give_their_records)
{
    cr_expect_eq(log_test_excerpt("linux612", TEXT), 33);
    cr_expect_eq(log_test_excerpt("trace-cmd", TEXT), 16);
}

Test(ftrace, what_it_cannot_show_is_told)
{
    cr_expect_not_null(strstr(trace_ftrace.limits, "rings"));
}

Test(ftrace, a_write_counts_when_its_mapping_goes)
{
    log_test(TEXT,
             NC "1.000001: map: IOMMU: iova=0x00000000fff8f000 - 0x00000000fff90000 "
                "paddr=0x00000000377c8000 size=4096\n" NC
                "1.000002: dma_map_page: 0000:00:06.0 dir=FROM_DEVICE dma_addr=fff8f0c0 size=1522 "
                "phys_addr=377c80c0 attrs=\n" IDLE
                "2.000000: unmap: IOMMU: iova=0x00000000fff8f000 - 0x00000000fff90000 size=4096 "
                "unmapped_size=4096\n" IDLE
                "2.000009: dma_unmap_page: 0000:00:06.0 dir=FROM_DEVICE dma_addr=fff8f0c0 size=1522 attrs=\n",
             "1000001000,00:06.0,map,0xfff8f000,4096,0x377c8000\n"
             "2000000000,00:06.0,write,0xfff8f0c0,1522,\n"
             "2000000000,00:06.0,unmap,0xfff8f000,4096,\n",
             NULL);
}

Test(ftrace, directions)
{
    log_test(
        TEXT,
        NC "1.000001: map: IOMMU: iova=0x1000 - 0x2000 paddr=0x8000 size=4096\n" NC
           "1.000002: dma_map_phys: 00:04.0 dir=TO_DEVICE dma_addr=1000 size=100 phys_addr=8000 attrs=\n" NC
           "1.000003: map: IOMMU: iova=0x3000 - 0x4000 paddr=0x9000 size=4096\n" NC
           "1.000004: dma_map_phys: 00:04.0 dir=BIDIRECTIONAL dma_addr=3004 size=8 phys_addr=9004 attrs=\n" NC
           "1.000005: unmap: IOMMU: iova=0x3000 - 0x4000 size=4096 unmapped_size=4096\n" NC
           "1.000006: dma_unmap_phys: 00:04.0 dir=BIDIRECTIONAL dma_addr=3004 size=8 attrs=\n" NC
           "1.000007: unmap: IOMMU: iova=0x1000 - 0x2000 size=4096 unmapped_size=4096\n" NC
           "1.000008: dma_unmap_phys: 00:04.0 dir=TO_DEVICE dma_addr=1000 size=100 attrs=\n",
        "1000001000,00:04.0,map_ro,0x1000,4096,0x8000\n"
        "1000003000,00:04.0,map,0x3000,4096,0x9000\n"
        "1000005000,00:04.0,read,0x3004,8,\n"
        "1000005000,00:04.0,write,0x3004,8,\n"
        "1000005000,00:04.0,unmap,0x3000,4096,\n"
        "1000007000,00:04.0,read,0x1000,100,\n"
        "1000007000,00:04.0,unmap,0x1000,4096,\n",
        NULL);
}

Test(ftrace, the_columns_of_other_programs_and_kernels)
{
    static const char row[] = "139422648000,00:06.0,map,0xfff8f000,4096,0x377c8000\n";
    /* trace_options record-tgid */
    log_test(TEXT,
             "  nc worker-298  (  290) [000] ..s1.   139.422648: map: IOMMU: iova=0xfff8f000 "
             "paddr=0x377c8000 size=4096\n"
             "  nc worker-298  (-----) [000] ..s1.   139.422649: dma_map_page: 0000:00:06.0 dir=FROM_DEVICE "
             "dma_addr=0xfff8f0c0 size=1522 phys_addr=0x377c80c0 attrs=\n",
             row, NULL);
    /* perf script, and nanoseconds */
    log_test(TEXT,
             "  nc   298 [000]   139.422648000: iommu:map: IOMMU: iova=0xfff8f000 - 0xfff90000 "
             "paddr=0x377c8000 size=4096\n"
             "  nc   298 [000]   139.422649123: dma:dma_map_page: 0000:00:06.0 dir=FROM_DEVICE "
             "dma_addr=fff8f0c0 size=1522 phys_addr=377c80c0 attrs=\n",
             row, NULL);
    /* raw fields of trace-cmd, and a task whose name looks like a CPU */
    log_test(TEXT,
             "  a [x] [12]-298   [000]   139.422648: map:   [FAILED TO PARSE] iova=4294504448 "
             "paddr=0x377c8000 size=4096\r\n"
             "  a [x] [12]-298   [000]   139.422649: dma_map_page:  [FAILED TO PARSE] device=0000:00:06.0 "
             "phys_addr=0x377c80c0 dma_addr=4294504640 size=1522 dir=2 attrs=0x0\r\n",
             row, NULL);
}

Test(ftrace, tasks_that_map_the_same_address_at_once_are_told_apart)
{
    log_test(
        TEXT,
        "  a-1 [000] .....  1.000001: map: IOMMU: iova=0x1000 - 0x2000 paddr=0x8000 size=4096\n"
        "  b-2 [001] .....  1.000002: map: IOMMU: iova=0x1000 - 0x2000 paddr=0x9000 size=4096\n"
        "  b-2 [001] .....  1.000003: dma_map_page: 00:05.0 dir=FROM_DEVICE dma_addr=1000 size=4096\n"
        "  a-1 [000] .....  1.000004: dma_map_page: 00:04.0 dir=FROM_DEVICE dma_addr=1000 size=4096\n"
        "  <idle>-0 [000] .....  2.000001: unmap: IOMMU: iova=0x1000 - 0x2000 size=4096 unmapped_size=4096\n"
        "  <idle>-0 [001] .....  2.000002: unmap: IOMMU: iova=0x1000 - 0x2000 size=4096 unmapped_size=4096\n"
        "  <idle>-0 [001] .....  2.000003: dma_unmap_page: 00:04.0 dir=FROM_DEVICE dma_addr=1000 size=4096\n"
        "  <idle>-0 [000] .....  2.000004: dma_unmap_page: 00:05.0 dir=FROM_DEVICE dma_addr=1000 size=4096\n",
        "1000001000,00:04.0,map,0x1000,4096,0x8000\n"
        "1000002000,00:05.0,map,0x1000,4096,0x9000\n"
        "2000001000,00:05.0,write,0x1000,4096,\n"
        "2000001000,00:05.0,unmap,0x1000,4096,\n"
        "2000002000,00:04.0,write,0x1000,4096,\n"
        "2000002000,00:04.0,unmap,0x1000,4096,\n",
        NULL);
}

Test(ftrace, scatter_lists)
{
    /* The same pages mapped twice are unmapped in the same order; segments that were not merged stay apart.
     */
    log_test(TEXT,
             NC "1.000001: dma_map_sg: 00:04.0 dir=FROM_DEVICE nents=2/2 ents=2/2 dma_addrs={0x1000,0x5000} "
                "sizes={0x800,0x1000} phys_addrs={0x8000,0x9000} attrs=\n" NC
                "1.000002: dma_map_sg: 00:04.0 dir=FROM_DEVICE dma_addrs={0xa000} sizes={0x1800} "
                "phys_addrs={0x8000,0x9000} attrs=\n" IDLE
                "1.000003: dma_unmap_sg: 00:04.0 dir=FROM_DEVICE phys_addrs={0x8000,0x9000} attrs=\n" IDLE
                "1.000004: unmap: IOMMU: iova=0x1000 - 0x2000 size=4096 unmapped_size=4096\n" IDLE
                "1.000005: unmap: IOMMU: iova=0x5000 - 0x6000 size=4096 unmapped_size=4096\n" IDLE
                "1.000006: dma_unmap_sg: 00:04.0 dir=FROM_DEVICE phys_addrs={0x8000,0x9000} attrs=\n",
             "1000003000,00:04.0,write,0x1000,2048,\n"
             "1000003000,00:04.0,write,0x5000,4096,\n"
             "1000004000,00:04.0,unmap,0x1000,4096,\n"
             "1000005000,00:04.0,unmap,0x5000,4096,\n"
             "1000006000,00:04.0,write,0xa000,6144,\n",
             NULL);
    /* Mapped before recording began: the pages come from the iommu:unmap that follows, if one does. */
    log_test(TEXT,
             IDLE "1.000003: dma_unmap_sg: 00:04.0 dir=FROM_DEVICE phys_addrs={0x8000} attrs=\n" IDLE
                  "1.000004: unmap: IOMMU: iova=0x1000 - 0x3000 size=8192 unmapped_size=8192\n" IDLE
                  "1.000005: dma_unmap_sg: 00:05.0 dir=FROM_DEVICE phys_addrs={0x7000} attrs=\n" IDLE
                  "1.000006: dma_unmap_page: 00:06.0 dir=TO_DEVICE dma_addr=5000 size=64 attrs=\n" IDLE
                  "1.000007: unmap: IOMMU: iova=0x5000 - 0x6000 size=4096 unmapped_size=4096\n",
             "1000004000,00:04.0,write,0x1000,8192,\n"
             "1000004000,00:04.0,unmap,0x1000,8192,\n"
             "1000006000,00:06.0,read,0x5000,64,\n"
             "1000007000,00:06.0,unmap,0x5000,4096,\n",
             "missing: 1 dma_unmap_sg belong to no mapping in the log, so their accesses are not known; "
             "record from boot "
             "on (trace_event=iommu,dma)");
    log_test(TEXT,
             NC "1.000001: dma_map_sg: 00:04.0 dir=TO_DEVICE nents=128/300 [TRUNCATED] ents=1/2 [TRUNCATED] "
                "dma_addrs={0x1000} sizes={0x800} phys_addrs={0x8000} attrs=\n",
             "",
             "missing: 1 scatter lists were cut by the kernel, and what they have behind is not known; "
             "record iommu "
             "events too");
}

Test(ftrace, memory_that_stays_mapped_has_no_accesses_but_its_syncs)
{
    log_test(
        TEXT,
        NC
        "1.000001: map: IOMMU: iova=0x1000 - 0x2000 paddr=0x8000 size=4096\n" NC
        "1.000002: dma_alloc: 00:06.0 dma_addr=1000 size=4096 virt_addr=00000000edbb18d8 "
        "flags=GFP_ATOMIC\n" NC
        "1.000003: dma_map_page: 00:06.0 dir=FROM_DEVICE dma_addr=2000 size=4096 phys_addr=9000 attrs=\n" NC
        "1.000004: dma_sync_single_for_cpu: 00:06.0 dir=FROM_DEVICE dma_addr=2040 size=1494\n" NC
        "1.000005: dma_sync_single_for_cpu: 00:06.0 dir=TO_DEVICE dma_addr=4000 size=16\n" NC
        "1.000006: dma_sync_single_for_device: 00:06.0 dir=FROM_DEVICE dma_addr=2000 size=2048\n" NC
        "1.000007: dma_sync_sg_for_cpu: 00:06.0 dir=FROM_DEVICE dma_addrs={0x2800,0x6000} "
        "sizes={0x10,0x20}\n" NC
        "1.000008: dma_unmap_page: 00:06.0 dir=FROM_DEVICE dma_addr=2000 size=4096 attrs=SKIP_CPU_SYNC\n" NC
        "1.000009: dma_unmap_page: 00:06.0 dir=FROM_DEVICE dma_addr=2000 size=64 attrs=\n" NC
        "1.000010: dma_free: 00:06.0 dir=BIDIRECTIONAL dma_addr=1000 size=4096 virt_addr=0 attrs=\n" NC
        "1.000011: unmap: IOMMU: iova=0x1000 - 0x2000 size=4096 unmapped_size=4096\n",
        "1000001000,00:06.0,map,0x1000,4096,0x8000\n"
        "1000004000,00:06.0,write,0x2040,1494,\n"
        "1000007000,00:06.0,write,0x2800,16,\n"
        "1000007000,00:06.0,write,0x6000,32,\n"
        "1000009000,00:06.0,write,0x2000,64,\n"
        "1000011000,00:06.0,unmap,0x1000,4096,\n",
        NULL);
}

Test(ftrace, refused_accesses_are_counted)
{
    log_test(TEXT,
             NC
             "1.000001: io_page_fault: IOMMU:vfio-pci 0000:c1:00.1 iova=0x00000000deadb000 flags=0x0001\n" NC
             "1.000002: io_page_fault: IOMMU: 0000:c1:00.1 iova=0x00000000deadc000 flags=0x0000\n",
             "", "missing: 2 accesses were refused by the IOMMU (io_page_fault) and are no records");
}

Test(ftrace, what_cannot_be_attributed_is_counted)
{
    log_test(
        TEXT,
        "# tracer: nop\n\nversion = 6\n"
        "CPU:1 [LOST 12 EVENTS]\nCPU:0 [3 EVENTS DROPPED]\n"
        "  qemu-kvm-4575 [003] .....  1.000001: map: IOMMU: iova=0x1000 - 0x2000 paddr=0x8000 size=4096\n"
        "  qemu-kvm-4575 [003] .....  1.000002: unmap: IOMMU: iova=0x1000 - 0x2000 size=4096 "
        "unmapped_size=0\n"
        "  qemu-kvm-4575 [003] .....  1.000003: sched_switch: prev_comm=x\n"
        "  qemu-kvm-4575 [003] .....  1.000004: map: something else\n"
        "not a trace line\n"
        "  x-1 [000] .....  1.000005: dma_unmap_page: fe340000.mmc dir=FROM_DEVICE dma_addr=9000 size=512\n"
        "  x-1 [000] .....  1.000006: dma_unmap_page: xhci dir=FROM_DEVICE dma_addr=a000 size=8\n"
        "  x-1 [000] .....  1.000007: dma_unmap_page: fe340000.mmc dir=FROM_DEVICE dma_addr=b000 size=8\n"
        "  x-1 [000] .....  1.000008: dma_unmap_page: 0000:00:06.0 dir=FROM_DEV",
        "1000001000,ff:1f.7,map,0x1000,4096,0x8000\n"
        "1000005000,ff:00.0,write,0x9000,512,\n"
        "1000006000,ff:00.1,write,0xa000,8,\n"
        "1000007000,ff:00.0,write,0xb000,8,\n",
        "3 lines are no event of iommu or dma and were passed over, the first is line 8; "
        "1 maps or unmaps belong to no dma event and have the device ff:1f.7; "
        "2 devices have no PCI address and are numbered from ff:00.0, the first is \"fe340000.mmc\"; "
        "missing: 15 events were lost while recording; record with larger buffers (buffer_size_kb, trace-cmd "
        "record "
        "-b) or fewer events; missing: 1 maps or unmaps of 0 bytes were passed over; "
        "missing: 1 line at the end is cut and was passed over");
}

Test(ftrace, an_unmap_without_dma_event_has_no_device)
{
    log_test(TEXT,
             NC "1.000001: map: IOMMU: iova=0x1000 - 0x2000 paddr=0x8000 size=4096\n" NC
                "1.000002: dma_alloc: 00:06.0 dir=BIDIRECTIONAL dma_addr=1000 size=4096\n" IDLE
                "5.000001: unmap: IOMMU: iova=0x1000 - 0x2000 size=4096 unmapped_size=4096\n" IDLE
                "5.000002: unmap: IOMMU: iova=0x1000 - 0x2000 size=4096 unmapped_size=4096\n",
             "1000001000,00:06.0,map,0x1000,4096,0x8000\n"
             "5000001000,ff:1f.7,unmap,0x1000,4096,\n"
             "5000002000,ff:1f.7,unmap,0x1000,4096,\n",
             "2 maps or unmaps belong to no dma event and have the device ff:1f.7");
}

Test(ftrace, lines_out_of_order_are_sorted_within_the_window)
{
    log_test(
        TEXT,
        IDLE "1.050000: dma_unmap_page: 00:06.0 dir=FROM_DEVICE dma_addr=1000 size=1\n" IDLE
             "1.000000: dma_unmap_page: 00:06.0 dir=FROM_DEVICE dma_addr=2000 size=2\n" IDLE
             "1.050000: dma_unmap_page: 00:06.0 dir=FROM_DEVICE dma_addr=3000 size=3\n" IDLE
             "3.000000: dma_unmap_page: 00:06.0 dir=FROM_DEVICE dma_addr=4000 size=4\n" IDLE
             "1.000001: dma_unmap_page: 00:06.0 dir=FROM_DEVICE dma_addr=5000 size=5\n",
        "1000000000,00:06.0,write,0x2000,2,\n"
        "1050000000,00:06.0,write,0x1000,1,\n"
        "1050000000,00:06.0,write,0x3000,3,\n"
        "1050000000,00:06.0,write,0x5000,5,\n"
        "3000000000,00:06.0,write,0x4000,4,\n",
        "1 records were too late to be sorted and got the time of the one before (dirtywalk trace convert "
        "--sort orders them by the times in the log)");
}

Test(ftrace, malformed_lines_are_named)
{
#define GOOD IDLE "1.000000: dma_unmap_page: 00:06.0 dir=FROM_DEVICE dma_addr=1000 size=1\n"
    static const struct {
        const char *line, *message;
    } cases[] = {
        {"map: IOMMU: iova=0x1000 paddr=0x8000", "map: size is missing or no number"},
        {"map: IOMMU: iova=zz paddr=0x8000 size=4096", "map: iova is missing or no number"},
        {"map: IOMMU: iova=0x1000 - 0x3000 paddr=0x8000 size=4096",
         "map: the range has 8192 bytes but size=4096"},
        {"map: IOMMU: iova=0x1008 paddr=0x8000 size=4096",
         "map: iova 0x1008, address 0x8000 or size 4096 is no multiple of 4 KiB"},
        {"unmap: IOMMU: iova=0x1000 size=4097 unmapped_size=4097",
         "unmap: iova 0x1000, address 0x0 or size 4097 is no multiple of 4 KiB"},
        {"map: IOMMU: iova=0xfffffffffffff000 paddr=0x8000 size=8192",
         "map: iova 0xfffffffffffff000 + 8192 bytes passes 2^64"},
        {"map: IOMMU: iova=0x11112222333344445 paddr=0x8000 size=4096", "map: iova is missing or no number"},
        {"unmap: IOMMU: iova=0x1000 - 0x3000 unmapped_size=x",
         "unmap: unmapped_size is missing or no number"},
        {"dma_map_page: 00:06.0 dir=UP dma_addr=1000 size=1",
         "dma_map_page: dir is missing or none of FROM_DEVICE, TO_DEVICE, BIDIRECTIONAL"},
        {"dma_map_page: 00:06.0 dir=FROM_DEVICE size=1", "dma_map_page: dma_addr is missing or no number"},
        {"dma_map_page: [FAILED TO PARSE] dir=2 size=1", "dma_map_page: the device is missing"},
        {"dma_map_sg: 00:06.0 dir=FROM_DEVICE dma_addrs={0x1} sizes={0x1,0x2} phys_addrs={0x8}",
         "dma_map_sg: 1 dma_addrs with 2 sizes"},
        {"dma_map_sg: 00:06.0 dir=FROM_DEVICE dma_addrs={0x1} sizes={0x1} phys_addrs={}",
         "dma_map_sg: phys_addrs is missing or no list of addresses"},
        {"dma_map_sg: [FAILED TO PARSE] device=00:06.0 dir=2 phys_addrs=ARRAY[01, 00, 00, 00, 00, 00, 00, "
         "00] "
         "dma_addrs=ARRAY[01, 00] lengths=ARRAY[01, 00, 00, 00]",
         "dma_map_sg: dma_addrs is missing or no list of addresses"},
        {"dma_sync_sg_for_cpu: 00:06.0 dir=FROM_DEVICE dma_addrs={0x1} sizes={0x1",
         "dma_sync_sg_for_cpu: sizes is missing or no list of sizes"},
        {"io_page_fault: IOMMU: iova=0x1 flags=0x0", "io_page_fault: the device is missing"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[1024], message[256];
        snprintf(text, sizeof text, "# x\n" GOOD IDLE "1.5: %s\n" GOOD, cases[i].line);
        snprintf(message, sizeof message, "error: line 3: %s", cases[i].message);
        log_test_bad(TEXT, text, 1, message);
    }
    log_test_bad(TEXT,
                 GOOD "  x-1 [000] .....  123456789: dma_unmap_page: 00:06.0 dir=NONE dma_addr=1 size=1\n", 1,
                 "error: line 2: its time is no seconds.microseconds; record with trace_clock mono, boot or "
                 "local");
}

Test(ftrace, a_binary_file_is_no_log)
{
    size_t length = 100000;
    char *bytes = malloc(length + 1);
    cr_assert_not_null(bytes);
    memset(bytes, 'x', length);
    bytes[length] = '\0';
    log_test_bad(TEXT, bytes, 0, "error: line 1 is longer than 65536 bytes; this is no text log");
    free(bytes);
}

Test(ftrace, a_file_of_something_else_is_refused)
{
    log_test_bad(
        TEXT, "# x\ntime_ns,device,op,iova,bytes\n1,2,write,4,5\n", 0,
        "error: none of its 3 lines is an event of iommu or dma as ftrace or `trace-cmd report` print "
        "them");
    log_test(TEXT, "# tracer: nop\n", "", NULL);
}

Test(ftrace, more_records_than_the_window_holds)
{
    /* All in one microsecond, so that only the bound of the window lets them go. */
    enum { LINES = 150000 };
    size_t capacity = (size_t)LINES * 96, used = 0;
    char *text = malloc(capacity);
    cr_assert_not_null(text);
    for (unsigned i = 0; i < LINES; i++)
        used +=
            (size_t)snprintf(text + used, capacity - used,
                             IDLE "1.5: dma_unmap_page: 00:06.0 dir=FROM_DEVICE dma_addr=%x size=64\n", i);
    struct trace_store store = trace_test_good(trace_test_file(TEXT, text, used));
    cr_assert_eq(store.count, LINES);
    for (unsigned i = 0; i < LINES; i++)
        cr_assert_eq(store.iova[i], i);
    trace_store_free(&store);
    free(text);
}

Test(ftrace, gzip_and_text_are_the_same)
{
    static const char text[] = GOOD "\0\0\0\0" GOOD;
    size_t length;
    unsigned char *gzip = trace_test_gzip(text, sizeof text - 1, &length);
    struct trace_store packed = trace_test_good(trace_test_file(".ftrace.txt.gz", gzip, length));
    struct trace_store plain = trace_test_good(trace_test_file(TEXT, text, sizeof text - 1));
    cr_expect_eq(plain.count, 2);
    cr_expect(trace_test_same(&packed, &plain));
    trace_store_free(&packed);
    trace_store_free(&plain);
    free(gzip);
}
