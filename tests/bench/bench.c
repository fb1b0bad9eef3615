#include "tests/bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>

#include "sim/base/cpu.h"

static double clock_s(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

double bench_now_s(void)
{
    return clock_s(CLOCK_MONOTONIC);
}

double bench_cpu_s(void)
{
    return clock_s(CLOCK_PROCESS_CPUTIME_ID);
}

void bench_must(bool good, const struct error *error)
{
    if (good)
        return;
    fprintf(stderr, "%s\n", error->text);
    exit(1);
}

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

double bench_median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, compare);
    return values[count / 2];
}

bool bench_wanted(const struct bench *bench, const char *name)
{
    return strstr(name, bench->filter) != NULL;
}

/* ---- the machine ---- */

/* The value of a line "key : value" of /proc/cpuinfo; "" if there is none. */
static void cpu_line(const char *key, char *value, size_t bytes)
{
    char line[512];
    FILE *file = fopen("/proc/cpuinfo", "r");
    value[0] = '\0';
    while (file && fgets(line, sizeof line, file)) {
        const char *colon = strchr(line, ':');
        size_t length = strlen(key);
        if (!colon || strncmp(line, key, length) != 0 || (line[length] != '\t' && line[length] != ' '))
            continue;
        colon += 1 + strspn(colon + 1, " ");
        snprintf(value, bytes, "%.*s", (int)strcspn(colon, "\n"), colon);
        break;
    }
    if (file)
        fclose(file);
}

void bench_limit_instructions(void)
{
    const char *wanted = getenv("DIRTYWALK_BENCH_INSTRUCTIONS");
    for (int set = 0; wanted && set < CPU_SETS; set++)
        if (strcmp(wanted, cpu_set_name((enum cpu_set)set)) == 0 && cpu_limit((enum cpu_set)set) == (enum cpu_set)set)
            return;
    if (!wanted)
        return;
    fprintf(stderr, "DIRTYWALK_BENCH_INSTRUCTIONS=%s: this processor has no such set; write plain, avx2 or avx512\n",
            wanted);
    exit(1);
}

void bench_describe_machine(struct bench *bench)
{
    char name[256], family[32], model[32], text[384];
    struct utsname system = {0};
    uname(&system);
    cpu_line("model name", name, sizeof name);
    cpu_line("cpu family", family, sizeof family);
    cpu_line("model", model, sizeof model);
    if (family[0])
        snprintf(text, sizeof text, "%s (family %s, model %s)", name, family, model);
    else
        snprintf(text, sizeof text, "%s", name[0] ? name : system.machine);
    json_object_set_new(bench->out, "machine",
                        json_pack("{s:s, s:s, s:s}", "processor", text, "instructions",
                                  cpu_set_name(cpu_set()), "compiler", __VERSION__));
    printf("%s, instructions %s, compiler %s\n", text, cpu_set_name(cpu_set()), __VERSION__);
}

/* ---- cells ---- */

struct cell_config bench_cell(const struct pt_format *model)
{
    struct cell_config config = {.limit_records = UINT64_MAX, .max_payload_bytes = 4096, .seed = 1};
    config.iommu.model = model;
    config.iommu.levels = model->levels_max > 0 ? 4 : 0;
    config.iommu.granule_bytes = 4096;
    config.iommu.address_bits = 48;
    config.iommu.ha = config.iommu.hd = config.iommu.ril = true;
    config.iommu.mamv = 18;
    config.mapping.source = &mapping_static;
    config.mapping.page_sizes = UINT64_C(1) << 12;
    config.mapping.extent_bytes = 2 << 20;
    config.iotlb.entries = 1024;
    config.iotlb.ways = 8;
    config.walk_cache.entries = 32;
    config.tracking.method = &tracking_hardware;
    config.tracking.clear_on_start = true;
    config.harvest.policy = &policy_periodic;
    config.harvest.interval_ns = 100000000;
    config.harvest.flush = FLUSH_DOMAIN;
    config.harvest.granule_bytes = 4096;
    config.harvest.final = true;
    return config;
}
