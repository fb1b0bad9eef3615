#include "traces/qemu/qemu_maps.h"

enum { PAGE_BYTES = 4096 };

bool qemu_one_bit(uint64_t bits, unsigned *index)
{
    if (bits == 0 || (bits & (bits - 1)))
        return false;
    *index = (unsigned)__builtin_ctzll(bits);
    return true;
}

static void detach(struct qemu_maps *maps, uint16_t device)
{
    unsigned kept = 0;
    for (unsigned i = 0; i < maps->endpoint_count; i++)
        if (maps->endpoints[i].device != device)
            maps->endpoints[kept++] = maps->endpoints[i];
    maps->endpoint_count = kept;
}

static bool attach(struct qemu_maps *maps, uint64_t domain, uint16_t device, struct error *error)
{
    detach(maps, device);
    if (maps->endpoint_count == QEMU_ENDPOINTS)
        return error_set(error, ERROR_TRACE, "error: more than %d endpoints of virtio-iommu", QEMU_ENDPOINTS);
    maps->endpoints[maps->endpoint_count++] = (struct qemu_endpoint){.domain = domain, .device = device};
    return true;
}

/* The number of a domain's bit, or domain_count. */
static unsigned find_domain(const struct qemu_maps *maps, uint64_t domain)
{
    unsigned i = 0;
    while (i < maps->domain_count && maps->domains[i] != domain)
        i++;
    return i;
}

/* Domains beyond the bits are not told apart: pages that they map say nothing. */
static uint64_t bit_of(struct qemu_maps *maps, uint64_t domain)
{
    unsigned i = find_domain(maps, domain);
    if (i == QEMU_BITS)
        return 0;
    if (i == maps->domain_count)
        maps->domains[maps->domain_count++] = domain;
    return UINT64_C(1) << i;
}

static bool map(struct qemu_maps *maps, uint64_t bit, uint64_t page, struct error *error)
{
    uint64_t *bits = log_table_full(&maps->mapped) ? log_table_find(&maps->mapped, page)
                                                   : log_table_make(&maps->mapped, page, error);
    if (bits)
        *bits |= bit;
    return bits || log_table_full(&maps->mapped);
}

static void unmap(struct qemu_maps *maps, uint64_t bit, uint64_t page)
{
    uint64_t *bits = log_table_find(&maps->mapped, page);
    if (bits && (*bits &= ~bit) == 0)
        log_table_remove(&maps->mapped, page);
}

bool qemu_maps_take(struct qemu_maps *maps, const struct qemu_event *event, struct error *error)
{
    if (event->kind == QEMU_ATTACH)
        return attach(maps, event->domain, event->device, error);
    if (event->kind == QEMU_DETACH)
        detach(maps, event->device);
    if (event->kind != QEMU_MAP && event->kind != QEMU_UNMAP)
        return true;
    uint64_t bit = bit_of(maps, event->domain);
    uint64_t first = event->iova / PAGE_BYTES, pages = (event->bytes - 1) / PAGE_BYTES + 1;
    for (uint64_t i = 0; bit && i < pages && i < QEMU_LEARNT_PAGES; i++)
        if (event->kind == QEMU_UNMAP)
            unmap(maps, bit, first + i);
        else if (!map(maps, bit, first + i, error))
            return false;
    return true;
}

bool qemu_maps_device(const struct qemu_maps *maps, uint64_t iova, uint16_t *device)
{
    unsigned index, attached = 0;
    const uint64_t *bits = log_table_find(&maps->mapped, iova / PAGE_BYTES);
    if (!bits || !qemu_one_bit(*bits, &index))
        return false;
    for (unsigned i = 0; i < maps->endpoint_count; i++)
        if (maps->endpoints[i].domain == maps->domains[index]) {
            *device = maps->endpoints[i].device;
            attached++;
        }
    return attached == 1;
}

bool qemu_maps_reaches(const struct qemu_maps *maps, uint64_t iova, uint16_t device)
{
    const uint64_t *bits = log_table_find(&maps->mapped, iova / PAGE_BYTES);
    unsigned e = 0;
    while (e < maps->endpoint_count && maps->endpoints[e].device != device)
        e++;
    if (!bits || e == maps->endpoint_count)
        return false;
    unsigned d = find_domain(maps, maps->endpoints[e].domain);
    return d < maps->domain_count && *bits >> d & 1;
}

void qemu_maps_clear(struct qemu_maps *maps)
{
    log_table_clear(&maps->mapped, NULL);
    maps->endpoint_count = maps->domain_count = 0;
}
