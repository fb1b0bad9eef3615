/* traces/csv/csv.c and csv_line.c: interface.md 3. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <criterion/criterion.h>

#include "sim/base/rng.h"
#include "tests/unit/test_traces.h"

TestSuite(traces_csv, .fini = trace_test_clean);

struct expected {
    uint64_t time_ns, device, op, iova, bytes, address;
};

/* Read `text` and compare; *warning NULL means that there must be none. */
static void expect(const char *text, const char *warning, const struct expected *expected, size_t count)
{
    struct trace *trace;
    struct trace_batch b;
    struct error error = {0};
    cr_assert(trace_open(trace_test_text(text), NULL, UINT64_MAX, &trace, &error), "%s", error.text);
    cr_assert(trace_next(trace, &b, &error), "%s", error.text);
    cr_assert_eq(b.count, count, "%zu records instead of %zu in\n%s", b.count, count, text);
    for (size_t i = 0; i < count; i++) {
        cr_expect_eq(b.time_ns[i], expected[i].time_ns, "time_ns of record %zu in\n%s", i + 1, text);
        cr_expect_eq(b.device[i], expected[i].device, "device of record %zu in\n%s", i + 1, text);
        cr_expect_eq(b.op[i], expected[i].op, "op of record %zu in\n%s", i + 1, text);
        cr_expect_eq(b.iova[i], expected[i].iova, "iova of record %zu in\n%s", i + 1, text);
        cr_expect_eq(b.bytes[i], expected[i].bytes, "bytes of record %zu in\n%s", i + 1, text);
        if (b.op[i] == TRACE_MAP || b.op[i] == TRACE_MAP_RO)
            cr_expect_eq(b.address[i], expected[i].address, "address of record %zu in\n%s", i + 1, text);
    }
    const char *got = trace_warning(trace);
    cr_expect_eq(got == NULL, warning == NULL, "warning %s", got ? got : "missing");
    if (got && warning)
        cr_expect_str_eq(got, warning, "got %s", got);
    /* Warnings are given once, however often the trace is read. */
    cr_assert(trace_rewind(trace, &error), "%s", error.text);
    cr_assert(trace_next(trace, &b, &error), "%s", error.text);
    if (got && warning)
        cr_expect_str_eq(trace_warning(trace), warning, "got %s", trace_warning(trace));
    trace_close(trace);
}

#define EXPECT(text, warning, ...)                                                                           \
    do {                                                                                                     \
        static const struct expected list[] = {__VA_ARGS__};                                                 \
        expect(text, warning, list, sizeof list / sizeof *list);                                             \
    } while (0)

Test(traces_csv, columns_come_in_any_order)
{
    EXPECT("time_ns,device,op,iova,bytes,address\n5,6,map,0x7000,4096,0x9000\n", NULL,
           {5, 6, TRACE_MAP, 0x7000, 4096, 0x9000});
    EXPECT("address,bytes,iova,op,device,time_ns\n0x9000,4096,0x7000,map,6,5\n,1,2,write,3,5\n", NULL,
           {5, 6, TRACE_MAP, 0x7000, 4096, 0x9000}, {5, 3, TRACE_WRITE, 2, 1, 0});
    EXPECT("op,iova,time_ns,bytes,device\nmap_ro,0x7000,5,4096,00:04.0\n", NULL,
           {5, 32, TRACE_MAP_RO, 0x7000, 4096, 0x7000});
    EXPECT("gpa,op,time_ns,bytes,device\n0x7001,read,5,2,6\n", NULL, {5, 6, TRACE_READ, 0x7001, 2, 0});
}

Test(traces_csv, other_columns_are_ignored_with_one_warning)
{
    EXPECT("cpu,time_ns,task,device,op,iova,bytes,\n1,5,\"dd, nc\",6,write,7,8,\n1,5,dd,6,read,7,8,x\n",
           "ignored columns: \"cpu\", \"task\", \"\"", {5, 6, TRACE_WRITE, 7, 8, 0},
           {5, 6, TRACE_READ, 7, 8, 0});
    EXPECT("time_ns,device,op,gpa,bytes,iova\n5,6,write,1,8,7\n", "ignored columns: \"gpa\"",
           {5, 6, TRACE_WRITE, 7, 8, 0});
    EXPECT("x,x,time_ns,device,op,iova,bytes\n,,5,6,write,7,8\n", "ignored columns: \"x\", \"x\"",
           {5, 6, TRACE_WRITE, 7, 8, 0});
}

Test(traces_csv, all_ops_are_read)
{
    EXPECT(TRACE_TEST_HEADER "0,1,write,0,4096\n0,1,read,0,4096\n0,1,map,0,4096\n0,1,map_ro,0,4096\n"
                             "0,1,unmap,0,4096\n0,1,translate,0,4096\n0,1,translate_w,0,4096\n0,1,mark,0,0\n",
           NULL, {0, 1, TRACE_WRITE, 0, 4096, 0}, {0, 1, TRACE_READ, 0, 4096, 0},
           {0, 1, TRACE_MAP, 0, 4096, 0}, {0, 1, TRACE_MAP_RO, 0, 4096, 0}, {0, 1, TRACE_UNMAP, 0, 4096, 0},
           {0, 1, TRACE_TRANSLATE, 0, 4096, 0}, {0, 1, TRACE_TRANSLATE_W, 0, 4096, 0},
           {0, 1, TRACE_MARK, 0, 0, 0});
}

Test(traces_csv, a_mark_needs_its_number_alone)
{
    EXPECT(TRACE_TEST_HEADER "7,,mark,,3\n7,5,mark,,4\n8,,mark,0x10,18446744073709551615\n", NULL,
           {7, 0, TRACE_MARK, 0, 3, 0}, {7, 5, TRACE_MARK, 0, 4, 0}, {8, 0, TRACE_MARK, 16, UINT64_MAX, 0});
}

Test(traces_csv, numbers_are_decimal_or_hexadecimal)
{
    EXPECT(TRACE_TEST_HEADER "0,0,read,0xfffffffffffff00f,0x1f\n"
                             "9999999999999999999,0x10,read,0XABCDEF,0xabCDef\n"
                             "18446744073709551615,0000000000000000000000065535,read,"
                             "0x00000000000000000000001,00000000000000000000000000000000012\n",
           NULL, {0, 0, TRACE_READ, 0xfffffffffffff00f, 31, 0},
           {9999999999999999999U, 16, TRACE_READ, 0xabcdef, 0xabcdef, 0},
           {UINT64_MAX, 65535, TRACE_READ, 1, 12, 0});
}

Test(traces_csv, devices_are_integers_or_pci_addresses)
{
    EXPECT(TRACE_TEST_HEADER "0,65535,read,0,1\n0,00:00.0,read,0,1\n0,ff:1f.7,read,0,1\n0,0a:0B.3,read,0,1\n"
                             "0,0000:00:04.0,read,0,1\n",
           NULL, {0, 65535, TRACE_READ, 0, 1, 0}, {0, 0, TRACE_READ, 0, 1, 0},
           {0, 0xffff, TRACE_READ, 0, 1, 0}, {0, 0xa << 8 | 0xb << 3 | 3, TRACE_READ, 0, 1, 0},
           {0, 32, TRACE_READ, 0, 1, 0});
    /* One domain, whatever it is, needs no word. */
    EXPECT(TRACE_TEST_HEADER "0,abcd:01:00.1,read,0,1\n0,7,read,0,1\n0,abcd:01:00.2,read,0,1\n", NULL,
           {0, 0x101, TRACE_READ, 0, 1, 0}, {0, 7, TRACE_READ, 0, 1, 0}, {0, 0x102, TRACE_READ, 0, 1, 0});
    /* Nor do several, five digits long, while their devices differ. */
    EXPECT(TRACE_TEST_HEADER "0,00:04.0,read,0,1\n0,10000:e1:00.0,read,0,1\n0,fffff:00:05.0,read,0,1\n", NULL,
           {0, 32, TRACE_READ, 0, 1, 0}, {0, 0xe100, TRACE_READ, 0, 1, 0}, {0, 40, TRACE_READ, 0, 1, 0});
}

Test(traces_csv, ids_that_collide_are_named)
{
    /* Also where the domain of the first record comes again, and an integer is no collision. */
    EXPECT(TRACE_TEST_HEADER "0,00:04.0,read,0,1\n0,0001:00:05.0,read,0,1\n0,32,read,0,1\n0,00:05.0,read,0,"
                             "1\n0,00:05.0,read,0,1\n",
           "device ids hold no PCI domain, so these count as one device each: 0001:00:05.0 and 0000:00:05.0 "
           "(id 40)",
           {0, 32, TRACE_READ, 0, 1, 0}, {0, 40, TRACE_READ, 0, 1, 0}, {0, 32, TRACE_READ, 0, 1, 0},
           {0, 40, TRACE_READ, 0, 1, 0}, {0, 40, TRACE_READ, 0, 1, 0});
    char text[1024] = TRACE_TEST_HEADER;
    for (unsigned domain = 0; domain < 3; domain++)
        for (unsigned device = 0; device < 5; device++) {
            size_t used = strlen(text);
            snprintf(text + used, sizeof text - used, "0,%x:01:0%x.0,read,0,1\n", 0x10000 + domain, device);
        }
    struct expected all[15];
    for (unsigned i = 0; i < 15; i++)
        all[i] = (struct expected){0, (uint16_t)(0x100 + i % 5 * 8), TRACE_READ, 0, 1, 0};
    expect(
        text,
        "device ids hold no PCI domain, so these count as one device each: 10000:01:00.0 and 10001:01:00.0 "
        "(id "
        "256), 10000:01:01.0 and 10001:01:01.0 (id 264), 10000:01:02.0 and 10001:01:02.0 (id 272) and 2 more",
        all, 15);
}

Test(traces_csv, addresses_that_are_pages_in_hexadecimal_only_are_told)
{
    EXPECT(TRACE_TEST_HEADER
           "0,1,read,44879000,4096\n0,1,read,0x1000,64\n0,1,mark,,1\n0,1,write, 123000 ,64\n",
           "2 of 3 addresses begin a page only if their digits are hexadecimal; write 0x in front of "
           "hexadecimal "
           "numbers",
           {0, 1, TRACE_READ, 44879000, 4096, 0}, {0, 1, TRACE_READ, 4096, 64, 0},
           {0, 1, TRACE_MARK, 0, 1, 0}, {0, 1, TRACE_WRITE, 123000, 64, 0});
    /* Half of them, decimal pages, hexadecimal ones, short ones. */
    EXPECT(TRACE_TEST_HEADER "0,1,read,44879000,4096\n0,1,read,40960000,4096\n", NULL,
           {0, 1, TRACE_READ, 44879000, 4096, 0}, {0, 1, TRACE_READ, 40960000, 4096, 0});
    EXPECT(TRACE_TEST_HEADER "0,1,read,0x44879000,4096\n0,1,read,000,4096\n0,1,read,8192000,4096\n", NULL,
           {0, 1, TRACE_READ, 0x44879000, 4096, 0}, {0, 1, TRACE_READ, 0, 4096, 0},
           {0, 1, TRACE_READ, 8192000, 4096, 0});
}

Test(traces_csv, an_address_on_another_op_is_ignored_with_one_warning)
{
    EXPECT(
        "x,time_ns,device,op,iova,bytes,address\n,0,0,write,1,2,3\n,0,0,read,1,2,0\n,0,0,map,0,4096,0x1000\n",
        "ignored columns: \"x\"; ignored addresses of records that are no map", {0, 0, TRACE_WRITE, 1, 2, 0},
        {0, 0, TRACE_READ, 1, 2, 0}, {0, 0, TRACE_MAP, 0, 4096, 0x1000});
}

Test(traces_csv, comments_blank_lines_line_ends_and_a_byte_order_mark_are_tolerated)
{
    EXPECT("\xef\xbb\xbf" TRACE_TEST_HEADER "1,2,read,3,4", NULL, {1, 2, TRACE_READ, 3, 4, 0});
    EXPECT(
        "\xef\xbb\xbf# made by hand\r\n\r\n#\r\ntime_ns,device,op,iova,bytes\r\n# one\r\n1,2,read,3,4\r\n\r\n"
        "#two, \"unclosed\r\n1,2,write,3,4\r\n \t\r\n#\r\n",
        NULL, {1, 2, TRACE_READ, 3, 4, 0}, {1, 2, TRACE_WRITE, 3, 4, 0});
    EXPECT("\n\n" TRACE_TEST_HEADER "\n\n1,2,read,3,4\n\n\n", NULL, {1, 2, TRACE_READ, 3, 4, 0});
    EXPECT(TRACE_TEST_HEADER "1,2,read,3,4\r\n5,6,read,7,8\r", NULL, {1, 2, TRACE_READ, 3, 4, 0},
           {5, 6, TRACE_READ, 7, 8, 0});
    EXPECT(TRACE_TEST_HEADER "1,2,read,3,4\n# no line end", NULL, {1, 2, TRACE_READ, 3, 4, 0});
}

Test(traces_csv, spaces_and_quotes_around_fields_are_tolerated)
{
    EXPECT(" time_ns, \"device\" ,op\t,iova,bytes \n 1, 2 ,\tread ,3 , 4 "
           "\n\"1\",\"2\",\"read\",\"0x3\",\"4\"\r\n"
           "1,2, \" read \" ,3,4\n",
           NULL, {1, 2, TRACE_READ, 3, 4, 0}, {1, 2, TRACE_READ, 3, 4, 0}, {1, 2, TRACE_READ, 3, 4, 0});
}

Test(traces_csv, a_header_alone_is_an_empty_trace)
{
    static const char *const texts[] = {"time_ns,device,op,iova,bytes", TRACE_TEST_HEADER,
                                        "#\n" TRACE_TEST_HEADER "# nothing\n\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        expect(texts[i], "the file has a header and no records", NULL, 0);
}

#define COMMAS "; put commas between the fields of all lines: time_ns,device,op,iova,bytes"

Test(traces_csv, every_wrong_header_has_its_message)
{
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "error: the file is empty; a CSV trace begins with a header that names its columns: "
             "time_ns,device,op,iova,bytes"},
        {"# only\n\n# comments\n",
         "error: the file is empty; a CSV trace begins with a header that names its "
         "columns: time_ns,device,op,iova,bytes"},
        {"# c\ntime_ns,device,op,bytes\n",
         "error: line 2: the header \"time_ns,device,op,bytes\" lacks iova (or gpa)"},
        {"time_ns,op,iova,address\n",
         "error: line 1: the header \"time_ns,op,iova,address\" lacks device, bytes"},
        {"Time_NS,device,op,iova,bytes\n",
         "error: line 1: the header \"Time_NS,device,op,iova,bytes\" lacks time_ns; write \"time_ns\" "
         "instead of \"Time_NS\""},
        {"TIME_NS,DEVICE,OP,IOVA,BYTES\n", "error: line 1: the header \"TIME_NS,DEVICE,OP,IOVA,BYTES\" lacks "
                                           "time_ns, device, op, iova (or gpa), bytes; "
                                           "write \"time_ns\" instead of \"TIME_NS\""},
        {"5,0,write,1,2\n",
         "error: line 1: this is no header: \"5,0,write,1,2\"; the first line must name the "
         "columns time_ns,device,op,iova,bytes, in any order"},
        {"time_ns;device;op;iova;bytes\n", "error: line 1: the header \"time_ns;device;op;iova;bytes\" has "
                                           "its columns between semicolons" COMMAS},
        {"Time_ns\tdevice\top\tiova\tbytes\n",
         "error: line 1: the header \"Time_ns?device?op?iova?bytes\" has its columns between tabs" COMMAS},
        {"time_ns | device | op\n",
         "error: line 1: the header \"time_ns | device | op\" has its columns between bars" COMMAS},
        {"time_ns device op\n",
         "error: line 1: the header \"time_ns device op\" has its columns between spaces" COMMAS},
        {"\x01\xff,,\n", "error: line 1: this is no header: \"??,,\"; the first line must name the columns "
                         "time_ns,device,op,iova,bytes, in any order"},
        {"time_ns,device,op,iova,bytes,op\n",
         "error: line 1: the header names column \"op\" twice; keep one"},
        {"gpa,time_ns,device,op,gpa,bytes\n",
         "error: line 1: the header names column \"gpa\" twice; keep one"},
        {"\n\xef\xbb\xbf" TRACE_TEST_HEADER,
         "error: line 2: the header \"???time_ns,device,op,iova,bytes\" lacks time_ns"},
        {"time_ns,device,op,iova,\"bytes\n", "error: line 1: a quoted field does not end on its line"},
        {"time_ns,device,op,iova,\"bytes\"x\n",
         "error: line 1: text follows a closing quote; put a comma between fields"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        trace_test_bad(trace_test_text(cases[i].text), cases[i].message);
    char many[600];
    memset(many, ',', 256);
    memcpy(many + 256, "\n", 2);
    trace_test_bad(trace_test_text(many), "error: line 1: the header has more than 256 columns");
}

#define OPS "write, read, map, map_ro, unmap, translate, translate_w, mark"
#define NO_DEVICE                                                                                            \
    " is neither an integer from 0 to 65535 nor a PCI address [dddd:]bb:dd.f with dd at most 1f and f at "   \
    "most 7"
#define NO_NUMBER " is not a whole number, decimal or 0x..."
#define NO_SECONDS " is not a whole number; write nanoseconds: seconds times 1000000000, without a point"
#define TOO_LARGE " does not fit in 64 bits; the largest is 18446744073709551615"

Test(traces_csv, every_wrong_field_has_its_message)
{
    static const struct {
        const char *row, *message;
    } cases[] = {
        {"1,2,read,3", "4 fields where the header names 5 columns"},
        {"1", "1 field where the header names 5 columns"},
        {"1,2,read,3,4,", "6 fields where the header names 5 columns"},
        {"1,2,read,3,4,5", "6 fields where the header names 5 columns"},
        {"1;2;read;3;4", "1 field where the header names 5 columns"},
        {",2,read,3,4", "time_ns: is empty; write a whole number, decimal or 0x..."},
        {"1,2,read,,4", "iova: is empty; write a whole number, decimal or 0x..."},
        {"1,2,read,3,", "bytes: is empty; write a whole number, decimal or 0x..."},
        {"1,2,mark,3,", "bytes: is empty; write a whole number, decimal or 0x..."},
        {"1,2,,3,4", "op: \"\" is not one of " OPS},
        {"1,,read,3,4", "device: \"\"" NO_DEVICE},
        {"-1,2,read,3,4", "time_ns: \"-1\"" NO_NUMBER},
        {"+1,2,read,3,4", "time_ns: \"+1\"" NO_NUMBER},
        {"1.5,2,read,3,4", "time_ns: \"1.5\"" NO_SECONDS},
        {"0.000001,2,read,3,4", "time_ns: \"0.000001\"" NO_SECONDS},
        {"1.5.1,2,read,3,4", "time_ns: \"1.5.1\"" NO_NUMBER},
        {"1,2,read,1.5,4", "iova: \"1.5\"" NO_NUMBER},
        {"1e9,2,read,3,4", "time_ns: \"1e9\"" NO_NUMBER},
        {"1,2,read,3,4k", "bytes: \"4k\"" NO_NUMBER},
        {"1,2,read,3,4 4", "bytes: \"4 4\"" NO_NUMBER},
        {"1,2,read,ff,4", "iova: \"ff\"" NO_NUMBER "; if it is hexadecimal, write 0xff"},
        {"1,2,read,3,1F0", "bytes: \"1F0\"" NO_NUMBER "; if it is hexadecimal, write 0x1F0"},
        {"1,2,read,0x,4", "iova: \"0x\"" NO_NUMBER},
        {"1,2,read,0xg,4", "iova: \"0xg\"" NO_NUMBER},
        {"1,2,read,x10,4", "iova: \"x10\"" NO_NUMBER},
        {"1,2,mark,x10,4", "iova: \"x10\"" NO_NUMBER},
        {"1,2,read,3,\x7f\xc3", "bytes: \"\?\?\"" NO_NUMBER},
        {"1,2,read,3,4#", "bytes: \"4#\"" NO_NUMBER},
        {"1,2,read,3,18446744073709551616", "bytes: \"18446744073709551616\"" TOO_LARGE},
        {"1,2,read,0x10000000000000000,4", "iova: \"0x10000000000000000\"" TOO_LARGE},
        {"99999999999999999999999999999999999999999999,2,read,3,4",
         "time_ns: \"9999999999999999999999999999999999999999...\"" TOO_LARGE},
        {"1,65536,read,3,4", "device: \"65536\"" NO_DEVICE},
        {"1,-1,read,3,4", "device: \"-1\"" NO_DEVICE},
        {"1,nvme0,read,3,4", "device: \"nvme0\"" NO_DEVICE},
        {"1,nvme0,mark,3,4", "device: \"nvme0\"" NO_DEVICE},
        {"1,00:20.0,read,3,4", "device: \"00:20.0\"" NO_DEVICE},
        {"1,00:04.8,read,3,4", "device: \"00:04.8\"" NO_DEVICE},
        {"1,00:04.00,read,3,4", "device: \"00:04.00\"" NO_DEVICE},
        {"1,0:04.0,read,3,4", "device: \"0:04.0\"" NO_DEVICE},
        {"1,00:4.0,read,3,4", "device: \"00:4.0\"" NO_DEVICE},
        {"1,00-04.0,read,3,4", "device: \"00-04.0\"" NO_DEVICE},
        {"1,00:04:0,read,3,4", "device: \"00:04:0\"" NO_DEVICE},
        {"1,g0:04.0,read,3,4", "device: \"g0:04.0\"" NO_DEVICE},
        {"1,000:00:04.0,read,3,4", "device: \"000:00:04.0\"" NO_DEVICE},
        {"1,100000:00:04.0,read,3,4", "device: \"100000:00:04.0\"" NO_DEVICE},
        {"1,00g0:00:04.0,read,3,4", "device: \"00g0:00:04.0\"" NO_DEVICE},
        {"1,2,Write,3,4", "op: \"Write\" is not one of " OPS},
        {"1,2,writes,3,4", "op: \"writes\" is not one of " OPS},
        {"1,2,rea,3,4", "op: \"rea\" is not one of " OPS},
        {"1,2,map_rw,3,4", "op: \"map_rw\" is not one of " OPS},
        {"1,2,translate_,3,4", "op: \"translate_\" is not one of " OPS},
        {"1,2,\"read,3,4", "a quoted field does not end on its line"},
        {"1,2,\"read\"s,3,4", "text follows a closing quote; put a comma between fields"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[400], message[400];
        snprintf(text, sizeof text, TRACE_TEST_HEADER "# c\n1,2,read,3,4\n\n%s\n1,2,read,3,4\n",
                 cases[i].row);
        snprintf(message, sizeof message, "record 2: error: line 5: %s", cases[i].message);
        trace_test_bad(trace_test_text(text), message);
        /* Without the final line end, and with a carriage return. */
        snprintf(text, sizeof text, TRACE_TEST_HEADER "# c\n1,2,read,3,4\n\r\n%s", cases[i].row);
        trace_test_bad(trace_test_text(text), message);
        snprintf(text, sizeof text, TRACE_TEST_HEADER "# c\n1,2,read,3,4\n\r\n%s\r\n", cases[i].row);
        trace_test_bad(trace_test_text(text), message);
        trace_test_clean();
    }
    trace_test_bad(trace_test_text("time_ns,device,op,gpa,bytes\n1,2,read,x,4\n"),
                   "record 1: error: line 2: gpa: \"x\"" NO_NUMBER);
    trace_test_bad(trace_test_text("time_ns,device,op,gpa,bytes,address\n1,2,read,3,4,x\n"),
                   "record 1: error: line 2: address: \"x\"" NO_NUMBER);
}

Test(traces_csv, a_nul_byte_is_an_error)
{
    static const char text[] = TRACE_TEST_HEADER "1,2,read,3,4\0\n";
    trace_test_bad(trace_test_file(".csv", text, sizeof text - 1),
                   "record 1: error: line 2: bytes: \"4?\"" NO_NUMBER);
}

Test(traces_csv, a_line_without_end_is_an_error)
{
    enum { LIMIT = 65536, LENGTH = 3000000 };
    char *text = malloc(LENGTH);
    cr_assert_not_null(text);
    memset(text, 'x', LENGTH);
    trace_test_bad(trace_test_file(".csv", text, LENGTH),
                   "error: line 1 is longer than 65536 bytes; this is no CSV trace");
    memcpy(text, TRACE_TEST_HEADER, 29);
    trace_test_bad(trace_test_file(".csv", text, LENGTH),
                   "error: line 2 is longer than 65536 bytes; this is no CSV trace");
    text[29] = '#';
    text[29 + LIMIT] = '\n';
    trace_test_good(trace_test_file(".csv", text, 29 + LIMIT + 1));
    text[29 + LIMIT] = 'x';
    text[29 + LIMIT + 1] = '\n';
    trace_test_bad(trace_test_file(".csv", text, 29 + LIMIT + 2),
                   "error: line 2 is longer than 65536 bytes; this is no CSV trace");
    free(text);
}

/* The same rows with a space before every line end take the careful way. */
Test(traces_csv, the_quick_and_the_careful_way_agree)
{
    size_t length, used = 0;
    char *text = trace_test_rows(20000, 11, &length), *spaced = malloc(length * 2);
    cr_assert_not_null(spaced);
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '\n')
            spaced[used++] = ' ';
        spaced[used++] = text[i];
    }
    struct trace_store quick = trace_test_good(trace_test_file(".csv", text, length));
    struct trace_store careful = trace_test_good(trace_test_file(".csv", spaced, used));
    cr_expect_eq(quick.count, 20000);
    cr_expect(trace_test_same(&quick, &careful));
    trace_store_free(&quick);
    trace_store_free(&careful);
    free(text);
    free(spaced);
}

/* Rows behind a first column that is ignored; in quotes it sends every row the careful way. */
static const char *prefixed(char *const rows[], size_t count, const char *prefix)
{
    char text[2000];
    size_t used = (size_t)snprintf(text, sizeof text, "x,time_ns,device,op,iova,bytes,address\n");
    for (size_t i = 0; i < count; i++)
        used += (size_t)snprintf(text + used, sizeof text - used, "%s,%s\n", prefix, rows[i]);
    return trace_test_text(text);
}

/* Damaged rows: the same records, or the same error, both ways. */
Test(traces_csv, the_quick_and_the_careful_way_agree_on_damaged_rows)
{
    enum { ROWS = 4, ROUNDS = 3000 };
    static const char *const good[] = {"1795326477142758001,00:04.0,write,0x101176020,16,",
                                       "1795326477142758001,0001:ff:1f.7,read,4096,0x10,",
                                       "1795326477142758001,65535,map_ro,0xfffc0000,65536,0x28070000",
                                       "1795326477142758001,7,translate_w,1,2,",
                                       "1795326477142758001,7,mark,0,18446744073709551615,"};
    static const char damage[] = "0123456789abcdefxXwrg,,,:::...\"\"# \t\r-_\x7f\xff";
    uint64_t seed = 14;
    size_t failed = 0;
    for (size_t round = 0; round < ROUNDS; round++) {
        char storage[ROWS][100], *rows[ROWS];
        for (size_t i = 0; i < ROWS; i++)
            rows[i] = strcpy(storage[i], good[rng_next(&seed) % 5]);
        char *victim = rows[rng_next(&seed) % ROWS];
        victim[rng_next(&seed) % strlen(victim)] = damage[rng_next(&seed) % (sizeof damage - 1)];
        const char *paths[] = {prefixed(rows, ROWS, "x"), prefixed(rows, ROWS, "\"x\"")};
        struct trace_store stores[2] = {{0}};
        struct error errors[2] = {{0}};
        bool read = trace_test_read(paths[0], UINT64_MAX, &stores[0], &errors[0]);
        cr_assert_eq(read, trace_test_read(paths[1], UINT64_MAX, &stores[1], &errors[1]), "%s", victim);
        cr_assert(trace_test_same(&stores[0], &stores[1]), "%s", victim);
        cr_assert_str_eq(errors[0].text + (read ? 0 : strlen(paths[0])),
                         errors[1].text + (read ? 0 : strlen(paths[1])));
        failed += !read;
        trace_store_free(&stores[0]);
        trace_store_free(&stores[1]);
        trace_test_clean();
    }
    cr_expect(failed > ROUNDS / 10 && ROUNDS - failed > ROUNDS / 10, "%zu of %d failed", failed, ROUNDS);
}

/* Chunks are read in fixed sizes: a comment of growing length in front moves a record over their borders,
 * one byte at a time. */
Test(traces_csv, a_record_may_be_cut_anywhere_between_two_reads)
{
    enum { RECORDS = 12000, SHIFTS = 80, HEADER = 29 };
    size_t length;
    char *text = trace_test_rows(RECORDS, 12, &length);
    cr_assert_gt(length, 512 * 1024);
    char *shifted = malloc(length + SHIFTS + 2);
    cr_assert_not_null(shifted);
    struct trace_store whole = trace_test_good(trace_test_file(".csv", text, length));
    cr_assert_eq(whole.count, RECORDS);
    memcpy(shifted, text, HEADER);
    for (size_t shift = 0; shift < SHIFTS; shift++) {
        memset(shifted + HEADER, '#', shift + 1);
        shifted[HEADER + shift + 1] = '\n';
        memcpy(shifted + HEADER + shift + 2, text + HEADER, length - HEADER);
        for (size_t without_end = 0; without_end < 2; without_end++) {
            size_t bytes = length + shift + 2 - without_end;
            struct trace_store store = trace_test_good(trace_test_file(".csv", shifted, bytes));
            cr_assert(trace_test_same(&whole, &store), "shift %zu", shift);
            trace_store_free(&store);
            trace_test_clean();
        }
    }
    trace_store_free(&whole);
    free(text);
    free(shifted);
}

struct pieces {
    const char *path;
    const char *text;
    size_t length, piece;
};

static void *write_pieces(void *argument)
{
    struct pieces *pieces = argument;
    FILE *pipe = fopen(pieces->path, "wb");
    if (!pipe)
        return NULL;
    setvbuf(pipe, NULL, _IONBF, 0);
    for (size_t done = 0; done < pieces->length; done += pieces->piece) {
        size_t left = pieces->length - done;
        fwrite(pieces->text + done, 1, left < pieces->piece ? left : pieces->piece, pipe);
        if (done == 0)
            usleep(2000); /* let the reader meet the first piece alone */
    }
    fclose(pipe);
    return NULL;
}

static void expect_piped(const void *data, size_t length, size_t piece, const struct trace_store *whole)
{
    const char *path = trace_test_file(".csv", "", 0);
    unlink(path);
    cr_assert_eq(mkfifo(path, 0600), 0);
    struct pieces pieces = {path, data, length, piece};
    pthread_t writer;
    cr_assert_eq(pthread_create(&writer, NULL, write_pieces, &pieces), 0);
    struct trace *trace;
    struct trace_batch batch;
    struct error error = {0}, again = {0};
    cr_assert(trace_open(path, NULL, UINT64_MAX, &trace, &error), "%s", error.text);
    cr_assert(trace_next(trace, &batch, &error), "%s", error.text);
    struct trace_store store = {0};
    cr_assert(trace_store_add(&store, &batch, &error));
    cr_expect(trace_test_same(whole, &store));
    trace_store_free(&store);
    cr_expect_not(trace_rewind(trace, &error));
    cr_expect_not_null(strstr(error.text,
                              ".csv: error: cannot be read a second time (Illegal seek); store it in a "
                              "regular file"),
                       "%s", error.text);
    cr_expect_not(trace_next(trace, &batch, &again));
    cr_expect_str_eq(again.text, error.text);
    trace_close(trace);
    pthread_join(writer, NULL);
}

Test(traces_csv, a_pipe_may_deliver_small_pieces_but_only_once)
{
    size_t length, packed_length;
    char *text = trace_test_rows(300, 13, &length);
    unsigned char *packed = trace_test_gzip(text, length, &packed_length);
    struct trace_store whole = trace_test_good(trace_test_file(".csv", text, length));
    for (size_t piece = 1; piece <= 50; piece += 7) {
        expect_piped(text, length, piece, &whole);
        expect_piped(packed, packed_length, piece, &whole);
    }
    trace_store_free(&whole);
    free(packed);
    free(text);
}
