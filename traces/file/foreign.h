/* Files in a form that is not read here, though one command makes it readable: other compressions than gzip,
 * text that is not UTF-8. Told by their first bytes. */
#ifndef TRACES_FILE_FOREIGN_H
#define TRACES_FILE_FOREIGN_H

#include <stddef.h>
#include <stdint.h>

enum { FOREIGN_BYTES = 8 }; /* looked at */

struct foreign {
    const char *what;    /* "is compressed with xz" */
    const char *command; /* writes the file named behind it, or its standard input, to standard output */
};

/** NULL for what begins with none of the known forms. */
const struct foreign *foreign_form(const uint8_t *first, size_t bytes);

#endif
