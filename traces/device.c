#include "traces/device.h"

#include <stdio.h>
#include <string.h>

#include "sim/base/units.h"
#include "traces/trace.h"

/* `digits` hexadecimal digits at *text, and `after` behind them ('\0': the end). */
static bool field(const char **text, unsigned digits, char after, unsigned most, unsigned *value)
{
    static const char hex[] = "0123456789abcdef0123456789ABCDEF";
    *value = 0;
    for (unsigned i = 0; i < digits; i++, (*text)++) {
        const char *digit = **text ? strchr(hex, **text) : NULL;
        if (!digit)
            return false;
        *value = *value << 4 | ((unsigned)(digit - hex) & 0xf);
    }
    if (**text != after)
        return false;
    *text += after != '\0';
    return *value <= most;
}

bool trace_device_parse(const char *text, uint16_t *device)
{
    uint64_t id;
    if (!strchr(text, ':')) {
        if (!units_parse_integer(text, &id, NULL) || id >= TRACE_DEVICES)
            return false;
        *device = (uint16_t)id;
        return true;
    }
    unsigned domain, bus, slot, function;
    size_t length = strlen(text); /* a domain has four digits, or five */
    if ((length == 12 || length == 13) && !field(&text, (unsigned)length - 8, ':', 0xfffff, &domain))
        return false;
    if (!field(&text, 2, ':', 0xff, &bus) || !field(&text, 2, '.', 0x1f, &slot) ||
        !field(&text, 1, '\0', 7, &function))
        return false;
    *device = (uint16_t)(bus << 8 | slot << 3 | function);
    return true;
}

char *trace_device_format(uint16_t device, char text[TRACE_DEVICE_TEXT_BYTES])
{
    snprintf(text, TRACE_DEVICE_TEXT_BYTES, "%02x:%02x.%x", (unsigned)device >> 8,
             (unsigned)device >> 3 & 0x1f, (unsigned)device & 7);
    return text;
}
