#include "traces/qemu_event.h"

#include <stdio.h>
#include <string.h>

#include "traces/little_endian.h"
#include "traces/log_line.h"

enum {
    PAGE_SHIFT = 12,
    ARGUMENTS = 7,
    DOMAIN_VTD = 1,
    DOMAIN_SMMU = 2,
    DOMAIN_VIRTIO = 3,
    DOMAIN_AMD = 4,
};

/* The arguments of one event in the order of its form; a string is a 0 here. */
struct arguments {
    uint64_t number[ARGUMENTS];
    const char *word; /* the first string, `word_length` bytes */
    unsigned word_length;
};

/* ---- what they mean ---- */

static uint64_t domain_of(unsigned kind, uint64_t number)
{
    return (uint64_t)kind << 32 | (number & UINT32_MAX);
}

static void set_direction(struct qemu_event *event, bool writes)
{
    event->writes = writes;
    event->reads = !writes;
}

static bool out_of_range(const char *what, uint64_t value, struct error *error)
{
    return error_set(error, ERROR_TRACE, "%s 0x%llx is out of range", what, (unsigned long long)value);
}

static bool set_device(struct qemu_event *event, uint64_t bus, uint64_t slot, uint64_t function,
                       struct error *error)
{
    if (bus > 0xff || slot > 0x1f || function > 7)
        return out_of_range("device", bus << 16 | slot << 8 | function, error);
    event->device = (uint16_t)(bus << 8 | slot << 3 | function);
    return true;
}

static bool set_requester(struct qemu_event *event, uint64_t id, struct error *error)
{
    event->device = (uint16_t)id;
    return id <= UINT16_MAX || out_of_range("device", id, error);
}

/* `pages` << `shift` bytes, or all that is left behind the address. */
static void set_pages(struct qemu_event *event, uint64_t pages, uint64_t shift)
{
    uint64_t left = -event->iova; /* of 2^64; 0 is all of it */
    if (left == 0)
        left = -(UINT64_C(1) << PAGE_SHIFT);
    event->bytes = shift > 63 || pages > left >> shift ? left : pages << shift;
}

static bool dma(const struct arguments *a, struct qemu_event *event, struct error *error)
{
    (void)error;
    event->name = a->word;
    event->name_length = a->word_length;
    event->as = a->number[1];
    event->iova = a->number[2];
    event->bytes = a->number[3];
    set_direction(event, a->number[4] != 0);
    return true;
}

static bool as_map(const struct arguments *a, struct qemu_event *event, struct error *error)
{
    (void)error;
    event->as = a->number[0];
    event->iova = a->number[1];
    event->bytes = a->number[2];
    set_direction(event, a->number[3] != 0);
    return true;
}

static bool nvme_read(const struct arguments *a, struct qemu_event *event, struct error *error)
{
    (void)a, (void)error;
    set_direction(event, true);
    return true;
}

static bool nvme_write(const struct arguments *a, struct qemu_event *event, struct error *error)
{
    (void)a, (void)error;
    set_direction(event, false);
    return true;
}

/* Bits 0 and 1 of an NVMe opcode are its direction: to the controller, from the controller. */
static void set_nvme_direction(struct qemu_event *event, uint64_t opcode)
{
    event->reads = opcode & 1;
    event->writes = opcode & 2;
}

static bool nvme_admin(const struct arguments *a, struct qemu_event *event, struct error *error)
{
    (void)error;
    set_nvme_direction(event, a->number[2]);
    return true;
}

static bool nvme_io(const struct arguments *a, struct qemu_event *event, struct error *error)
{
    (void)error;
    set_nvme_direction(event, a->number[3]);
    return true;
}

static bool nvme_address(const struct arguments *a, struct qemu_event *event, struct error *error)
{
    (void)error;
    event->iova = a->number[0];
    event->bytes = a->number[1];
    return true;
}

static bool nic_data(const struct arguments *a, struct qemu_event *event, struct error *error)
{
    (void)error;
    event->iova = a->number[1] + a->number[2];
    event->bytes = a->number[4];
    set_direction(event, true);
    return true;
}

/* igb before it had several buffers for each descriptor. */
static bool igb_data(const struct arguments *a, struct qemu_event *event, struct error *error)
{
    (void)error;
    event->iova = a->number[0] + a->number[1];
    event->bytes = a->number[3];
    set_direction(event, true);
    return true;
}

static bool nic_descriptor(const struct arguments *a, struct qemu_event *event, struct error *error)
{
    (void)error;
    event->iova = a->number[1];
    event->bytes = a->number[2];
    set_direction(event, true);
    return true;
}

static bool translate(const struct arguments *a, struct qemu_event *event, struct error *error)
{
    event->iova = a->number[3];
    return set_device(event, a->number[0], a->number[1], a->number[2], error);
}

static bool amd_translate(const struct arguments *a, struct qemu_event *event, struct error *error)
{
    event->domain = domain_of(DOMAIN_AMD, a->number[0]);
    event->iova = a->number[4];
    return set_device(event, a->number[1], a->number[2], a->number[3], error);
}

static bool vtd_page(const struct arguments *a, struct qemu_event *event, struct error *error)
{
    event->iova = a->number[1];
    event->domain = domain_of(DOMAIN_VTD, a->number[3]);
    return set_requester(event, a->number[0], error);
}

static bool stream_translate(const struct arguments *a, struct qemu_event *event, struct error *error)
{
    event->iova = a->number[2];
    return set_requester(event, a->number[1], error);
}

static bool virtio_translate(const struct arguments *a, struct qemu_event *event, struct error *error)
{
    event->reads = a->number[3] & 1;
    event->writes = a->number[3] & 2;
    return stream_translate(a, event, error);
}

/* The range is that of 2^mask pages around the address. */
static bool vtd_invalidate(const struct arguments *a, struct qemu_event *event, struct error *error)
{
    (void)error;
    uint64_t mask = a->number[2], shift = mask < 64 - PAGE_SHIFT ? mask + PAGE_SHIFT : 64;
    event->iova = shift < 64 ? a->number[1] >> shift << shift : 0;
    set_pages(event, 1, shift);
    event->domain = domain_of(DOMAIN_VTD, a->number[0]);
    return true;
}

static bool smmu_invalidate(const struct arguments *a, struct qemu_event *event, struct error *error)
{
    uint64_t granule = a->number[3];
    if (granule > 3)
        return out_of_range("tg", granule, error);
    event->iova = a->number[2];
    set_pages(event, a->number[4], granule == 0 ? PAGE_SHIFT : 10 + 2 * granule);
    event->domain = domain_of(DOMAIN_SMMU, (a->number[0] & 0xffff) << 16 | (a->number[1] & 0xffff));
    return true;
}

static bool virtio_endpoint(const struct arguments *a, struct qemu_event *event, struct error *error)
{
    event->domain = domain_of(DOMAIN_VIRTIO, a->number[0]);
    return set_requester(event, a->number[1], error);
}

/* The end is inclusive. */
static bool virtio_range(const struct arguments *a, struct qemu_event *event, struct error *error)
{
    uint64_t last = a->number[2];
    event->domain = domain_of(DOMAIN_VIRTIO, a->number[0]);
    event->iova = a->number[1];
    set_pages(event, UINT64_MAX, 0);
    if (last - event->iova < event->bytes)
        event->bytes = last - event->iova + 1;
    return last >= event->iova || out_of_range("virt_end", last, error);
}

static bool virtio_map(const struct arguments *a, struct qemu_event *event, struct error *error)
{
    event->address = a->number[3];
    event->reads = a->number[4] & 1;
    event->writes = a->number[4] & 2;
    return virtio_range(a, event, error);
}

/* ---- the events ---- */

/* In a form %x is hexadecimal with or without 0x, %u decimal or hexadecimal behind 0x, %s a word; what
 * follows does not matter, as versions differ there. Of two forms of one event, the one with more arguments
 * is first. */
struct qemu_form {
    const char *name;
    unsigned name_length;
    enum qemu_kind kind;
    const char *form;
    bool (*mean)(const struct arguments *arguments, struct qemu_event *event, struct error *error);
};

#define EVENT(name) name, sizeof name - 1

static const struct qemu_form forms[] = {
    {EVENT("vtd_dmar_translate"), QEMU_TRANSLATE, "dev %x:%x.%x iova %x", translate},
    {EVENT("address_space_dma"), QEMU_ACCESS, "%s as:%x addr %x len %u write %u", dma},
    {EVENT("address_space_map"), QEMU_AS_MAP, "as:%x addr %x:%x write:%u", as_map},
    {EVENT("smmuv3_translate_success"), QEMU_TRANSLATE, "%s sid=%u iova=%x", stream_translate},
    {EVENT("virtio_iommu_translate"), QEMU_TRANSLATE, "mr=%s rid=%u addr=%x flag=%u", virtio_translate},
    {EVENT("amdvi_translation_result"), QEMU_TRANSLATE, "devid: %x:%x.%x gpa %x", translate},
    {EVENT("amdvi_iotlb_hit"), QEMU_TRANSLATE, "hit iotlb devid %x:%x.%x gpa %x", translate},
    {EVENT("amdvi_cache_update"), QEMU_TRANSLATE, "update iotlb domid %x devid: %x:%x.%x gpa %x",
     amd_translate},
    {EVENT("vtd_iotlb_page_hit"), QEMU_TRANSLATE, "IOTLB page hit sid %x iova %x slpte %x domain %x",
     vtd_page},
    {EVENT("vtd_iotlb_page_update"), QEMU_TRANSLATE, "IOTLB page update sid %x iova %x slpte %x domain %x",
     vtd_page},
    {EVENT("pci_nvme_read"), QEMU_NVME_COMMAND, "", nvme_read},
    {EVENT("pci_nvme_write"), QEMU_NVME_COMMAND, "", nvme_write},
    {EVENT("pci_nvme_admin_cmd"), QEMU_NVME_COMMAND, "cid %u sqid %u opc %x", nvme_admin},
    {EVENT("pci_nvme_io_cmd"), QEMU_NVME_COMMAND, "cid %u nsid %x sqid %u opc %x", nvme_io},
    {EVENT("pci_nvme_map_addr"), QEMU_NVME_ADDRESS, "addr %x len %u", nvme_address},
    {EVENT("e1000e_rx_desc_buff_write"), QEMU_NIC_WRITE,
     "buffer #%u, addr: %x, offset: %u, from: %x, length: %u", nic_data},
    {EVENT("igb_rx_desc_buff_write"), QEMU_NIC_WRITE, "buffer %u, addr: %x, offset: %u, from: %x, length: %u",
     nic_data},
    {EVENT("igb_rx_desc_buff_write"), QEMU_NIC_WRITE, "addr: %x, offset: %u, from: %x, length: %u", igb_data},
    {EVENT("e1000e_rx_descr"), QEMU_NIC_DESCRIPTOR, "Next RX descriptor: ring #%u, PA: %x, length: %u",
     nic_descriptor},
    {EVENT("vtd_inv_desc_iotlb_pages"), QEMU_INVALIDATE, "iotlb invalidate domain %x addr %x mask %x",
     vtd_invalidate},
    {EVENT("vtd_inv_desc_iotlb_pasid_pages"), QEMU_INVALIDATE, "iotlb invalidate domain %x addr %x mask %x",
     vtd_invalidate},
    {EVENT("smmuv3_range_inval"), QEMU_INVALIDATE, "vmid=%u asid=%u addr=%x tg=%u num_pages=%x",
     smmu_invalidate},
    {EVENT("smmuv3_s1_range_inval"), QEMU_INVALIDATE, "vmid=%u asid=%u addr=%x tg=%u num_pages=%x",
     smmu_invalidate},
    {EVENT("virtio_iommu_attach"), QEMU_ATTACH, "domain=%u endpoint=%u", virtio_endpoint},
    {EVENT("virtio_iommu_detach"), QEMU_DETACH, "domain=%u endpoint=%u", virtio_endpoint},
    {EVENT("virtio_iommu_detach_endpoint_from_domain"), QEMU_DETACH, "domain=%u endpoint=%u",
     virtio_endpoint},
    {EVENT("virtio_iommu_map"), QEMU_MAP, "domain=%u virt_start=%x virt_end=%x phys_start=%x flags=%u",
     virtio_map},
    {EVENT("virtio_iommu_unmap"), QEMU_UNMAP, "domain=%u virt_start=%x virt_end=%x", virtio_range},
};

enum { FORMS = sizeof forms / sizeof *forms };

/* Other events of these device models and IOMMUs say nothing about DMA that the events above do not say. */
static bool known_family(const char *name, size_t length)
{
    static const char *const families[] = {"pci_nvme_", "vtd_",           "smmuv3_", "smmu_", "virtio_iommu_",
                                           "e1000e_",   "igb_",           "e1000x_", "dma_",  "amdvi_",
                                           "virtio_",   "address_space_", "ahci_",   "ide_"};
    for (unsigned i = 0; i < sizeof families / sizeof families[0]; i++) {
        size_t prefix = strlen(families[i]);
        if (length > prefix && memcmp(name, families[i], prefix) == 0)
            return true;
    }
    return false;
}

const struct qemu_form *qemu_form_named(const char *name, size_t length, enum qemu_kind *kind)
{
    for (const struct qemu_form *form = forms; form < forms + FORMS; form++)
        if (form->name_length == length && memcmp(form->name, name, length) == 0) {
            *kind = form->kind;
            return form;
        }
    *kind = known_family(name, length) ? QEMU_PASSED : QEMU_UNKNOWN;
    return NULL;
}

/* The next form of the same event, or NULL. */
static const struct qemu_form *other_form(const struct qemu_form *form)
{
    return form + 1 < forms + FORMS && strcmp(form[1].name, form->name) == 0 ? form + 1 : NULL;
}

/* With the form as a person would write it. */
static bool should_read(const struct qemu_form *form, struct error *error)
{
    char text[192];
    size_t used = 0;
    for (const char *f = form->form; *f && used < sizeof text - 8; f++) {
        const char *word = *f != '%' ? NULL : *++f == 'x' ? "0x..." : *f == 'u' ? "N" : "NAME";
        used += (size_t)snprintf(text + used, sizeof text - used, word ? "%s" : "%.1s", word ? word : f);
    }
    return error_set(error, ERROR_TRACE, "%s: it should read \"%s\"", form->name, text);
}

static bool mean(const struct qemu_form *form, const struct arguments *arguments, struct qemu_event *event,
                 struct error *error)
{
    event->kind = form->kind;
    return form->mean(arguments, event, error) || error_context(error, "%s", form->name);
}

/* ---- text ---- */

static bool take_word(const char **p, struct arguments *arguments)
{
    unsigned length = (unsigned)strcspn(*p, " ");
    if (!arguments->word) {
        arguments->word = *p;
        arguments->word_length = length;
    }
    *p += length;
    return length > 0;
}

/* Some are printed with their sign; -1 stands for any. */
static bool take_number(const char **p, uint64_t *value)
{
    bool negative = **p == '-';
    *p += negative;
    if (!log_number(p, value))
        return false;
    *value = negative ? -*value : *value;
    return true;
}

static bool take_text(const char *form, const char *text, struct arguments *arguments)
{
    unsigned count = 0;
    for (; *form; form++) {
        if (*form != '%') {
            if (*text++ != *form)
                return false;
            continue;
        }
        uint64_t *number = &arguments->number[count++];
        bool good = *++form == 'x' ? log_hex(&text, number)
                    : *form == 'u' ? take_number(&text, number)
                                   : take_word(&text, arguments);
        if (!good)
            return false;
    }
    return true;
}

bool qemu_form_text(const struct qemu_form *form, const char *text, struct qemu_event *event,
                    struct error *error)
{
    for (const struct qemu_form *f = form; f; f = other_form(f)) {
        struct arguments arguments = {0};
        if (take_text(f->form, text, &arguments))
            return mean(f, &arguments, event, error);
    }
    return should_read(form, error);
}

/* ---- binary ---- */

static bool take_binary(const char *form, const uint8_t *data, size_t bytes, struct arguments *arguments)
{
    enum { NUMBER_BYTES = 8, LENGTH_BYTES = 4 };
    unsigned count = 0;
    while ((form = strchr(form, '%')) != NULL) {
        bool word = form[1] == 's';
        size_t size = word ? LENGTH_BYTES : NUMBER_BYTES;
        if (bytes < size)
            return false;
        uint64_t value = le_get(data, size);
        data += size;
        bytes -= size;
        if (word) {
            if (bytes < value)
                return false;
            if (!arguments->word) {
                arguments->word = (const char *)data;
                arguments->word_length = (unsigned)value;
            }
            data += value;
            bytes -= (size_t)value;
        }
        arguments->number[count++] = word ? 0 : value;
        form += 2;
    }
    return true;
}

bool qemu_form_binary(const struct qemu_form *form, const uint8_t *data, size_t bytes,
                      struct qemu_event *event, struct error *error)
{
    for (const struct qemu_form *f = form; f; f = other_form(f)) {
        struct arguments arguments = {0};
        if (take_binary(f->form, data, bytes, &arguments))
            return mean(f, &arguments, event, error);
    }
    return error_set(error, ERROR_TRACE, "%s: %zu bytes are too few for its arguments", form->name, bytes);
}
