/* What stands in front of an event in a QEMU log: time, thread, or nothing (traces/qemu/qemu_line.h); clocks
 * that are set back; what the log takes back. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <criterion/criterion.h>

#include "tests/unit/test_logs.h"
#include "tests/unit/test_traces.h"

TestSuite(qemu_lines, .fini = trace_test_clean);

#define LOG ".qemu.log"
#define NAMED "# as:0xa 00:04.0\n"

/* A file of tests/data/reports, NUL-terminated. */
static const char *report(const char *name)
{
    static char text[4096];
    char path[512];
    snprintf(path, sizeof path, TEST_SOURCE_DIR "/tests/data/reports/%s", name);
    FILE *file = fopen(path, "rb");
    cr_assert(file, "%s", path);
    text[fread(text, 1, sizeof text - 1, file)] = '\0';
    fclose(file);
    return text;
}

static const char reference[] = "1767891794791431000,00:04.0,write,0x44879000,4096,\n"
                                "1767891794791500000,00:04.0,unmap,0x44879000,4096,\n";

Test(qemu_lines, versions_with_the_same_events_give_the_same_records)
{
    log_test(LOG, report("01-qemu-10.0-reference.qemu.log"), reference, NULL);
    log_test(LOG, report("01-qemu-10.1-iso-time.qemu.log"), reference, NULL);
    log_test(LOG, report("16-bom.qemu.log"), reference, NULL);
}

#define MAP "address_space_map as:0xa addr 0x1000:1000 write:1 attrs:0x0\n"

Test(qemu_lines, times_in_iso_8601)
{
    log_test(LOG,
             NAMED "1970-01-01T00:00:00Z " MAP            /* no fraction where it is 0 */
                   "2000-02-29T23:59:59.5Z " MAP          /* a leap day */
                   "2000-03-01T00:00:00.000001Z " MAP     /* behind it */
                   "2100-03-01T00:00:00.123456789Z " MAP, /* no leap year */
             "0,00:04.0,write,0x1000,4096,\n"
             "951868799500000000,00:04.0,write,0x1000,4096,\n"
             "951868800000001000,00:04.0,write,0x1000,4096,\n"
             "4107542400123456789,00:04.0,write,0x1000,4096,\n",
             NULL);
    static const char *const wrong[] = {"2026-13-01T00:00:00Z ",    "2026-01-32T00:00:00Z ",
                                        "2026-01-01T24:00:00Z ",    "2026-01-01 00:00:00Z ",
                                        "2026-01-01T00:00:00.Z ",   "2026-01-01T00:00:00+01:00 ",
                                        "9999-01-01T00:00:00.000Z "};
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        char text[256];
        snprintf(text, sizeof text, NAMED "1970-01-01T00:00:00Z " MAP "%s" MAP, wrong[i]);
        log_test(LOG, text, "0,00:04.0,write,0x1000,4096,\n",
                 "1 lines are no event of this reader and were passed over, the first is line 3");
    }
}

Test(qemu_lines, guest_program_and_thread_in_front)
{
    static const char *const origins[] = {
        "2026-01-08T17:03:14Z qemu-system-x86_64(77:main): ",
        "2026-01-08T17:03:14Z [fish food] qemu-system-x86_64(77:CPU 0/TCG): ",
        "2026-01-08T17:03:14Z [a] (1:b): c] qemu-system-x86_64: (77:main): ",
        "2026-01-08T17:03:14Z [pci_nvme_read] my qemu(77:IO mon): ",
        "2026-01-08T17:03:14Z [fish food] ",
        "2026-01-08T17:03:14Z qemu: ",
    };
    for (size_t i = 0; i < sizeof origins / sizeof origins[0]; i++) {
        char text[256];
        snprintf(text, sizeof text, NAMED "%s" MAP, origins[i]);
        log_test(LOG, text, "1767891794000000000,00:04.0,write,0x1000,4096,\n", NULL);
    }
    /* Threads are told apart: each transfer is cut by the rest that its own thread logs. */
    log_test(
        LOG,
        "# as:0xa 00:04.0\n# as:0xb 00:05.0\n"
        "1970-01-01T00:00:01Z [vm 1] qemu(7:a): address_space_map as:0xa addr 0x1000:3000 write:1 attrs:0x0\n"
        "1970-01-01T00:00:01.01Z [vm 1] qemu(8:b): address_space_map as:0xa addr 0x2000:2000 write:1 "
        "attrs:0x0\n"
        "1970-01-01T00:00:01.02Z [vm 1] qemu(7:a): address_space_map as:0xa addr 0x3000:1000 write:1 "
        "attrs:0x0\n",
        "1000000000,00:04.0,write,0x1000,8192,\n"
        "1010000000,00:04.0,write,0x2000,8192,\n"
        "1020000000,00:04.0,write,0x3000,4096,\n",
        NULL);
}

#define NO_TIME                                                                                              \
    "the log has no times, so they are made up: 1 us from line to line (run QEMU with -msg timestamp=on to " \
    "have them)"

Test(qemu_lines, without_times_lines_are_a_microsecond_apart)
{
    log_test(LOG, report("qemu-without-time.qemu.log"), "3000,ff:00.0,write,0x44879000,4096,\n",
             NO_TIME "; 1 devices have no PCI address in the log and are numbered from ff:00.0 (name them by "
                     "lines \"# as:0x... bb:dd.f\"), the first is \"nvme\"");
    log_test(LOG, NAMED MAP "vtd_nothing of use\n[vm 1] qemu(7:a): " MAP,
             "1000,00:04.0,write,0x1000,4096,\n3000,00:04.0,write,0x1000,4096,\n", NO_TIME);
    log_test_bad(
        LOG, NAMED "1@1.0:" MAP MAP, 1,
        "error: line 3: has no time, which others have; record with -msg timestamp=on, or mend the line");
}

#define AT(thread, time) thread "@" time ":" MAP
#define ROW(time) time ",00:04.0,write,0x1000,4096,\n"
#define STEPS(count, line)                                                                                   \
    count " steps back of the clock, the first at line " line "; time goes on there from the line before "   \
          "(dirtywalk trace convert --sort keeps the times in the log)"
#define LATE                                                                                                 \
    " records were too late to be sorted and got the time of the one before (dirtywalk trace convert "       \
    "--sort "                                                                                                \
    "orders them by the times in the log)"

Test(qemu_lines, behind_a_step_of_the_clock_time_goes_on)
{
    log_test(LOG, report("08-clock-step.qemu.log"),
             "1767891794000000000,00:04.0,write,0x1000000,4096,\n"
             "1767891794500000000,00:04.0,write,0x1001000,4096,\n"
             "1767891794500000000,00:04.0,write,0x1000000,4096,\n"
             "1767891794800000000,00:04.0,write,0x1000000,4096,\n"
             "1767891795200000000,00:04.0,write,0x1000000,4096,\n",
             STEPS("1", "4"));
    /* Two, the first passed again; a small one, which the thread gives away. */
    log_test(LOG, NAMED AT("1", "5.0") AT("1", "3.0") AT("1", "5.5") AT("1", "5.49") AT("1", "5.5"),
             ROW("5000000000") ROW("5000000000") ROW("7500000000") ROW("7500000000") ROW("7510000000"),
             STEPS("2", "3"));
    /* Without threads: one within another, and by and by over the time before. */
    log_test(LOG,
             NAMED "1970-01-01T00:00:09Z " MAP "1970-01-01T00:00:05Z " MAP "1970-01-01T00:00:02Z " MAP
                   "1970-01-01T00:00:02.5Z " MAP "1970-01-01T00:00:03Z " MAP "1970-01-01T00:00:03.5Z " MAP
                   "1970-01-01T00:00:04Z " MAP,
             ROW("9000000000") ROW("9000000000") ROW("9000000000") ROW("9500000000") ROW("10000000000")
                 ROW("10500000000") ROW("11000000000"),
             STEPS("2", "3"));
}

Test(qemu_lines, a_late_line_is_no_step)
{
    log_test(LOG, NAMED AT("1", "5.0") AT("1", "5.2") AT("2", "4.0") AT("1", "5.3"),
             ROW("5000000000") ROW("5000000000") ROW("5200000000") ROW("5300000000"), "1" LATE);
    log_test(LOG, NAMED AT("1", "5.0") AT("2", "4.99") AT("1", "5.1"),
             ROW("4990000000") ROW("5000000000") ROW("5100000000"), NULL);
}

#define OWN "missing: 1 NVMe transfers are in the controller's own memory and are no records"

Test(qemu_lines, memory_of_the_controller_is_no_dma)
{
    log_test(LOG, report("09-nvme-cmb.qemu.log"), "1767891794000014000,00:04.0,write,0x44879000,4096,\n",
             OWN);
    log_test(LOG,
             "1@1.0:pci_nvme_read cid 1 nsid 1 nlb 8 count 4096 lba 0x0\n"
             "1@1.1:pci_nvme_map_addr addr 0x1000 len 4096\n"
             "1@1.2:vtd_dmar_translate dev 00:04.00 iova 0x1000 -> gpa 0x9000 mask 0xfff\n"
             "1@1.3:pci_nvme_map_addr addr 0x1000 len 4096\n"
             "1@1.4:pci_nvme_map_addr_pmr addr 0x1000 len 4096\n",
             "1100000000,00:04.0,write,0x1000,4096,\n", OWN);
}

Test(qemu_lines, a_refused_access_is_no_record)
{
    log_test(LOG,
             NAMED
             "1@1.0:address_space_map as:0xa addr 0x1000:1000 write:1 attrs:0x0\n"
             "1@1.1:vtd_dmar_fault sid 0x20 fault 5 addr 0x1000 write 1\n"
             "1@1.2:address_space_map as:0xa addr 0x1800:1800 write:1 attrs:0x0\n"
             "1@1.3:virtio_iommu_report_fault FAULT reason=2 flags=258 endpoint=32 address =0x2000\n"
             "1@1.4:address_space_map as:0xa addr 0x5000:1000 write:0 attrs:0x0\n"
             "1@1.5:smmuv3_translate_abort smmuv3-iommu-memory-region-32-4 sid=0x20 abort on iova:0x9000 "
             "is_write=0\n",
             "1200000000,00:04.0,write,0x1800,2048,\n1400000000,00:04.0,read,0x5000,4096,\n",
             "missing: 3 accesses were refused by the IOMMU and are no records");
}

Test(qemu_lines, an_id_that_no_record_has_is_not_warned_of)
{
    log_test(LOG, report("15-warning-of-unused-id.qemu.log"),
             "1767891794000003000,00:04.0,write,0x44879000,4096,\n"
             "1767891794000006000,00:05.0,read,0x44879000,4096,\n",
             NULL);
}

static void count(void *context, uint64_t lines)
{
    *(uint64_t *)context = lines;
}

Test(qemu_lines, who_opens_a_log_is_told_of_its_first_pass)
{
    static char text[20000 * 5];
    uint64_t seen = 0;
    struct trace *trace;
    struct error error = {0};
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = i % 5 == 4 ? '\n' : '#';
    const char *path = trace_test_file(LOG, text, sizeof text);
    trace_watch(count, &seen);
    cr_assert(trace_open(path, NULL, UINT64_MAX, &trace, &error), "%s", error.text);
    cr_expect_eq(seen, 16384);
    trace_watch(NULL, NULL);
    trace_close(trace);
}
