/* traces/qemu/qemu.c: QEMU trace logs as records (traces/README.md). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "tests/unit/test_logs.h"
#include "tests/unit/test_traces.h"

TestSuite(qemu, .fini = trace_test_clean);

#define LOG ".qemu.log"

extern const struct trace_format trace_qemu;

Test(qemu, excerpts_of_recordings_give_their_records)
{
    cr_expect_eq(log_test_excerpt("qemu10-virtio-iommu", LOG), 31);
    cr_expect_eq(log_test_excerpt("qemu10-vtd", LOG), 31);
    cr_expect_eq(log_test_excerpt("qemu10-smmuv3", LOG), 11);
    cr_expect_eq(log_test_excerpt("qemu10-passthrough", LOG), 8);
    cr_expect_eq(log_test_excerpt("qemu72-vtd", LOG), 6);
    cr_expect_eq(log_test_excerpt("qemu10-amd", LOG), 4);
    cr_expect_eq(log_test_excerpt("qemu10-virtio-translate", LOG), 19);
}

Test(qemu, what_it_cannot_show_is_told)
{
    cr_expect_not_null(strstr(trace_qemu.limits, "never maps"));
}

#define SPACE "1@1.000001:address_space_map as:0xa addr 0x1000:1000 write:1 attrs:0x0\n"
#define TRANSLATED "1@1.000002:vtd_dmar_translate dev 00:04.00 iova 0x1000 -> gpa 0x9000 mask 0xfff\n"

Test(qemu, a_translation_tells_the_device_even_of_earlier_lines)
{
    log_test(LOG,
             "1@1.000000:address_space_map as:0xa addr 0x7010:20 write:0 attrs:0x0\n" SPACE TRANSLATED
             "2@1.000003:address_space_map as:0xb addr 0x1000:1000 write:1 attrs:0x0\n",
             "1000000000,00:04.0,read,0x7010,32,\n"
             "1000001000,00:04.0,write,0x1000,4096,\n",
             "missing: 1 accesses are of address spaces that no device is known for and were left out; if "
             "they are a device's, name it by a line \"# as:0x... bb:dd.f\" in the log");
}

Test(qemu, a_comment_names_the_device_of_an_address_space)
{
    log_test(LOG, SPACE TRANSLATED "# as:0xa 0000:c1:00.1\n# as you like\n#\n",
             "1000001000,c1:00.1,write,0x1000,4096,\n", NULL);
}

Test(qemu, address_spaces_without_device_are_numbered)
{
    log_test(LOG,
             "1@1.000001:address_space_map as:0xb addr 0x1000:1000 write:1 attrs:0x0\n"
             "1@1.000002:address_space_map as:0xc addr 0x2000:10 write:0 attrs:0x0\n",
             "1000001000,ff:00.0,write,0x1000,4096,\n"
             "1000002000,ff:00.1,read,0x2000,16,\n",
             "2 devices have no PCI address in the log and are numbered from ff:00.0 (name them by lines "
             "\"# as:0x... bb:dd.f\"), the first is \"as:0xb\"");
    /* Where a device model is named, the others are the machine's memory. */
    log_test(LOG,
             "1@1.000001:address_space_map as:0xb addr 0x1000:1000 write:1 attrs:0x0\n"
             "1@1.000002:address_space_dma nvme as:0xc addr 0x2000 len 16 write 1\n",
             "1000002000,ff:00.0,write,0x2000,16,\n",
             "1 devices have no PCI address in the log and are numbered from ff:00.0 (name them by lines "
             "\"# as:0x... bb:dd.f\"), the first is \"nvme as:0xc\"; missing: 1 accesses are of address "
             "spaces that "
             "no device is known for and were left out; if they are a device's, name it by a line \"# "
             "as:0x... bb:dd.f\" in the log");
}

Test(qemu, what_is_left_of_a_transfer_cuts_the_line_before)
{
    /* Two threads by turns, and both directions. */
    log_test(LOG,
             "# as:0xa 00:04.0\n# as:0xb 00:05.0\n"
             "1@1.000001:address_space_map as:0xa addr 0x1800:2800 write:1 attrs:0x0\n"
             "2@1.000002:address_space_map as:0xb addr 0x1800:2800 write:0 attrs:0x0\n"
             "1@1.000003:address_space_map as:0xa addr 0x2000:2000 write:1 attrs:0x0\n"
             "2@1.000004:address_space_map as:0xb addr 0x3000:1000 write:0 attrs:0x0\n"
             "1@1.000005:address_space_map as:0xa addr 0x3000:1000 write:1 attrs:0x0\n",
             "1000001000,00:04.0,write,0x1800,2048,\n"
             "1000002000,00:05.0,read,0x1800,6144,\n"
             "1000003000,00:04.0,write,0x2000,4096,\n"
             "1000004000,00:05.0,read,0x3000,4096,\n"
             "1000005000,00:04.0,write,0x3000,4096,\n",
             NULL);
    /* No rest: another end, another direction, not at a page, another thread, another access between. */
    static const char *const others[] = {
        "1@1.000002:address_space_map as:0xa addr 0x2000:1000 write:1 attrs:0x0\n",
        "1@1.000002:address_space_map as:0xa addr 0x2000:2000 write:0 attrs:0x0\n",
        "1@1.000002:address_space_map as:0xa addr 0x2010:1ff0 write:1 attrs:0x0\n",
        "2@1.000002:address_space_map as:0xa addr 0x2000:2000 write:1 attrs:0x0\n",
        ("1@1.000002:pci_nvme_read cid 1 nsid 1 nlb 8 count 4096 lba 0x0\n"
         "1@1.000002:address_space_map as:0xa addr 0x2000:2000 write:1 attrs:0x0\n"),
    };
    static const char *const rows[] = {"write,0x2000,4096", "read,0x2000,8192", "write,0x2010,8176",
                                       "write,0x2000,8192", "write,0x2000,8192"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        char text[512], expected[256];
        snprintf(
            text, sizeof text,
            "# as:0xa 00:04.0\n1@1.000001:address_space_map as:0xa addr 0x1000:3000 write:1 attrs:0x0\n%s",
            others[i]);
        snprintf(expected, sizeof expected,
                 "1000001000,00:04.0,write,0x1000,12288,\n1000002000,00:04.0,%s,\n", rows[i]);
        log_test(LOG, text, expected, NULL);
    }
}

Test(qemu, nvme_without_address_space_map_has_the_direction_of_its_command)
{
    log_test(LOG,
             "1@1.000000:pci_nvme_admin_cmd cid 0 sqid 0 opc 0x6 opname 'NVME_ADM_CMD_IDENTIFY'\n"
             "1@1.000001:pci_nvme_map_addr addr 0x9000 len 4096\n"
             "1@1.000002:pci_nvme_read cid 1 nsid 1 nlb 8 count 4096 lba 0x0\n"
             "2@1.000003:pci_nvme_write cid 2 opname 'write' nsid 1 nlb 8 count 4096 lba 0x0\n"
             "1@1.000004:pci_nvme_map_addr addr 0x1000 len 4096\n"
             "2@1.000005:pci_nvme_map_addr addr 0x2000 len 512\n"
             "2@1.000006:vtd_dmar_translate dev 00:05.00 iova 0x2000 -> gpa 0x9000 mask 0xfff\n"
             "1@1.000007:vtd_dmar_translate dev 00:04.00 iova 0x1000 -> gpa 0x9000 mask 0xfff\n"
             "1@1.000008:pci_nvme_map_addr addr 0x3000 len 4096\n"
             "1@1.000009:vtd_dmar_translate dev 00:04.00 iova 0x3000 -> gpa 0x9000 mask 0xfff\n"
             "2@1.000010:pci_nvme_map_addr addr 0x4000 len 4096\n",
             "1000001000,00:04.0,write,0x9000,4096,\n"
             "1000004000,00:04.0,write,0x1000,4096,\n"
             "1000005000,00:05.0,read,0x2000,512,\n"
             "1000008000,00:04.0,write,0x3000,4096,\n"
             "1000010000,00:04.0,read,0x4000,4096,\n",
             NULL);
    /* Bits of the opcode say it: identify, set features, an I/O command that is neither read nor write,
     * flush. */
    log_test(LOG,
             "1@1.000000:pci_nvme_map_addr addr 0x8000 len 4096\n"
             "1@1.000000:pci_nvme_admin_cmd cid 0 sqid 0 opc 0x6 opname 'NVME_ADM_CMD_IDENTIFY'\n"
             "1@1.000001:pci_nvme_map_addr addr 0x9000 len 4096\n"
             "1@1.000002:pci_nvme_admin_cmd cid 1 sqid 0 opc 0x9 opname 'NVME_ADM_CMD_SET_FEATURES'\n"
             "1@1.000003:pci_nvme_map_addr addr 0xa000 len 8\n"
             "1@1.000004:pci_nvme_io_cmd cid 2 nsid 0x1 sqid 1 opc 0x9 opname 'NVME_NVM_CMD_DSM'\n"
             "1@1.000005:pci_nvme_map_addr addr 0xb000 len 16\n"
             "1@1.000006:vtd_dmar_translate dev 00:04.00 iova 0xb000 -> gpa 0x9000 mask 0xfff\n"
             "1@1.000007:pci_nvme_io_cmd cid 3 nsid 0x1 sqid 1 opc 0x0 opname 'NVME_NVM_CMD_FLUSH'\n"
             "1@1.000008:pci_nvme_map_addr addr 0xc000 len 16\n",
             "1000001000,00:04.0,write,0x9000,4096,\n"
             "1000003000,00:04.0,read,0xa000,8,\n"
             "1000005000,00:04.0,read,0xb000,16,\n",
             "missing: 2 NVMe transfers belong to no command that says their direction and were left out; "
             "record the event pci_nvme_io_cmd too");
    /* Where address_space_map is logged it has the same transfers. */
    log_test(LOG,
             "1@1.000000:pci_nvme_read cid 1 nsid 1 nlb 8 count 4096 lba 0x0\n"
             "1@1.000000:pci_nvme_map_addr addr 0x1000 len 4096\n" SPACE TRANSLATED,
             "1000001000,00:04.0,write,0x1000,4096,\n", NULL);
}

Test(qemu, nic_buffers_and_descriptors)
{
    log_test(LOG,
             "1@1.000001:e1000e_rx_descr Next RX descriptor: ring #0, PA: 0xffffc510, length: 16\n"
             "1@1.000002:e1000e_rx_desc_buff_write buffer #0, addr: 0x1ac0, offset: 64, from: 0x7f73, "
             "length: 1494\n"
             "1@1.000003:vtd_dmar_translate dev 00:06.00 iova 0x1000 -> gpa 0x1e5c5000 mask 0xfff\n"
             "1@1.000004:igb_rx_desc_buff_write addr: 0x3000, offset: 0, from: 0x7f73, length: 60\n",
             "1000001000,00:06.0,write,0xffffc510,16,\n"
             "1000002000,00:06.0,write,0x1b00,1494,\n"
             "1000004000,00:06.0,write,0x3000,60,\n",
             NULL);
    log_test(
        LOG,
        "1@1.000002:igb_rx_desc_buff_write buffer 1, addr: 0x3000, offset: 0, from: 0x7f73, length: 60\n",
        "1000002000,ff:00.0,write,0x3000,60,\n",
        "1 devices have no PCI address in the log and are numbered from ff:00.0 (name them by lines "
        "\"# as:0x... bb:dd.f\"), the first is \"nic\"");
    /* A QEMU with an added print in its DMA path logs them as accesses. */
    log_test(
        LOG,
        "# as:0xa 00:06.0\n"
        "1@1.000002:e1000e_rx_desc_buff_write buffer #0, addr: 0x1ac0, offset: 0, from: 0x7f73, length: 14\n"
        "1@1.000003:address_space_dma e1000e as:0xa addr 0x1ac0 len 14 write 1\n",
        "1000003000,00:06.0,write,0x1ac0,14,\n", NULL);
}

Test(qemu, invalidations_are_unmaps)
{
    /* Domain 3 has device 4 and domain 5 device 6; page 0x1000 was used by both and says nothing. */
    log_test(LOG,
             "1@1.000001:vtd_dmar_translate dev 00:04.00 iova 0x1000 -> gpa 0x0 mask 0xfff\n"
             "1@1.000002:vtd_dmar_translate dev 00:06.00 iova 0x1000 -> gpa 0x0 mask 0xfff\n"
             "1@1.000003:vtd_dmar_translate dev 00:04.00 iova 0x20000 -> gpa 0x0 mask 0xfff\n"
             "1@1.000004:vtd_dmar_translate dev 00:06.00 iova 0x3000 -> gpa 0x0 mask 0xfff\n"
             "2@1.000005:vtd_inv_desc_iotlb_pages iotlb invalidate domain 0x3 addr 0x1000 mask 0x0\n"
             "2@1.000006:vtd_inv_desc_iotlb_pages iotlb invalidate domain 0x3 addr 0x20000 mask 0x5\n"
             "2@1.000007:vtd_inv_desc_iotlb_pages iotlb invalidate domain 0x5 addr 0x3000 mask 0x1\n"
             "2@1.000008:vtd_inv_desc_iotlb_pages iotlb invalidate domain 0x7 addr 0x3000 mask 0x0\n"
             "2@1.000009:vtd_inv_desc_iotlb_domain iotlb invalidate whole domain 0x3\n"
             "2@1.000010:vtd_inv_desc_iotlb_pages iotlb invalidate domain 0x3 addr 0x20000 mask 0x34\n",
             "1000005000,00:04.0,unmap,0x1000,4096,\n"
             "1000006000,00:04.0,unmap,0x20000,131072,\n"
             "1000007000,00:06.0,unmap,0x2000,8192,\n"
             "1000010000,00:04.0,unmap,0,0xfffffffffffff000,\n",
             "missing: 1 maps or unmaps are of domains that no device is known for and were left out");
    log_test(
        LOG,
        "1@1.000001:smmuv3_translate_success smmuv3-iommu-memory-region-32-1 sid=0x20 iova=0x20008 "
        "translated=0x43a8e008 perm=0x3 stage=1\n"
        "2@1.000002:smmuv3_range_inval vmid=0 asid=2 addr=0x20000 tg=2 num_pages=0x2 ttl=3 leaf=1 stage=1\n",
        "1000002000,00:04.0,unmap,0x20000,32768,\n", NULL);
}

Test(qemu, virtio_iommu_maps_for_each_device_of_the_domain)
{
    log_test(
        LOG,
        "1@1.000001:virtio_iommu_attach domain=2 endpoint=32\n"
        "1@1.000002:virtio_iommu_attach domain=2 endpoint=40\n"
        "1@1.000003:virtio_iommu_map domain=2 virt_start=0x1000 virt_end=0x2fff phys_start=0x8000 flags=2\n"
        "1@1.000004:virtio_iommu_map domain=9 virt_start=0x1000 virt_end=0x2fff phys_start=0x8000 flags=2\n"
        "1@1.000005:virtio_iommu_attach domain=9 endpoint=40\n"
        "1@1.000006:virtio_iommu_map domain=2 virt_start=0x3000 virt_end=0x3fff phys_start=0x7000 flags=1\n"
        "1@1.000007:virtio_iommu_unmap domain=2 virt_start=0x1000 virt_end=0x3fff\n"
        "1@1.000008:virtio_iommu_unmap_done domain=2 virt_start=0x1000 virt_end=0x3fff\n"
        "1@1.000009:virtio_iommu_detach domain=2 endpoint=32\n"
        "1@1.000010:virtio_iommu_map domain=2 virt_start=0x3000 virt_end=0x3fff phys_start=0x7000 flags=3\n",
        "1000003000,00:04.0,map,0x1000,8192,0x8000\n"
        "1000003000,00:05.0,map,0x1000,8192,0x8000\n"
        "1000006000,00:04.0,map_ro,0x3000,4096,0x7000\n"
        "1000007000,00:04.0,unmap,0x1000,12288,\n",
        "missing: 2 maps or unmaps are of domains that no device is known for and were left out");
}

Test(qemu, a_page_mapped_by_one_domain_tells_the_device_of_an_address_space)
{
    /* Page 0x5000 is mapped by both, as part of a larger mapping by one. */
    log_test(LOG,
             "1@1.000001:virtio_iommu_attach domain=2 endpoint=32\n"
             "1@1.000002:virtio_iommu_attach domain=3 endpoint=40\n"
             "1@1.000003:virtio_iommu_map domain=2 virt_start=0x1000 virt_end=0x8fff phys_start=0x0 flags=3\n"
             "1@1.000004:virtio_iommu_map domain=3 virt_start=0x5000 virt_end=0x5fff phys_start=0x0 flags=3\n"
             "1@1.000005:address_space_dma nvme as:0xa addr 0x5000 len 4 write 1\n"
             "1@1.000006:address_space_dma nvme as:0xa addr 0x6000 len 4 write 1\n",
             "1000003000,00:04.0,map,0x1000,32768,0\n"
             "1000004000,00:05.0,map,0x5000,4096,0\n"
             "1000005000,00:04.0,write,0x5000,4,\n"
             "1000006000,00:04.0,write,0x6000,4,\n",
             NULL);
}

Test(qemu, unknown_lines_are_counted_and_threads_sorted)
{
    log_test(LOG,
             "# as:0xa 00:04.0\n"
             "qemu-system-x86_64: warning: something\n\n"
             "9@1.000001:usb_xhci_doorbell_write off 0x0, val 0x0\n"
             "9@1.000001:pci_nvme_mmio_doorbell_sq sqid 1 new_tail 2\n"
             "1@1.050000:address_space_dma nvme as:0xa addr 0x5000 len 4 write 1\n"
             "2@1.000000:address_space_dma nvme as:0xa addr 0x6000 len 4 write 1\n"
             "1@1.050000:address_space_dma nvme as:0xa addr 0x7000 len 0 write 1\n"
             "1@1.060000:address_space_dma nvme as:0xa addr 0x50",
             "1000000000,00:04.0,write,0x6000,4,\n"
             "1050000000,00:04.0,write,0x5000,4,\n",
             "2 lines are no event of this reader and were passed over, the first is line 2; "
             "missing: 1 line at the end is cut and was passed over");
}

Test(qemu, malformed_lines_are_named)
{
    static const struct {
        const char *line, *message;
    } cases[] = {
        {"1@1.5:address_space_dma nvme as:0xa addr 0x5000 len x write 1",
         "address_space_dma: it should read \"NAME as:0x... addr 0x... len N write N\""},
        {"1@1.5:address_space_map as:0xa addr 0x5000 write:1",
         "address_space_map: it should read \"as:0x... addr 0x...:0x... write:N\""},
        {"address_space_map as:0xa addr 0x5000:4 write:1",
         "has no time, which others have; record with -msg timestamp=on, or mend the line"},
        {"1@1.5:pci_nvme_map_addr addr 0x5000 len", "pci_nvme_map_addr: it should read \"addr 0x... len N\""},
        {"1@1.5:vtd_dmar_translate dev 00:24.00 iova 0x1000 -> gpa 0x0",
         "vtd_dmar_translate: device 0x2400 is out of range"},
        {"1@1.5:vtd_dmar_translate dev 00:04 iova 0x1000 -> gpa 0x0",
         "vtd_dmar_translate: it should read \"dev 0x...:0x....0x... iova 0x...\""},
        {"1@1.5:smmuv3_translate_success smmu sid=0x10000 iova=0x1000 translated=0x0 perm=0x3",
         "smmuv3_translate_success: device 0x10000 is out of range"},
        {"1@1.5:igb_rx_desc_buff_write buffer x, addr: 0x3000, offset: 0, from: 0x7f73, length: 60",
         "igb_rx_desc_buff_write: it should read \"buffer N, addr: 0x..., offset: N, from: 0x..., length: "
         "N\""},
        {"1@1.5:smmuv3_range_inval vmid=0 asid=2 addr=0x20000 tg=4 num_pages=0x2",
         "smmuv3_range_inval: tg 0x4 is out of range"},
        {"1@1.5:virtio_iommu_unmap domain=2 virt_start=0x2000 virt_end=0x1fff",
         "virtio_iommu_unmap: virt_end 0x1fff is out of range"},
        {"# as:0xa 00:04", "it should read \"# as:0x... bb:dd.f\""},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char text[1024], message[512];
        snprintf(text, sizeof text, "%s%s%s\n" SPACE, SPACE, TRANSLATED, cases[i].line);
        snprintf(message, sizeof message, "error: line 3: %s", cases[i].message);
        log_test_bad(LOG, text, 1, message);
    }
    log_test_bad(LOG,
                 "1@1.5:virtio_iommu_attach domain=2 endpoint=32\n"
                 "1@1.5:virtio_iommu_map domain=2 virt_start=0x1000 virt_end=0x17ff phys_start=0x0 flags=3\n",
                 0, "record 1: error: map of 2048 bytes, which is no multiple of 4 KiB");
}

Test(qemu, a_file_of_something_else_is_refused)
{
    log_test_bad(LOG, "time_ns,device,op,iova,bytes\n1,2,write,4,5\n", 0,
                 "error: none of its 2 lines is a QEMU trace event that says anything about DMA");
}

Test(qemu, more_things_than_there_is_room_for)
{
    char *text = NULL;
    size_t size;
    FILE *memory = open_memstream(&text, &size);
    cr_assert_not_null(memory);
    for (unsigned i = 0; i < 300; i++)
        fprintf(memory, "%u@1.5:address_space_map as:0x%x addr 0x5000:4 write:1\n", i, i + 1);
    fclose(memory);
    log_test_bad(LOG, text, 0, "error: more than 256 address spaces");
    free(text);
}

Test(qemu, a_pipe_is_read)
{
    char path[] = "/tmp/dirtywalk-test-XXXXXX";
    cr_assert_not_null(mkdtemp(path));
    char fifo[sizeof path + 16];
    snprintf(fifo, sizeof fifo, "%s/x.qemu.log", path);
    cr_assert_eq(mkfifo(fifo, 0600), 0);
    pid_t writer = fork();
    if (writer == 0) {
        FILE *out = fopen(fifo, "w");
        fputs(SPACE TRANSLATED, out);
        fclose(out);
        _exit(0);
    }
    struct trace *trace;
    struct trace_batch batch;
    struct error error = {0};
    cr_assert(trace_open(fifo, NULL, UINT64_MAX, &trace, &error), "%s", error.text);
    cr_assert(trace_next(trace, &batch, &error), "%s", error.text);
    cr_expect_eq(batch.count, 1);
    cr_expect_eq(batch.device[0], 0x20);
    trace_close(trace);
    waitpid(writer, NULL, 0);
    /* It needs room for a copy. */
    setenv("TMPDIR", "/nowhere", 1);
    FILE *both = fopen(fifo, "r+"); /* so that opening does not wait */
    cr_expect_not(trace_open(fifo, NULL, UINT64_MAX, &trace, &error));
    cr_expect_not_null(strstr(error.text,
                              ".qemu.log: error: is read twice, and no copy can be made in TMPDIR or "
                              "/tmp: No such file or directory; save it as a file"),
                       "%s", error.text);
    fclose(both);
    unlink(fifo);
    rmdir(path);
}

Test(qemu, amd_translations_tell_the_device)
{
    log_test(LOG,
             "1@1.000001:address_space_map as:0xa addr 0x1000:1000 write:1 attrs:0x0\n"
             "1@1.000002:amdvi_cache_update  update iotlb domid 0x2 devid: 00:04.0 gpa 0x1000 hpa 0x2c54000\n"
             "1@1.000003:amdvi_translation_result devid: 00:04.0 gpa 0x1000 hpa 0x2c54000\n"
             "1@1.000004:address_space_map as:0xb addr 0x1000:1000 write:0 attrs:0x0\n"
             "1@1.000005:amdvi_iotlb_hit hit iotlb devid 00:05.0 gpa 0x1000 hpa 0x2c53000\n"
             "1@1.000006:amdvi_pages_inval AMD-Vi pages for domain 0x2 invalidated\n",
             "1000001000,00:04.0,write,0x1000,4096,\n"
             "1000004000,00:05.0,read,0x1000,4096,\n",
             NULL);
}

Test(qemu, a_translation_in_a_domain_tells_whose_it_is)
{
    log_test(
        LOG,
        "1@1.000001:vtd_iotlb_page_update IOTLB page update sid 0x20 iova 0x7000 slpte 0x3 domain 0x5\n"
        "1@1.000002:vtd_iotlb_page_hit IOTLB page hit sid 0x20 iova 0x7000 slpte 0x3 domain 0x5\n"
        "2@1.000003:vtd_inv_desc_iotlb_pages iotlb invalidate domain 0x5 addr 0x1000 mask 0x0\n"
        "2@1.000004:vtd_inv_desc_iotlb_pasid_pages iotlb invalidate domain 0x5 addr 0x2000 mask 0x0 pasid "
        "0x0\n",
        "1000003000,00:04.0,unmap,0x1000,4096,\n"
        "1000004000,00:04.0,unmap,0x2000,4096,\n",
        NULL);
}

Test(qemu, smmu_invalidations_of_qemu_7)
{
    log_test(LOG,
             "1@1.000001:smmuv3_translate_success smmuv3-iommu-memory-region-32-1 sid=0x20 iova=0x20008 "
             "translated=0x43a8e008 perm=0x3\n"
             "2@1.000002:smmuv3_s1_range_inval vmid=0 asid=2 addr=0x20000 tg=1 num_pages=0x2 ttl=3 leaf=1\n"
             "2@1.000003:smmuv3_s1_range_inval vmid=0 asid=-1 addr=0x20000 tg=1 num_pages=0x1 ttl=3 leaf=1\n",
             "1000002000,00:04.0,unmap,0x20000,8192,\n",
             "missing: 1 maps or unmaps are of domains that no device is known for and were left out");
}

#define TWO_DISKS                                                                                            \
    "1@1.000001:virtio_iommu_attach domain=0 endpoint=32\n"                                                  \
    "1@1.000002:virtio_iommu_attach domain=3 endpoint=40\n"                                                  \
    "1@1.000003:virtio_iommu_map domain=0 virt_start=0x1000 virt_end=0x2fff phys_start=0x0 flags=2\n"        \
    "1@1.000004:virtio_iommu_map domain=3 virt_start=0x8000 virt_end=0x8fff phys_start=0x0 flags=2\n"
#define THEIR_MAPS "1000003000,00:04.0,map,0x1000,8192,0\n1000004000,00:05.0,map,0x8000,4096,0\n"

Test(qemu, a_page_that_one_device_can_reach_tells_whose_an_access_is)
{
    /* Two NICs; the last descriptor is in a page that was mapped before the log began. */
    log_test(LOG,
             TWO_DISKS "1@1.000005:igb_rx_desc_buff_write addr: 0x8000, offset: 0, from: 0x7f73, length: 60\n"
                       "1@1.000006:igb_rx_desc_buff_write addr: 0x1000, offset: 0, from: 0x7f73, length: 61\n"
                       "1@1.000007:igb_rx_desc_buff_write addr: 0x2000, offset: 0, from: 0x7f73, length: 62\n"
                       "1@1.000008:e1000e_rx_descr Next RX descriptor: ring #0, PA: 0xffffc510, length: 16\n",
             THEIR_MAPS "1000005000,00:05.0,write,0x8000,60,\n"
                        "1000006000,00:04.0,write,0x1000,61,\n"
                        "1000007000,00:04.0,write,0x2000,62,\n"
                        "1000008000,00:04.0,write,0xffffc510,16,\n",
             NULL);
}

Test(qemu, a_translation_with_a_direction_and_without_an_access_is_one)
{
    /* Explained are: what follows its access, also in its second page, and an MSI, whose page is not mapped.
     * The fetch of a descriptor is shown by its translation. */
    log_test(LOG,
             TWO_DISKS
             "1@1.000005:address_space_map as:0xa addr 0x1800:1000 write:1 attrs:0x0\n"
             "1@1.000006:virtio_iommu_translate mr=virtio-iommu-memory-region-32 rid=32 addr=0x1800 flag=2\n"
             "1@1.000007:virtio_iommu_translate mr=virtio-iommu-memory-region-32 rid=32 addr=0x2000 flag=2\n"
             "1@1.000008:virtio_iommu_translate mr=virtio-iommu-memory-region-32 rid=32 addr=0x1810 flag=1\n"
             "1@1.000009:virtio_iommu_translate mr=virtio-iommu-memory-region-40 rid=40 addr=0x8ff8 flag=2\n"
             "1@1.000010:virtio_iommu_translate mr=virtio-iommu-memory-region-40 rid=40 addr=0xfee00000 "
             "flag=2\n"
             "1@1.000011:e1000e_rx_descr Next RX descriptor: ring #0, PA: 0x8510, length: 16\n"
             "1@1.000012:virtio_iommu_translate mr=virtio-iommu-memory-region-40 rid=40 addr=0x8510 flag=1\n",
             THEIR_MAPS "1000005000,00:04.0,write,0x1800,4096,\n"
                        "1000008000,00:04.0,read,0x1810,1,\n"
                        "1000009000,00:05.0,write,0x8ff8,1,\n"
                        "1000012000,00:05.0,read,0x8510,1,\n",
             NULL);
}
