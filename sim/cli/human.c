#include "sim/cli/human.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/units.h"

_Static_assert((int)HUMAN_BYTES >= (int)UNITS_TEXT_BYTES, "a value of units.h must fit");

void human_count(double count, char text[HUMAN_BYTES])
{
    static const char *const units[] = {"", " k", " M", " G", " T", " P"};
    unsigned unit = 0;
    while (count >= 999.95 && unit + 1 < sizeof units / sizeof *units) {
        count /= 1000;
        unit++;
    }
    if (unit == 0)
        snprintf(text, HUMAN_BYTES, "%.0f", count);
    else
        snprintf(text, HUMAN_BYTES, "%.1f%s", count, units[unit]);
}

void human_bytes(uint64_t bytes, char text[HUMAN_BYTES])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    unsigned unit = 0;
    double size = (double)bytes;
    while (size >= 1024 && unit + 1 < sizeof units / sizeof *units) {
        size /= 1024;
        unit++;
    }
    if ((double)(uint64_t)size < size)
        snprintf(text, HUMAN_BYTES, "%.1f%s", size, units[unit]);
    else
        snprintf(text, HUMAN_BYTES, "%.0f%s", size, units[unit]);
}

void human_ns(uint64_t ns, char text[HUMAN_BYTES])
{
    static const char *const units[] = {"ns", "us", "ms", "s"};
    unsigned unit = 0;
    double time = (double)ns;
    while (time >= 1000 && unit + 1 < sizeof units / sizeof *units) {
        time /= 1000;
        unit++;
    }
    if ((double)(uint64_t)time < time)
        snprintf(text, HUMAN_BYTES, "%.1f%s", time, units[unit]);
    else
        snprintf(text, HUMAN_BYTES, "%.0f%s", time, units[unit]);
}

void human_seconds(double seconds, char text[HUMAN_BYTES])
{
    if (seconds < 10) {
        snprintf(text, HUMAN_BYTES, "%.1fs", seconds);
        return;
    }
    uint64_t whole = seconds < 1e9 ? (uint64_t)(seconds + 0.5) : 1000000000;
    unsigned long long hours = whole / 3600, minutes = whole / 60 % 60, rest = whole % 60;
    if (hours > 0)
        snprintf(text, HUMAN_BYTES, "%lluh%02llum", hours, minutes);
    else if (minutes > 0)
        snprintf(text, HUMAN_BYTES, "%llum%02llus", minutes, rest);
    else
        snprintf(text, HUMAN_BYTES, "%llus", rest);
}

void human_parameter(const char *value, const char *unit, char *text, size_t text_bytes)
{
    size_t used = 0;
    text[0] = '\0';
    for (const char *part = value; used + 1 < text_bytes;) {
        size_t length = strcspn(part, "+");
        char human[HUMAN_BYTES], *end;
        unsigned long long number = strtoull(part, &end, 10);
        bool is_number = length > 0 && (size_t)(end - part) == length;
        if (is_number && strcmp(unit, "bytes") == 0)
            units_format_size(number, human);
        else if (is_number && strcmp(unit, "ns") == 0)
            units_format_time(number, human);
        else if (is_number && strcmp(unit, "bytes/s") == 0)
            units_format_rate(number, human);
        else
            snprintf(human, sizeof human, "%.*s", (int)(length < sizeof human ? length : sizeof human - 1),
                     part);
        int printed = snprintf(text + used, text_bytes - used, "%s%s", human, part[length] ? "+" : "");
        used += printed > 0 ? (size_t)printed : 0;
        if (!part[length])
            break;
        part += length + 1;
    }
}
