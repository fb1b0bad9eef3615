#include "sim/cache/atcs.h"

#include "sim/base/memory.h"

enum { DEVICE_IDS = UINT16_MAX + 1 };

bool atcs_init(struct atcs *atcs, uint64_t entries, uint64_t ways, uint32_t domain_count, uint64_t devices,
               struct error *error)
{
    *atcs = (struct atcs){.entries = entries, .ways = ways, .devices = devices};
    atcs->of_device = memory_zeroed(DEVICE_IDS, sizeof *atcs->of_device, error);
    atcs->of_domain = memory_zeroed(domain_count, sizeof *atcs->of_domain, error);
    return atcs->of_device && atcs->of_domain;
}

uint64_t atcs_bytes(void)
{
    return DEVICE_IDS * sizeof(uint32_t);
}

void atcs_free(struct atcs *atcs)
{
    for (size_t i = 0; i < atcs->count; i++)
        atc_free(&atcs->items[i].atc);
    memory_free(atcs->items);
    memory_free(atcs->of_device);
    memory_free(atcs->of_domain);
    *atcs = (struct atcs){0};
}

static bool add(struct atcs *atcs, uint32_t domain, uint16_t device)
{
    if (!memory_grow(&atcs->items, &atcs->capacity, atcs->count + 1, sizeof *atcs->items, NULL))
        return false;
    struct atcs_item *item = &atcs->items[atcs->count];
    *item = (struct atcs_item){.next = atcs->of_domain[domain], .device = device};
    if (!atc_init(&item->atc, atcs->entries, atcs->ways, NULL)) {
        atc_free(&item->atc); /* nobody may find half of one */
        return false;
    }
    atcs->count++;
    atcs->of_device[device] = atcs->of_domain[domain] = (uint32_t)atcs->count;
    return true;
}

struct atc *atcs_get(struct atcs *atcs, uint32_t domain, uint16_t device)
{
    if (atcs->of_device[device] == 0 && !add(atcs, domain, device)) {
        atcs->failed = true;
        return NULL;
    }
    return &atcs->items[atcs->of_device[device] - 1].atc;
}

void atcs_drop(struct atcs *atcs, uint32_t domain, struct span span, uint64_t sizes)
{
    for (uint32_t i = atcs->of_domain[domain]; i != 0; i = atcs->items[i - 1].next)
        atc_drop(&atcs->items[i - 1].atc, span, sizes);
}

void atcs_drop_all(struct atcs *atcs, uint32_t domain)
{
    for (uint32_t i = atcs->of_domain[domain]; i != 0; i = atcs->items[i - 1].next)
        atc_drop_all(&atcs->items[i - 1].atc);
}
