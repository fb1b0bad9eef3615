/* Other prints of the same events, and what the kernel and programs say they lost. */
#include <stdio.h>
#include <string.h>

#include <criterion/criterion.h>

#include "tests/unit/test_logs.h"
#include "tests/unit/test_traces.h"

TestSuite(ftrace_forms, .fini = trace_test_clean);

#define TEXT ".ftrace.txt"
#define NC "  nc-298     [000] ..s1.   "
#define UNKNOWN(count) count " maps or unmaps belong to no dma event and have the device ff:1f.7"
#define REFUSED(count)                                                                                       \
    "missing: " count " accesses were refused by the IOMMU (io_page_fault) and are no records"
#define BUFFERS "record with larger buffers (buffer_size_kb, trace-cmd record -b) or fewer events"
#define CUT(count)                                                                                           \
    "missing: " count                                                                                        \
    " events were cut by the kernel ([LINE TOO BIG]) and passed over; record with trace-cmd, "               \
    "whose report has no longest line"

Test(ftrace_forms, reports)
{
    log_test_report("dump-on-oops.ftrace.txt", "327747766000,ff:1f.7,unmap,0xfe980000,524288,\n",
                    UNKNOWN("1") "; " REFUSED("1"));
    log_test_report("option-fields.ftrace.txt",
                    "327000001000,ff:1f.7,map,0xfe980000,4096,0x10ec80000\n"
                    "327000002000,ff:1f.7,unmap,0xfe980000,4096,\n",
                    UNKNOWN("2"));
    log_test_report("perf-period.ftrace.txt",
                    "32472411000,ff:1f.7,map,0xfe980000,4096,0x10ec80000\n"
                    "32472411000,ff:1f.7,unmap,0xfe980000,4096,\n",
                    UNKNOWN("2"));
    log_test_report("trace-cmd-report-R.ftrace.txt",
                    "8857251000,00:04.0,map,0xfff80000,4096,0x284c7000\n"
                    "8857261000,00:04.0,write,0xfff80000,4096,\n"
                    "8857261000,00:04.0,unmap,0xfff80000,4096,\n",
                    NULL);
    log_test_report("10-map-of-size-0.ftrace.txt",
                    "327000002000,ff:1f.7,map,0xfffffffffffff000,4096,0x10ec80000\n",
                    UNKNOWN("1") "; missing: 2 maps or unmaps of 0 bytes were passed over");
    log_test_report("11-line-too-big.ftrace.txt",
                    "327000001000,ff:1f.7,map,0xffff0000,4096,0x10ec80000\n"
                    "327000005000,01:00.0,write,0xfffe0000,4096,\n",
                    UNKNOWN("1") "; " CUT("1"));
    log_test_report("12-blocked-write-counts.ftrace.txt",
                    "4878076000,c2:00.0,map,0xfe980000,524288,0x10ec80000\n"
                    "327747766000,c2:00.0,unmap,0xfe980000,524288,\n",
                    REFUSED("1"));
    log_test_report("06-ring-overwritten.ftrace.txt",
                    "327000001000,01:00.0,map,0xfe980000,4096,0x10ec80000\n",
                    "missing: 250278 events were overwritten while recording; " BUFFERS);
}

Test(ftrace_forms, scatter_lists_as_fields)
{
    /* As the option `fields` and as trace-cmd print them. */
    static const char rows[] = "1000001000,00:04.0,write,0xfff80000,8192,\n";
    log_test(
        TEXT,
        NC "1.000000: dma_map_sg: device=0000:00:04.0 full_nents=0x2 (2) full_ents=0x1 (1) truncated=(0) "
           "phys_addrs=00,70,4c,28,00,00,00,00,00,a0,4b,28,00,00,00,00 dma_addrs=00,00,f8,ff,00,00,00,00 "
           "lengths=00,20,00,00 dir=0x2 (2) attrs=0x0 (0)\n" NC "1.000001: dma_unmap_sg: device=0000:00:04.0 "
           "addrs=00,70,4c,28,00,00,00,00,00,a0,4b,28,00,00,00,00 dir=0x2 (2) attrs=0x0 (0)\n",
        rows, NULL);
    log_test(TEXT,
             NC
             "1.000000: dma_map_sg: device=0000:00:04.0 full_nents=2 full_ents=1 truncated=0 "
             "phys_addrs=ARRAY[00, 70, 4c, 28, 00, 00, 00, 00] dma_addrs=ARRAY[00, 00, f8, ff, 00, 00, 00, "
             "00] lengths=ARRAY[00, 20, 00, 00] dir=2 attrs=0x0\n" NC
             "1.000001: dma_unmap_sg: device=0000:00:04.0 addrs=ARRAY[00, 70, 4c, 28, 00, 00, 00, 00] dir=2 "
             "attrs=0x0\n",
             rows, NULL);
    log_test(TEXT,
             NC
             "1.000000: dma_map_sg: device=0000:00:04.0 full_nents=2 full_ents=2 truncated=1 "
             "phys_addrs=ARRAY[00, 70, 4c, 28, 00, 00, 00, 00] dma_addrs=ARRAY[00, 00, f8, ff, 00, 00, 00, "
             "00] lengths=ARRAY[00, 20, 00, 00] dir=2 attrs=0x0\n",
             "",
             "missing: 1 scatter lists were cut by the kernel, and what they have behind is not known; "
             "record iommu events too");
}

Test(ftrace_forms, headers)
{
    static const char row[] = "1000001000,00:04.0,write,0x1000,64,\n";
#define EVENT "dma_unmap_page: 00:04.0 dir=FROM_DEVICE dma_addr=1000 size=64 attrs=\n"
    static const char *const lines[] = {
        "nc worker  298/298 [000]     1.000001:      5  dma:" EVENT, /* perf with a period, */
        "nc 298 [000] 1.000001: dma:dma_unmap_page:kH: 00:04.0 dir=FROM_DEVICE dma_addr=1000 size=64\n",
        "nc worker-298   3d..1.     1.000001: " EVENT,                /* trace-cmd report -l, */
        "[    5.000000] nc worker-298     3d..1. 1000001us : " EVENT, /* dumps in the kernel's log, */
        "[    5.000000][  T298] nc-298      0d.h1. 1000001us!: " EVENT,
        "Nov 26 09:00:00 host kernel: nc-298      0d.h1. 1000001us+: " EVENT, /* and in the system's */
        "Dumping ftrace buffer:\n---------\nnc-298      0d.h1. 1000001us : " EVENT,
    };
    for (size_t i = 0; i < sizeof lines / sizeof lines[0]; i++)
        log_test(TEXT, lines[i], row, NULL);
}

Test(ftrace_forms, prints_without_time_or_task_are_told)
{
    static const char latency[] =
        "error: line 1: begins a trace in ftrace's latency format, whose times have no origin; record with "
        "`echo nolatency-format > trace_options` and the tracer nop";
    static const char graph[] = "is output of the tracer function_graph, whose events have neither task nor "
                                "time; record with `echo nop "
                                "> current_tracer`";
    char message[256];
    log_test_bad(TEXT, "# nop latency trace v1.1.5 on 6.12.0\n  <...>-12  3..... 1us : " EVENT, 0, latency);
    log_test_bad(
        TEXT, "  <...>-12  3..... 1us : " EVENT, 0,
        "error: line 1: is in ftrace's latency format, whose times have no origin; record with `echo "
        "nolatency-format > trace_options` and the tracer nop");
    snprintf(message, sizeof message, "error: line 1: %s", graph);
    log_test_bad(TEXT, "# tracer: function_graph\n#\n", 0, message);
    log_test_bad(TEXT, " 0)               |  /* map: IOMMU: iova=0x1000 paddr=0x1000 size=4096 */\n", 0,
                 message);
}

Test(ftrace_forms, losses)
{
    log_test(
        TEXT,
        "# entries-in-buffer/entries-written: 205/205   #P:4\n"
        "# entries-in-buffer/entries-written: 5/15   #P:4\n"
        "CPU: 0\nentries: 12\noverrun: 20\ncommit overrun: 3\nbytes: 99\noldest event ts: 1.0\nnow ts: 2.0\n"
        "dropped events: 4\nread events: 7\n"
        "CPU:1 [LOST EVENTS]\nCPU:1 [EVENTS DROPPED]\nCPU 0: 9 events lost\ndropped events: 0\n"
        "CPU:1 [LOST 5 EVENTS]\nCPU:0 [3 EVENTS DROPPED]\n[    3.000000] CPU:1 [LOST 8 EVENTS]\n"
        "  swapper     0 [001]  1.000000: PERF_RECORD_LOST lost 100\n"
        "[LINE TOO BIG]\n" NC "1.000001: map: [LINE TOO BIG]\n" NC
        "1.000002: dma_map_sg: 00:04.0 dir=TO_DEVICE dma_addrs={0x1000,0x2 [LINE TOO BIG]\n" NC
        "1.000003: dma_unmap_page: 00:04.0 dir=FROM_DEVICE dma_addr=ffffffffffffffff size=64 attrs=\n",
        "",
        "missing: 30 events were overwritten while recording; " BUFFERS
        "; missing: 132 events were lost while recording; " BUFFERS
        "; missing: 2 gaps in the recording have lost events whose number is not known; " BUFFERS
        "; " CUT("3") "; missing: 1 dma ranges pass 2^64 and were passed over");
}
