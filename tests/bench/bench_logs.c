/* How fast logs are read: both passes, every rule checked, from plain text in the page cache, on one thread.
 * Prints a table and writes the JSON file given as the first argument; further arguments are logs to measure
 * besides the made-up ones. Never judges: machines differ and are noisy. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <jansson.h>

#include "traces/trace.h"

enum { TRANSFERS = 400000, ROUNDS = 5 };

/* One transfer of a page at `us`, as a version of QEMU, or the kernel, logs it. */
typedef void write_transfer(FILE *file, uint64_t us, uint64_t iova);

static void qemu_7_2(FILE *file, uint64_t us, uint64_t iova)
{
    static const char stamp[] = "9332@17953264";
    fprintf(file,
            "%s%02" PRIu64 ".%06" PRIu64 ":pci_nvme_read cid 1 nsid 1 nlb 8 count 4096 lba 0x%" PRIx64 "\n"
            "%s%02" PRIu64 ".%06" PRIu64 ":pci_nvme_map_addr addr 0x%" PRIx64 " len 4096\n"
            "%s%02" PRIu64 ".%06" PRIu64 ":vtd_dmar_translate dev 00:04.00 iova 0x%" PRIx64
            " -> gpa 0xf5b9000 mask 0xfff\n"
            "%s%02" PRIu64 ".%06" PRIu64
            ":vtd_inv_desc_iotlb_pages iotlb invalidate domain 0x5 addr 0x%" PRIx64 " mask 0x0\n",
            stamp, us / 1000000, us % 1000000, iova >> 9, stamp, us / 1000000, us % 1000000, iova, stamp,
            us / 1000000, us % 1000000, iova, stamp, us / 1000000, us % 1000000, iova);
}

static void qemu_10_virtio(FILE *file, uint64_t us, uint64_t iova)
{
    static const char stamp[] = "9332@17953264";
    fprintf(file,
            "%s%02" PRIu64 ".%06" PRIu64 ":virtio_iommu_map domain=2 virt_start=0x%" PRIx64
            " virt_end=0x%" PRIx64 " phys_start=0x38cc6000 flags=2\n"
            "%s%02" PRIu64 ".%06" PRIu64 ":address_space_map as:0x562e3fcb6508 addr 0x%" PRIx64
            ":1000 write:1 attrs:0x0\n"
            "%s%02" PRIu64 ".%06" PRIu64 ":virtio_iommu_unmap domain=2 virt_start=0x%" PRIx64
            " virt_end=0x%" PRIx64 "\n",
            stamp, us / 1000000, us % 1000000, iova, iova | 4095, stamp, us / 1000000, us % 1000000, iova,
            stamp, us / 1000000, us % 1000000, iova, iova | 4095);
}

static void qemu_10_1(FILE *file, uint64_t us, uint64_t iova)
{
    static const char stamp[] = "2026-01-08T17:03:";
    fprintf(file,
            "%s%02" PRIu64 ".%06" PRIu64 "Z address_space_map as:0x562e3fcb6508 addr 0x%" PRIx64
            ":1000 write:1 attrs:0x0\n"
            "%s%02" PRIu64 ".%06" PRIu64 "Z vtd_dmar_translate dev 00:04.00 iova 0x%" PRIx64
            " -> gpa 0xf5b9000 mask 0xfff\n",
            stamp, us / 1000000, us % 1000000, iova, stamp, us / 1000000, us % 1000000, iova);
}

static void ftrace_pages(FILE *file, uint64_t us, uint64_t iova)
{
    static const char task[] = "              fio-298     [000] ..s1. ";
    fprintf(file,
            "%s%5" PRIu64 ".%06" PRIu64 ": map: IOMMU: iova=0x%016" PRIx64 " - 0x%016" PRIx64
            " paddr=0x00000000377c8000 size=4096\n"
            "%s%5" PRIu64 ".%06" PRIu64 ": dma_map_page: 0000:00:04.0 dir=FROM_DEVICE dma_addr=%" PRIx64
            " size=4096 phys_addr=377c8000 attrs=\n"
            "%s%5" PRIu64 ".%06" PRIu64 ": unmap: IOMMU: iova=0x%016" PRIx64 " - 0x%016" PRIx64
            " size=4096 unmapped_size=4096\n"
            "%s%5" PRIu64 ".%06" PRIu64 ": dma_unmap_page: 0000:00:04.0 dir=FROM_DEVICE dma_addr=%" PRIx64
            " size=4096 attrs=\n",
            task, us / 1000000, us % 1000000, iova, iova + 4096, task, us / 1000000, us % 1000000, iova, task,
            us / 1000000, us % 1000000, iova, iova + 4096, task, us / 1000000, us % 1000000, iova);
}

static void ftrace_lists(FILE *file, uint64_t us, uint64_t iova)
{
    static const char task[] = "              fio-298     [000] ..s1. ";
    fprintf(file,
            "%s%5" PRIu64 ".%06" PRIu64 ": map: IOMMU: iova=0x%016" PRIx64 " - 0x%016" PRIx64
            " paddr=0x00000000377c8000 size=4096\n"
            "%s%5" PRIu64 ".%06" PRIu64
            ": dma_map_sg: 0000:00:04.0 dir=TO_DEVICE nents=1/1 ents=1/1 dma_addrs={0x%" PRIx64
            "} sizes={0x1000} phys_addrs={0x%" PRIx64 "} attrs=\n"
            "%s%5" PRIu64 ".%06" PRIu64 ": dma_unmap_sg: 0000:00:04.0 dir=TO_DEVICE phys_addrs={0x%" PRIx64
            "} attrs=\n"
            "%s%5" PRIu64 ".%06" PRIu64 ": unmap: IOMMU: iova=0x%016" PRIx64 " - 0x%016" PRIx64
            " size=4096 unmapped_size=4096\n",
            task, us / 1000000, us % 1000000, iova, iova + 4096, task, us / 1000000, us % 1000000, iova, iova,
            task, us / 1000000, us % 1000000, iova, task, us / 1000000, us % 1000000, iova, iova + 4096);
}

static const struct log {
    const char *name, *format, *first;
    write_transfer *write;
} logs[] = {
    {"qemu 7.2, VT-d", "qemu", "", qemu_7_2},
    {"qemu 10.0, virtio-iommu", "qemu", "9332@1795326400.000000:virtio_iommu_attach domain=2 endpoint=32\n",
     qemu_10_virtio},
    {"qemu 10.1, VT-d", "qemu", "", qemu_10_1},
    {"ftrace, pages", "ftrace", "", ftrace_pages},
    {"ftrace, scatter lists", "ftrace", "", ftrace_lists},
};

/* Processor time: one thread reads, and others may use the machine. */
static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static uint64_t read_all(const char *path, const char *format)
{
    struct trace *trace;
    struct trace_batch batch = {.count = 1};
    struct error error = {0};
    uint64_t records = 0;
    bool good = trace_open(path, format, UINT64_MAX, &trace, &error);
    while (good && batch.count > 0) {
        good = trace_next(trace, &batch, &error);
        records += batch.count;
    }
    if (!good) {
        fprintf(stderr, "%s\n", error.text);
        exit(1);
    }
    trace_close(trace);
    return records;
}

static uint64_t count_lines(const char *path)
{
    uint64_t lines = 0;
    FILE *file = fopen(path, "r");
    for (int c; file && (c = getc_unlocked(file)) != EOF;)
        lines += c == '\n';
    if (file)
        fclose(file);
    return lines;
}

static void bench(json_t *out, const char *name, const char *path, const char *format)
{
    double seconds[ROUNDS];
    uint64_t records = 0, lines = count_lines(path);
    struct stat status;
    for (unsigned r = 0; r < ROUNDS; r++) {
        double before = now_s();
        records = read_all(path, format);
        seconds[r] = now_s() - before;
    }
    qsort(seconds, ROUNDS, sizeof *seconds, compare);
    double median = seconds[ROUNDS / 2];
    double bytes = stat(path, &status) == 0 ? (double)status.st_size : 0;
    printf("%-32.32s %8.2f %8.1f %8.2f %8.2f\n", name, (double)records / 1e6, bytes / 1e6,
           (double)records / median / 1e6, (double)lines / median / 1e6);
    fflush(stdout);
    json_object_set_new(out, name,
                        json_pack("{s:I,s:f,s:f,s:f}", "records", (json_int_t)records, "records_per_s",
                                  (double)records / median, "lines_per_s", (double)lines / median,
                                  "bytes_per_s", bytes / median));
}

int main(int argc, char **argv)
{
    char path[64];
    snprintf(path, sizeof path, "bench_logs_%ld.log", (long)getpid());
    json_t *out = json_object();
    printf("Logs, medians of %d\n%-32s %8s %8s %8s %8s\n", ROUNDS, "", "M records", "MB", "M rec/s",
           "M line/s");
    for (size_t l = 0; l < sizeof logs / sizeof *logs; l++) {
        FILE *file = fopen(path, "w");
        if (!file) {
            perror(path);
            return 1;
        }
        fputs(logs[l].first, file);
        for (uint64_t i = 0; i < TRANSFERS; i++)
            logs[l].write(file, i * 37, UINT64_C(0xf0000000) + i % 65536 * 4096);
        fclose(file);
        bench(out, logs[l].name, path, logs[l].format);
        unlink(path);
    }
    for (int i = 2; i < argc; i++) {
        const char *slash = strrchr(argv[i], '/');
        bench(out, slash ? slash + 1 : argv[i], argv[i], NULL);
    }
    int failed = argc > 1 && json_dump_file(out, argv[1], JSON_INDENT(2)) != 0;
    if (failed)
        fprintf(stderr, "cannot write %s\n", argv[1]);
    json_decref(out);
    return failed;
}
