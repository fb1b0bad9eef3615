/* What the parts of bench_engine share: time, rows, and the cell that rows vary. */
#ifndef TESTS_BENCH_BENCH_H
#define TESTS_BENCH_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "sim/base/error.h"
#include "sim/config.h"
#include "sim/mapping/mapping.h"
#include "sim/policy/policy.h"
#include "sim/pt/pt.h"
#include "sim/tracking/tracking.h"
#include "traces/trace.h"

extern const struct pt_format pt_amd_v1, pt_intel_ss, pt_smmu_s1, pt_smmu_s2, pt_riscv_g;
extern const struct mapping_source mapping_static, mapping_trace;
extern const struct harvest_policy policy_records, policy_periodic, policy_precopy;
extern const struct tracking_method tracking_hardware, tracking_device, tracking_log, tracking_write_protect;

struct bench {
    json_t *out;        /* one object per row; "machine" */
    const char *filter; /* rows whose names contain it are measured */
};

double bench_now_s(void);
/** Processor time of this process: rows of one thread use it, as it does not count what else the machine
 * does. */
double bench_cpu_s(void);
/** Ends the program with the error's text unless `good`. */
void bench_must(bool good, const struct error *error);
/** Sorts the values. */
double bench_median(double *values, size_t count);
bool bench_wanted(const struct bench *bench, const char *name);

/** DIRTYWALK_BENCH_INSTRUCTIONS=plain|avx2|avx512: take no larger set of instructions than this. */
void bench_limit_instructions(void);

/** Prints and notes the processor, the set of instructions that hot loops take on it, and the compiler. */
void bench_describe_machine(struct bench *bench);

/** A cell of the model: nothing mapped, 4 KiB leaves, 1024 IOTLB entries of 8 ways, every 100 ms a harvest
 * that clears and a domain flush. */
struct cell_config bench_cell(const struct pt_format *model);

/** Rows of one recorded trace: with map records tables follow it, else everything is mapped
 * (bench_recorded.c). */
void bench_recorded(struct bench *bench, const char *path);

/** Map records, many mappings, many domains, harvests with nothing to do: time and memory (bench_maps.c). */
void bench_maps(struct bench *bench);

#endif
