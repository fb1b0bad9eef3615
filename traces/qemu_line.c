#include "traces/qemu_line.h"

#include <string.h>

#include "traces/log_line.h"

enum {
    PAGE_SHIFT = 12,
    DOMAIN_VTD = 1,
    DOMAIN_SMMU = 2,
    DOMAIN_VIRTIO = 3,
};

static bool expected(const char *form, struct error *error)
{
    return error_set(error, ERROR_TRACE, "it should read \"%s\"", form);
}

/* The number behind `key` in the text, hexadecimal or decimal. */
static bool hex_behind(const char *text, const char *key, uint64_t *value)
{
    const char *p = strstr(text, key);
    return p && (p += strlen(key), log_hex(&p, value));
}

static bool number_behind(const char *text, const char *key, uint64_t *value)
{
    const char *p = strstr(text, key);
    return p && (p += strlen(key), log_number(&p, value));
}

static uint64_t domain_of(unsigned kind, uint64_t number)
{
    return (uint64_t)kind << 32 | (number & UINT32_MAX);
}

static void set_direction(struct qemu_event *event, uint64_t write)
{
    event->writes = write != 0;
    event->reads = write == 0;
}

static bool access_event(const char *text, struct qemu_event *event, struct error *error)
{
    uint64_t write;
    event->name = text;
    event->name_length = (unsigned)strcspn(text, " ");
    if (event->name_length == 0 || !hex_behind(text, " as:", &event->as) ||
        !hex_behind(text, " addr ", &event->iova) || !number_behind(text, " len ", &event->bytes) ||
        !number_behind(text, " write ", &write))
        return expected("address_space_dma NAME as:0x... addr 0x... len N write 0|1", error);
    set_direction(event, write);
    return true;
}

/* The length is hexadecimal without 0x. */
static bool as_map_event(const char *text, struct qemu_event *event, struct error *error)
{
    uint64_t write;
    const char *p = text;
    if (!log_literal(&p, "as:") || !log_hex(&p, &event->as) || !log_literal(&p, " addr ") ||
        !log_hex(&p, &event->iova) || !log_literal(&p, ":") || !log_hex(&p, &event->bytes) ||
        !log_literal(&p, " write:") || !log_decimal(&p, &write))
        return expected("address_space_map as:0x... addr 0x...:LENGTH write:0|1", error);
    set_direction(event, write);
    return true;
}

static bool nvme_read(const char *text, struct qemu_event *event, struct error *error)
{
    (void)text, (void)error;
    set_direction(event, 1);
    return true;
}

static bool nvme_write(const char *text, struct qemu_event *event, struct error *error)
{
    (void)text, (void)error;
    set_direction(event, 0);
    return true;
}

static bool nvme_other(const char *text, struct qemu_event *event, struct error *error)
{
    (void)text, (void)error;
    event->writes = event->reads = false;
    return true;
}

static bool nvme_address(const char *text, struct qemu_event *event, struct error *error)
{
    const char *p = text;
    return (log_literal(&p, "addr ") && log_hex(&p, &event->iova) && log_literal(&p, " len ") &&
            log_decimal(&p, &event->bytes)) ||
           expected("pci_nvme_map_addr addr 0x... len N", error);
}

static bool nic_data(const char *text, struct qemu_event *event, struct error *error)
{
    uint64_t offset;
    if (!hex_behind(text, "addr: ", &event->iova) || !number_behind(text, "offset: ", &offset) ||
        !number_behind(text, "length: ", &event->bytes))
        return expected("..._rx_desc_buff_write buffer N, addr: 0x..., offset: N, from: 0x..., length: N",
                        error);
    event->iova += offset;
    set_direction(event, 1);
    return true;
}

static bool nic_descriptor(const char *text, struct qemu_event *event, struct error *error)
{
    set_direction(event, 1);
    return (hex_behind(text, "PA: ", &event->iova) && number_behind(text, "length: ", &event->bytes)) ||
           expected("..._rx_descr Next RX descriptor: ring #N, PA: 0x..., length: N", error);
}

static bool vtd_translate(const char *text, struct qemu_event *event, struct error *error)
{
    const char *p = text;
    return (log_literal(&p, "dev ") && log_pci(&p, &event->device) && log_literal(&p, " iova ") &&
            log_hex(&p, &event->iova)) ||
           expected("vtd_dmar_translate dev bb:dd.ff iova 0x... -> gpa 0x... mask 0x...", error);
}

static bool smmu_translate(const char *text, struct qemu_event *event, struct error *error)
{
    uint64_t stream;
    if (!number_behind(text, " sid=", &stream) || stream > UINT16_MAX ||
        !hex_behind(text, " iova=", &event->iova))
        return expected("smmuv3_translate_success NAME sid=0x... iova=0x... translated=0x...", error);
    event->device = (uint16_t)stream;
    return true;
}

/* `pages` << `shift` bytes, or all that is left behind the address. */
static void set_pages(struct qemu_event *event, uint64_t pages, uint64_t shift)
{
    uint64_t left = -event->iova; /* of 2^64; 0 is all of it */
    if (left == 0)
        left = -(UINT64_C(1) << PAGE_SHIFT);
    event->bytes = shift > 63 || pages > left >> shift ? left : pages << shift;
}

static bool vtd_invalidate(const char *text, struct qemu_event *event, struct error *error)
{
    uint64_t domain, mask;
    const char *p = text;
    if (!log_literal(&p, "iotlb invalidate domain ") || !log_hex(&p, &domain) || !log_literal(&p, " addr ") ||
        !log_hex(&p, &event->iova) || !log_literal(&p, " mask ") || !log_hex(&p, &mask))
        return expected("vtd_inv_desc_iotlb_pages iotlb invalidate domain 0x... addr 0x... mask 0x...",
                        error);
    /* It is the range of 2^mask pages around the address. */
    uint64_t shift = mask < 64 - PAGE_SHIFT ? mask + PAGE_SHIFT : 64;
    event->iova = shift < 64 ? event->iova >> shift << shift : 0;
    set_pages(event, 1, shift);
    event->domain = domain_of(DOMAIN_VTD, domain);
    return true;
}

static bool smmu_invalidate(const char *text, struct qemu_event *event, struct error *error)
{
    uint64_t vmid, asid, granule, pages;
    if (!number_behind(text, "vmid=", &vmid) || !number_behind(text, "asid=", &asid) ||
        !hex_behind(text, "addr=", &event->iova) || !number_behind(text, "tg=", &granule) ||
        !number_behind(text, "num_pages=", &pages) || granule > 3)
        return expected("smmuv3_range_inval vmid=N asid=N addr=0x... tg=0..3 num_pages=0x...", error);
    set_pages(event, pages, granule == 0 ? PAGE_SHIFT : 10 + 2 * granule);
    event->domain = domain_of(DOMAIN_SMMU, (vmid & 0xffff) << 16 | (asid & 0xffff));
    return true;
}

static bool virtio_endpoint(const char *text, struct qemu_event *event, struct error *error)
{
    uint64_t domain, endpoint;
    if (!number_behind(text, "domain=", &domain) || !number_behind(text, "endpoint=", &endpoint) ||
        endpoint > UINT16_MAX)
        return expected("virtio_iommu_attach or _detach domain=N endpoint=N", error);
    event->domain = domain_of(DOMAIN_VIRTIO, domain);
    event->device = (uint16_t)endpoint;
    return true;
}

/* The end is inclusive. */
static bool virtio_unmap(const char *text, struct qemu_event *event, struct error *error)
{
    uint64_t domain, last;
    if (!number_behind(text, "domain=", &domain) || !hex_behind(text, "virt_start=", &event->iova) ||
        !hex_behind(text, "virt_end=", &last) || last < event->iova)
        return expected("virtio_iommu_unmap domain=N virt_start=0x... virt_end=0x...", error);
    event->domain = domain_of(DOMAIN_VIRTIO, domain);
    set_pages(event, UINT64_MAX, 0);
    if (last - event->iova < event->bytes)
        event->bytes = last - event->iova + 1;
    return true;
}

static bool virtio_map(const char *text, struct qemu_event *event, struct error *error)
{
    enum { FLAG_READ = 1, FLAG_WRITE = 2 };
    uint64_t flags;
    if (!virtio_unmap(text, event, NULL) || !hex_behind(text, "phys_start=", &event->address) ||
        !number_behind(text, "flags=", &flags))
        return expected("virtio_iommu_map domain=N virt_start=0x... virt_end=0x... phys_start=0x... flags=N",
                        error);
    event->writes = flags & FLAG_WRITE;
    event->reads = flags & FLAG_READ;
    return true;
}

static const struct known {
    const char *name;
    enum qemu_kind kind;
    bool (*parse)(const char *text, struct qemu_event *event, struct error *error);
} known_events[] = {
    {"vtd_dmar_translate", QEMU_TRANSLATE, vtd_translate},
    {"address_space_dma", QEMU_ACCESS, access_event},
    {"address_space_map", QEMU_AS_MAP, as_map_event},
    {"smmuv3_translate_success", QEMU_TRANSLATE, smmu_translate},
    {"pci_nvme_read", QEMU_NVME_COMMAND, nvme_read},
    {"pci_nvme_write", QEMU_NVME_COMMAND, nvme_write},
    {"pci_nvme_admin_cmd", QEMU_NVME_COMMAND, nvme_other},
    {"pci_nvme_io_cmd", QEMU_NVME_COMMAND, nvme_other},
    {"pci_nvme_map_addr", QEMU_NVME_ADDRESS, nvme_address},
    {"e1000e_rx_desc_buff_write", QEMU_NIC_WRITE, nic_data},
    {"igb_rx_desc_buff_write", QEMU_NIC_WRITE, nic_data},
    {"e1000e_rx_descr", QEMU_NIC_WRITE, nic_descriptor},
    {"igb_rx_descr", QEMU_NIC_WRITE, nic_descriptor},
    {"vtd_inv_desc_iotlb_pages", QEMU_INVALIDATE, vtd_invalidate},
    {"smmuv3_range_inval", QEMU_INVALIDATE, smmu_invalidate},
    {"virtio_iommu_attach", QEMU_ATTACH, virtio_endpoint},
    {"virtio_iommu_detach", QEMU_DETACH, virtio_endpoint},
    {"virtio_iommu_map", QEMU_MAP, virtio_map},
    {"virtio_iommu_unmap", QEMU_UNMAP, virtio_unmap},
};

/* Other events of these device models and IOMMUs say nothing about DMA that the events above do not say. */
static bool known_family(const char *name, size_t length)
{
    static const char *const families[] = {"pci_nvme_",     "vtd_",    "smmuv3_", "smmu_",
                                           "virtio_iommu_", "e1000e_", "igb_",    "e1000x_",
                                           "dma_",          "amdvi_",  "virtio_", "address_space_"};
    for (unsigned i = 0; i < sizeof families / sizeof families[0]; i++) {
        size_t prefix = strlen(families[i]);
        if (length > prefix && memcmp(name, families[i], prefix) == 0)
            return true;
    }
    return false;
}

static const struct known *event_named(const char *name, size_t length)
{
    for (unsigned i = 0; i < sizeof known_events / sizeof known_events[0]; i++)
        if (strlen(known_events[i].name) == length && memcmp(known_events[i].name, name, length) == 0)
            return &known_events[i];
    return NULL;
}

/* "# as:0x... dd:dd.f" */
static bool comment(const char *text, struct qemu_event *event, struct error *error)
{
    event->kind = QEMU_NONE;
    while (*text == '#' || *text == ' ')
        text++;
    if (!log_literal(&text, "as:"))
        return true;
    if (!log_hex(&text, &event->as) || !log_literal(&text, " ") || !log_pci(&text, &event->device))
        return expected("# as:0x... bb:dd.f", error);
    event->kind = QEMU_NAMED;
    return true;
}

bool qemu_line(const char *line, struct qemu_event *event, struct error *error)
{
    if (*line == '#')
        return comment(line, event, error);
    const char *p = line;
    bool timed = log_decimal(&p, &event->thread) && log_literal(&p, "@") && log_time(&p, &event->time_ns) &&
                 log_literal(&p, ":");
    if (!timed)
        p = line;
    size_t length = strcspn(p, " ");
    const struct known *known = event_named(p, length);
    event->kind = known ? known->kind : *p == '\0' ? QEMU_NONE : QEMU_UNKNOWN;
    if (timed && event->kind == QEMU_UNKNOWN && known_family(p, length))
        event->kind = QEMU_PASSED;
    if (!known)
        return true;
    if (!timed)
        return error_set(error, ERROR_TRACE, "%s has no time; run QEMU with -msg timestamp=on", known->name);
    p += length;
    while (*p == ' ')
        p++;
    return known->parse(p, event, error) || error_context(error, "%s", known->name);
}
