#include "traces/ftrace/ftrace_names.h"

#include <stdio.h>
#include <string.h>

#include "sim/base/memory.h"
#include "traces/trace.h"

struct ftrace_names {
    struct log_devices numbered;
    unsigned of_domains, first_of_domain, first_nameless; /* of those numbered */
    uint32_t domain[TRACE_DEVICES];                       /* of the device that has the id, + 1 */
};

struct ftrace_names *ftrace_names_new(struct error *error)
{
    return memory_zeroed(1, sizeof(struct ftrace_names), error);
}

void ftrace_names_free(struct ftrace_names *names)
{
    memory_free(names);
}

void ftrace_names_clear(struct ftrace_names *names)
{
    memset(names, 0, sizeof *names);
}

bool ftrace_names_find(struct ftrace_names *names, const char *name, unsigned length, uint16_t *device,
                       struct error *error)
{
    const char *p = name;
    uint32_t domain;
    bool pci = log_pci_domain(&p, &domain, device) && p == name + length;
    if (pci && names->domain[*device] == 0)
        names->domain[*device] = domain + 1;
    if (pci && names->domain[*device] == domain + 1)
        return true;
    unsigned before = names->numbered.count;
    if (!log_device_named(&names->numbered, name, length, device, error))
        return false;
    if (names->numbered.count == before)
        return true;
    if (pci && names->of_domains++ == 0)
        names->first_of_domain = before;
    else if (!pci && before == names->of_domains)
        names->first_nameless = before;
    return true;
}

void ftrace_names_warn(const struct ftrace_names *names, char warning[LOG_WARNING_BYTES])
{
    char text[256];
    const char(*called)[LOG_DEVICE_NAME_BYTES] = names->numbered.names;
    snprintf(text, sizeof text,
             "devices have no PCI address and are numbered from ff:00.0, the first is \"%s\"",
             called[names->first_nameless]);
    log_warn(warning, names->numbered.count - names->of_domains, text);
    snprintf(
        text, sizeof text,
        "devices have the PCI address of a device in another PCI domain, for which an id has no room, and "
        "are numbered from ff:00.0, the first is \"%s\"",
        called[names->first_of_domain]);
    log_warn(warning, names->of_domains, text);
}
