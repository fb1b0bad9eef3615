/* Which instructions hot loops may take. Every loop has a form in plain C that all others must equal. */
#ifndef SIM_BASE_CPU_H
#define SIM_BASE_CPU_H

#include <stdatomic.h>
#include <stdbool.h>

enum cpu_set {
    CPU_PLAIN,  /* what the build is for, no intrinsics */
    CPU_AVX2,   /* with BMI, BMI2 and POPCNT */
    CPU_AVX512, /* F, BW and VL besides */
    CPU_SETS
};

/* For cpu_set alone. */
extern _Atomic int cpu_set_now;
int cpu_set_find(void);

/** The largest set that this processor has and cpu_limit allows. Thread-safe. */
static inline enum cpu_set cpu_set(void)
{
    int set = atomic_load_explicit(&cpu_set_now, memory_order_relaxed);
    return (enum cpu_set)(__builtin_expect(set < 0, false) ? cpu_set_find() : set);
}

/** Take no larger set from now on: for tests and benchmarks, before anything is built. Returns the set taken. */
enum cpu_set cpu_limit(enum cpu_set most);

const char *cpu_set_name(enum cpu_set set);

/* What functions of a set are compiled for; empty where there is no such processor. */
#if defined(__x86_64__)
#define CPU_TARGET_AVX2 __attribute__((target("avx2,bmi,bmi2,popcnt")))
#define CPU_TARGET_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx2,bmi,bmi2,popcnt")))
#endif

#endif
