#include "sim/base/cpu.h"

#include <stddef.h>

_Atomic int cpu_set_now = -1;

static enum cpu_set largest(void)
{
#if defined(__x86_64__)
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("bmi") || !__builtin_cpu_supports("bmi2") ||
        !__builtin_cpu_supports("popcnt"))
        return CPU_PLAIN;
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                   __builtin_cpu_supports("avx512vl")
               ? CPU_AVX512
               : CPU_AVX2;
#else
    return CPU_PLAIN;
#endif
}

int cpu_set_find(void)
{
    int none = -1;
    atomic_compare_exchange_strong(&cpu_set_now, &none, (int)largest());
    return atomic_load(&cpu_set_now);
}

enum cpu_set cpu_limit(enum cpu_set most)
{
    enum cpu_set set = largest();
    if (set > most)
        set = most;
    atomic_store(&cpu_set_now, (int)set);
    return set;
}

const char *cpu_set_name(enum cpu_set set)
{
    static const char *const names[CPU_SETS] = {"plain", "avx2", "avx512"};
    return names[set];
}
