#include "traces/csv/csv_notes.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "traces/device.h"

void csv_notes_begin(struct csv_notes *notes)
{
    memset(notes, 0, sizeof *notes);
}

void csv_notes_domain(struct csv_notes *notes, uint16_t device, uint32_t domain)
{
    uint32_t *first = &notes->domain_of[device];
    uint8_t bit = (uint8_t)(1U << device % 8);
    if (*first == 0)
        *first = domain + 1;
    if (*first == domain + 1 || notes->collided[device / 8] & bit)
        return;
    notes->collided[device / 8] |= bit;
    if (notes->collisions < CSV_COLLISIONS_NAMED)
        notes->named[notes->collisions] =
            (struct csv_collision){.device = device, .domains = {*first - 1, domain}};
    notes->collisions++;
}

static void say(struct csv_notes *notes, const char *text)
{
    size_t used = strlen(notes->warning);
    snprintf(notes->warning + used, sizeof notes->warning - used, "%s%s", used ? "; " : "", text);
}

/* "ids hold no PCI domain, so 0000:01:00.0 and 10000:01:00.0 (id 256) count as one device" */
static void say_collisions(struct csv_notes *notes)
{
    char text[512] = "device ids hold no PCI domain, so these count as one device each: ";
    for (uint32_t i = 0; i < notes->collisions && i < CSV_COLLISIONS_NAMED; i++) {
        const struct csv_collision *c = &notes->named[i];
        char device[TRACE_DEVICE_TEXT_BYTES];
        trace_device_format(c->device, device);
        size_t used = strlen(text);
        snprintf(text + used, sizeof text - used, "%s%04" PRIx32 ":%s and %04" PRIx32 ":%s (id %u)",
                 i ? ", " : "", c->domains[0], device, c->domains[1], device, c->device);
    }
    size_t used = strlen(text);
    if (notes->collisions > CSV_COLLISIONS_NAMED)
        snprintf(text + used, sizeof text - used, " and %" PRIu32 " more",
                 notes->collisions - CSV_COLLISIONS_NAMED);
    if (notes->collisions > 0)
        say(notes, text);
}

void csv_notes_write(struct csv_notes *notes, bool no_records)
{
    char text[256];
    notes->warning[0] = '\0';
    if (notes->ignored[0])
        say(notes, notes->ignored);
    if (notes->address)
        say(notes, "ignored addresses of records that are no map");
    say_collisions(notes);
    snprintf(text, sizeof text,
             "%" PRIu64 " of %" PRIu64
             " addresses begin a page only if their digits are hexadecimal; write 0x in "
             "front of hexadecimal numbers",
             notes->hexadecimal, notes->addresses);
    if (notes->hexadecimal > notes->addresses / 2)
        say(notes, text);
    if (no_records)
        say(notes, "the file has a header and no records");
}
