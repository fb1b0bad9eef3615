#include "traces/qemu/qemu_event.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "traces/file/little_endian.h"
#include "traces/log/log_line.h"

enum { PAGE_SHIFT = 12 };

/* ---- the events ---- */

/* Which I/O page tables a number of a domain belongs to. */
enum { NO_DOMAIN, VTD, SMMU, VIRTIO, AMD };

enum direction {
    NEITHER,
    WRITES,
    READS,
    BY_FLAG, /* argument w: writes, or reads if 0 */
    BY_BITS, /* argument w: bit 0 reads, bit 1 writes; so are IOMMU flags and, of its data, an NVMe opcode */
};

/* A form is the text behind the name. In it %x is a hexadecimal number with or without 0x, %u a decimal one
 * or a hexadecimal one behind 0x, %s a word. The letter behind says what it is:
 * - a an address space, i an iova, o an offset behind it, n bytes, e the last byte, p an output address
 * - w the direction, r a requester id, b s f its bus, slot and function, l the name of a device model
 * - d a domain or asid, v a vmid, m log2 of pages (VT-d), g the granule and k the number of them (SMMU)
 * - _ nothing to us
 * What follows the form does not matter, as versions differ there. Of two forms of one event, the one with
 * more arguments is first. */
struct qemu_form {
    const char *name;
    unsigned name_length;
    enum qemu_kind kind;
    enum direction direction;
    unsigned domain;
    const char *form;
};

#define EVENT(name) name, sizeof name - 1

static const struct qemu_form forms[] = {
    {EVENT("vtd_dmar_translate"), QEMU_TRANSLATE, NEITHER, NO_DOMAIN, "dev %xb:%xs.%xf iova %xi"},
    {EVENT("address_space_dma"), QEMU_ACCESS, BY_FLAG, NO_DOMAIN, "%sl as:%xa addr %xi len %un write %uw"},
    {EVENT("address_space_map"), QEMU_AS_MAP, BY_FLAG, NO_DOMAIN, "as:%xa addr %xi:%xn write:%uw"},
    {EVENT("smmuv3_translate_success"), QEMU_TRANSLATE, NEITHER, NO_DOMAIN, "%s_ sid=%ur iova=%xi"},
    {EVENT("virtio_iommu_translate"), QEMU_TRANSLATE, BY_BITS, NO_DOMAIN, "mr=%s_ rid=%ur addr=%xi flag=%uw"},
    {EVENT("amdvi_translation_result"), QEMU_TRANSLATE, NEITHER, NO_DOMAIN, "devid: %xb:%xs.%xf gpa %xi"},
    {EVENT("amdvi_iotlb_hit"), QEMU_TRANSLATE, NEITHER, NO_DOMAIN, "hit iotlb devid %xb:%xs.%xf gpa %xi"},
    {EVENT("amdvi_cache_update"), QEMU_TRANSLATE, NEITHER, AMD,
     "update iotlb domid %xd devid: %xb:%xs.%xf gpa %xi"},
    {EVENT("vtd_iotlb_page_hit"), QEMU_TRANSLATE, NEITHER, VTD,
     "IOTLB page hit sid %xr iova %xi slpte %x_ domain %xd"},
    {EVENT("vtd_iotlb_page_update"), QEMU_TRANSLATE, NEITHER, VTD,
     "IOTLB page update sid %xr iova %xi slpte %x_ domain %xd"},
    {EVENT("pci_nvme_read"), QEMU_NVME_COMMAND, WRITES, NO_DOMAIN, ""},
    {EVENT("pci_nvme_write"), QEMU_NVME_COMMAND, READS, NO_DOMAIN, ""},
    {EVENT("pci_nvme_admin_cmd"), QEMU_NVME_COMMAND, BY_BITS, NO_DOMAIN, "cid %u_ sqid %u_ opc %xw"},
    {EVENT("pci_nvme_io_cmd"), QEMU_NVME_COMMAND, BY_BITS, NO_DOMAIN, "cid %u_ nsid %x_ sqid %u_ opc %xw"},
    {EVENT("pci_nvme_map_addr"), QEMU_NVME_ADDRESS, NEITHER, NO_DOMAIN, "addr %xi len %un"},
    {EVENT("pci_nvme_map_addr_cmb"), QEMU_NVME_OWN, NEITHER, NO_DOMAIN, "addr %xi len %un"},
    {EVENT("pci_nvme_map_addr_pmr"), QEMU_NVME_OWN, NEITHER, NO_DOMAIN, "addr %xi len %un"},
    {EVENT("vtd_dmar_fault"), QEMU_REFUSED, BY_FLAG, NO_DOMAIN, "sid %xr fault %u_ addr %xi write %uw"},
    {EVENT("smmuv3_translate_abort"), QEMU_REFUSED, BY_FLAG, NO_DOMAIN,
     "%s_ sid=%ur abort on iova:%xi is_write=%uw"},
    {EVENT("virtio_iommu_report_fault"), QEMU_REFUSED, NEITHER, NO_DOMAIN,
     "FAULT reason=%u_ flags=%u_ endpoint=%ur address =%xi"},
    {EVENT("e1000e_rx_desc_buff_write"), QEMU_NIC_WRITE, WRITES, NO_DOMAIN,
     "buffer #%u_, addr: %xi, offset: %uo, from: %x_, length: %un"},
    {EVENT("igb_rx_desc_buff_write"), QEMU_NIC_WRITE, WRITES, NO_DOMAIN,
     "buffer %u_, addr: %xi, offset: %uo, from: %x_, length: %un"},
    {EVENT("igb_rx_desc_buff_write"), QEMU_NIC_WRITE, WRITES, NO_DOMAIN,
     "addr: %xi, offset: %uo, from: %x_, length: %un"},
    {EVENT("e1000e_rx_descr"), QEMU_NIC_DESCRIPTOR, WRITES, NO_DOMAIN,
     "Next RX descriptor: ring #%u_, PA: %xi, length: %un"},
    {EVENT("vtd_inv_desc_iotlb_pages"), QEMU_INVALIDATE, NEITHER, VTD,
     "iotlb invalidate domain %xd addr %xi mask %xm"},
    {EVENT("vtd_inv_desc_iotlb_pasid_pages"), QEMU_INVALIDATE, NEITHER, VTD,
     "iotlb invalidate domain %xd addr %xi mask %xm"},
    {EVENT("smmuv3_range_inval"), QEMU_INVALIDATE, NEITHER, SMMU,
     "vmid=%uv asid=%ud addr=%xi tg=%ug num_pages=%xk"},
    {EVENT("smmuv3_s1_range_inval"), QEMU_INVALIDATE, NEITHER, SMMU,
     "vmid=%uv asid=%ud addr=%xi tg=%ug num_pages=%xk"},
    {EVENT("virtio_iommu_attach"), QEMU_ATTACH, NEITHER, VIRTIO, "domain=%ud endpoint=%ur"},
    {EVENT("virtio_iommu_detach"), QEMU_DETACH, NEITHER, VIRTIO, "domain=%ud endpoint=%ur"},
    {EVENT("virtio_iommu_detach_endpoint_from_domain"), QEMU_DETACH, NEITHER, VIRTIO,
     "domain=%ud endpoint=%ur"},
    {EVENT("virtio_iommu_map"), QEMU_MAP, BY_BITS, VIRTIO,
     "domain=%ud virt_start=%xi virt_end=%xe phys_start=%xp flags=%uw"},
    {EVENT("virtio_iommu_unmap"), QEMU_UNMAP, NEITHER, VIRTIO, "domain=%ud virt_start=%xi virt_end=%xe"},
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

/* ---- arguments ---- */

/* By letter. */
struct arguments {
    uint64_t value['z' - 'a' + 1]; /* where given */
    uint32_t given;                /* bit per letter */
    const char *word;
    unsigned word_length;
};

static bool has(const struct arguments *arguments, char letter)
{
    return arguments->given >> (letter - 'a') & 1;
}

/* 0 where the form has none. */
static uint64_t value_of(const struct arguments *arguments, char letter)
{
    return has(arguments, letter) ? arguments->value[letter - 'a'] : 0;
}

static void give(struct arguments *arguments, char letter, uint64_t value)
{
    if (letter == '_')
        return;
    arguments->value[letter - 'a'] = value;
    arguments->given |= UINT32_C(1) << (letter - 'a');
}

static void give_word(struct arguments *arguments, char letter, const char *word, size_t length)
{
    if (letter == '_')
        return;
    arguments->word = word;
    arguments->word_length = (unsigned)length;
}

/* ---- what they mean ---- */

static bool out_of_range(const struct qemu_form *form, const char *what, uint64_t value, struct error *error)
{
    return error_set(error, ERROR_TRACE, "%s: %s 0x%llx is out of range", form->name, what,
                     (unsigned long long)value);
}

/* `count` << `shift` bytes, or all that is left behind the address. */
static void set_bytes(struct qemu_event *event, uint64_t count, uint64_t shift)
{
    uint64_t left = -event->iova; /* of 2^64; 0 is all of it */
    if (left == 0)
        left = -(UINT64_C(1) << PAGE_SHIFT);
    event->bytes = shift > 63 || count > left >> shift ? left : count << shift;
}

static bool set_range(const struct qemu_form *form, const struct arguments *a, struct qemu_event *event,
                      struct error *error)
{
    event->iova = value_of(a, 'i') + value_of(a, 'o');
    event->bytes = value_of(a, 'n');
    if (has(a, 'm')) {
        /* VT-d's mask: the range of so many pages around the address. */
        uint64_t mask = value_of(a, 'm'), shift = mask < 64 - PAGE_SHIFT ? mask + PAGE_SHIFT : 64;
        event->iova = shift < 64 ? event->iova >> shift << shift : 0;
        set_bytes(event, 1, shift);
    }
    if (has(a, 'g')) {
        uint64_t granule = value_of(a, 'g');
        if (granule > 3)
            return out_of_range(form, "tg", granule, error);
        set_bytes(event, value_of(a, 'k'), granule == 0 ? PAGE_SHIFT : 10 + 2 * granule);
    }
    if (has(a, 'e')) {
        uint64_t last = value_of(a, 'e');
        if (last < event->iova)
            return out_of_range(form, "virt_end", last, error);
        set_bytes(event, UINT64_MAX, 0);
        if (last - event->iova < event->bytes)
            event->bytes = last - event->iova + 1;
    }
    return true;
}

static bool set_device(const struct qemu_form *form, const struct arguments *a, struct qemu_event *event,
                       struct error *error)
{
    uint64_t bus = value_of(a, 'b'), slot = value_of(a, 's'), function = value_of(a, 'f');
    if (bus > 0xff || slot > 0x1f || function > 7)
        return out_of_range(form, "device", bus << 16 | slot << 8 | function, error);
    if (value_of(a, 'r') > UINT16_MAX)
        return out_of_range(form, "device", value_of(a, 'r'), error);
    event->device = (uint16_t)(has(a, 'r') ? value_of(a, 'r') : bus << 8 | slot << 3 | function);
    return true;
}

static bool understand(const struct qemu_form *form, const struct arguments *a, struct qemu_event *event,
                       struct error *error)
{
    event->kind = form->kind;
    event->as = value_of(a, 'a');
    event->address = value_of(a, 'p');
    event->name = a->word;
    event->name_length = a->word_length;
    uint64_t way = value_of(a, 'w'), domain = value_of(a, 'd');
    event->writes = form->direction == WRITES || (form->direction == BY_FLAG && way != 0) ||
                    (form->direction == BY_BITS && way & 2);
    event->reads = form->direction == READS || (form->direction == BY_FLAG && way == 0) ||
                   (form->direction == BY_BITS && way & 1);
    if (form->domain == SMMU)
        domain = (value_of(a, 'v') & 0xffff) << 16 | (domain & 0xffff);
    if (form->domain != NO_DOMAIN)
        event->domain = (uint64_t)form->domain << 32 | (domain & UINT32_MAX);
    return set_range(form, a, event, error) && set_device(form, a, event, error);
}

/* ---- text ---- */

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

static bool take_word(const char **p, struct arguments *arguments, char letter)
{
    size_t length = (size_t)(strchrnul(*p, ' ') - *p);
    give_word(arguments, letter, *p, length);
    *p += length;
    return length > 0;
}

void qemu_pattern_of(const struct qemu_form *form, struct qemu_pattern *pattern)
{
    *pattern = (struct qemu_pattern){.form = form, .count = 1};
    struct qemu_piece *piece = pattern->pieces;
    for (const char *f = form->form; *f; f++) {
        if (piece->conversion || piece->literal_bytes == sizeof piece->literal) {
            assert(pattern->count < sizeof pattern->pieces / sizeof pattern->pieces[0]);
            piece = &pattern->pieces[pattern->count++];
        }
        if (*f == '%') {
            piece->conversion = *++f;
            piece->letter = *++f;
        } else {
            piece->literal |= (uint64_t)(unsigned char)*f << 8 * piece->literal_bytes;
            piece->mask |= UINT64_C(0xff) << 8 * piece->literal_bytes++;
        }
    }
}

static bool take_text(const struct qemu_pattern *pattern, const char *text, struct arguments *arguments)
{
    for (const struct qemu_piece *piece = pattern->pieces; piece < pattern->pieces + pattern->count;
         piece++) {
        if ((le_get((const uint8_t *)text, sizeof piece->literal) ^ piece->literal) & piece->mask)
            return false;
        text += piece->literal_bytes;
        uint64_t value;
        if (piece->conversion == 'x' || piece->conversion == 'u') {
            if (!(piece->conversion == 'x' ? log_hex(&text, &value) : take_number(&text, &value)))
                return false;
            give(arguments, piece->letter, value);
        } else if (piece->conversion == 's' && !take_word(&text, arguments, piece->letter)) {
            return false;
        }
    }
    return true;
}

/* With the form as a person would write it. */
static bool should_read(const struct qemu_form *form, struct error *error)
{
    char text[192];
    size_t used = 0;
    for (const char *f = form->form; *f && used < sizeof text - 8; f++) {
        const char *word = *f != '%' ? NULL : f[1] == 'x' ? "0x..." : f[1] == 'u' ? "N" : "NAME";
        used += (size_t)snprintf(text + used, sizeof text - used, word ? "%s" : "%.1s", word ? word : f);
        f += word ? 2 : 0;
    }
    return error_set(error, ERROR_TRACE, "%s: it should read \"%s\"", form->name, text);
}

bool qemu_pattern_text(const struct qemu_pattern *pattern, const char *text, struct qemu_event *event,
                       struct error *error)
{
    struct arguments arguments;
    arguments.given = 0;
    arguments.word = NULL;
    arguments.word_length = 0;
    if (take_text(pattern, text, &arguments))
        return understand(pattern->form, &arguments, event, error);
    for (const struct qemu_form *form = pattern->form; (form = other_form(form)) != NULL;) {
        struct qemu_pattern other;
        qemu_pattern_of(form, &other);
        if (take_text(&other, text, &arguments))
            return understand(form, &arguments, event, error);
    }
    return should_read(pattern->form, error);
}

/* ---- binary ---- */

static bool take_binary(const char *form, const uint8_t *data, size_t bytes, struct arguments *arguments)
{
    enum { NUMBER_BYTES = 8, LENGTH_BYTES = 4 };
    for (; (form = strchr(form, '%')) != NULL; form += 3) {
        bool word = form[1] == 's';
        size_t size = word ? LENGTH_BYTES : NUMBER_BYTES;
        if (bytes < size)
            return false;
        uint64_t value = le_get(data, size);
        data += size;
        bytes -= size;
        if (!word) {
            give(arguments, form[2], value);
            continue;
        }
        if (bytes < value)
            return false;
        give_word(arguments, form[2], (const char *)data, (size_t)value);
        data += value;
        bytes -= (size_t)value;
    }
    return true;
}

bool qemu_form_binary(const struct qemu_form *form, const uint8_t *data, size_t bytes,
                      struct qemu_event *event, struct error *error)
{
    for (const struct qemu_form *f = form; f; f = other_form(f)) {
        struct arguments arguments = {0};
        if (take_binary(f->form, data, bytes, &arguments))
            return understand(f, &arguments, event, error);
    }
    return error_set(error, ERROR_TRACE, "%s: %zu bytes are too few for its arguments", form->name, bytes);
}
