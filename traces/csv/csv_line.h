/* One line of a CSV trace, parsed with care: every rule of interface.md 3, spaces, quotes, and a message for
 * everything that is wrong. csv.c has the quick way for the lines as programs write them. */
#ifndef TRACES_CSV_CSV_LINE_H
#define TRACES_CSV_CSV_LINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "sim/base/error.h"

enum csv_column { CSV_TIME, CSV_DEVICE, CSV_OP, CSV_IOVA, CSV_BYTES, CSV_ADDRESS, CSV_IGNORED };

enum {
    CSV_COLUMNS_LIMIT = 256,
    CSV_LINE_BYTES_LIMIT = 64 * 1024,
    CSV_WARNING_BYTES = 512,
};

struct csv_layout {
    unsigned count;
    bool gpa;                          /* `gpa` stands for `iova` */
    uint8_t column[CSV_COLUMNS_LIMIT]; /* enum csv_column; each but CSV_IGNORED at most once */
};

struct csv_record {
    uint64_t time_ns, iova, bytes, address;
    uint16_t device;
    uint8_t op;
    bool address_given;    /* the address field is not empty */
    bool hexadecimal_page; /* csv_hexadecimal_page of the iova */
    int pci_domain;        /* -1: the device is a plain integer */
};

/** Whether a number is the address of a page only if its decimal digits, of which there are `length`, are
 * taken for hexadecimal ones. */
static inline bool csv_hexadecimal_page(const char *digits, size_t length, uint64_t value)
{
    enum { PAGE_OFFSET = 4095 };
    return value & PAGE_OFFSET && length > 3 && digits[1] != 'x' && digits[1] != 'X' &&
           memcmp(digits + length - 3, "000", 3) == 0;
}

/** Whether there is nothing but spaces on the line (without its line end). */
bool csv_blank(const char *line, size_t length);

/** Read the header. `warning` (CSV_WARNING_BYTES) becomes the list of ignored columns or "".
 *  Errors: ERROR_TRACE, what is wrong with the header. */
bool csv_header(const char *line, size_t length, struct csv_layout *layout, char *warning,
                struct error *error);

/** Read a record. `address` is the iova where none is given. Errors: ERROR_TRACE, "COLUMN: ..." */
bool csv_record(const struct csv_layout *layout, const char *line, size_t length, struct csv_record *record,
                struct error *error);

#endif
