#include "traces/file/foreign.h"

#include <stdbool.h>
#include <string.h>

static const struct {
    unsigned bytes;
    uint8_t first[6];
    struct foreign form;
} forms[] = {
    {6, {0xfd, '7', 'z', 'X', 'Z', 0}, {"is compressed with xz", "xz -dc"}},
    {4, {0x28, 0xb5, 0x2f, 0xfd}, {"is compressed with zstd", "zstd -dc"}},
    {3, {'B', 'Z', 'h'}, {"is compressed with bzip2", "bzip2 -dc"}},
    {4, {'P', 'K', 3, 4}, {"is a zip archive", "unzip -p"}},
    {4, {0x04, 0x22, 0x4d, 0x18}, {"is compressed with lz4", "lz4 -dc"}},
    {4, {'L', 'Z', 'I', 'P'}, {"is compressed with lzip", "lzip -dc"}},
    {6, {'7', 'z', 0xbc, 0xaf, 0x27, 0x1c}, {"is a 7-Zip archive", "7z x -so"}},
    {2, {0x1f, 0x9d}, {"is compressed with compress", "uncompress -c"}},
    {2, {0xff, 0xfe}, {"is UTF-16 text", "iconv -f UTF-16 -t UTF-8"}},
    {2, {0xfe, 0xff}, {"is UTF-16 text", "iconv -f UTF-16 -t UTF-8"}},
};

static const struct foreign utf_16_forms[] = {{"is UTF-16 text", "iconv -f UTF-16LE -t UTF-8"},
                                              {"is UTF-16 text", "iconv -f UTF-16BE -t UTF-8"}};

/* Whether NULs and characters of ASCII take turns, the NULs from `nul` on. */
static bool takes_turns(const uint8_t *first, size_t bytes, size_t nul)
{
    for (size_t i = 0; i < FOREIGN_BYTES && i < bytes; i++)
        if ((i % 2 == nul) != (first[i] == 0) || first[i] > 0x7e)
            return false;
    return bytes >= FOREIGN_BYTES;
}

const struct foreign *foreign_form(const uint8_t *first, size_t bytes)
{
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        if (bytes >= forms[i].bytes && memcmp(first, forms[i].first, forms[i].bytes) == 0)
            return &forms[i].form;
    for (size_t nul = 0; nul < 2; nul++)
        if (takes_turns(first, bytes, nul))
            return &utf_16_forms[1 - nul];
    return NULL;
}
