#include "analysis/machine.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

static void look_at_cpu(char *name, size_t bytes)
{
    FILE *file = fopen("/proc/cpuinfo", "re");
    char line[512];
    while (file && !name[0] && fgets(line, sizeof line, file)) {
        char *colon = strchr(line, ':');
        if (!colon || strncmp(line, "model name", 10) != 0)
            continue;
        colon += strspn(colon, ": \t");
        colon[strcspn(colon, "\n")] = '\0';
        snprintf(name, bytes, "%s", colon);
    }
    if (file)
        fclose(file);
}

/* In a container the control group's limit is what counts. */
static uint64_t control_group_bytes(void)
{
    FILE *file = fopen("/sys/fs/cgroup/memory.max", "re");
    char text[32] = "";
    if (file) {
        if (!fgets(text, sizeof text, file))
            text[0] = '\0';
        fclose(file);
    }
    return strtoull(text, NULL, 10); /* "max" gives 0 */
}

void machine_look(struct machine *machine)
{
    *machine = (struct machine){.cores = 1};
    struct utsname names;
    if (uname(&names) == 0) {
        snprintf(machine->host, sizeof machine->host, "%s", names.nodename);
        snprintf(machine->kernel, sizeof machine->kernel, "%s %s %s", names.sysname, names.release,
                 names.machine);
    }
    look_at_cpu(machine->cpu, sizeof machine->cpu);
    cpu_set_t usable;
    if (sched_getaffinity(0, sizeof usable, &usable) == 0 && CPU_COUNT(&usable) > 0)
        machine->cores = (unsigned)CPU_COUNT(&usable);
    long pages = sysconf(_SC_PHYS_PAGES), page_bytes = sysconf(_SC_PAGESIZE);
    if (pages > 0 && page_bytes > 0)
        machine->memory_bytes = (uint64_t)pages * (uint64_t)page_bytes;
    uint64_t limit = control_group_bytes();
    if (limit > 0 && limit < machine->memory_bytes)
        machine->memory_bytes = limit;
}

uint64_t machine_peak_rss_bytes(void)
{
    struct rusage usage;
    if (getrusage(RUSAGE_SELF, &usage) != 0)
        return 0;
    return (uint64_t)usage.ru_maxrss * 1024;
}
