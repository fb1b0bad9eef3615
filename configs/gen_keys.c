#include "configs/gen_keys.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "configs/key.h"
#include "sim/base/units.h"
#include "traces/device.h"

enum {
    ALL = (1 << GEN_PATTERN_COUNT) - 1,
    RING = 1 << GEN_NIC_RING,
    NVME = 1 << GEN_NVME,
    ACCESS = ALL & ~(RING | NVME), /* single accesses */
};

#define FIELD(name) offsetof(struct gen_draft, stream.name)
#define COUNT_MAX (UINT64_C(1) << 62)
#define SIZE_MAX_BYTES (UINT64_C(1) << 52)
#define ACCESS_MAX_BYTES (UINT64_C(1) << 32)

const struct gen_key gen_keys[GEN_KEYS] = {
    {"pattern", GEN_KEY_CHOICE, FIELD(pattern), 0, 0, NULL, "required", ALL, false,
     "where accesses go: uniform: anywhere in the region; sequential: one after another, then from its "
     "start; "
     "strided: `stride` apart; zipf: some granules far more often than others; nic_ring: a receive ring, per "
     "packet a descriptor read, the packet written, the descriptor written back; nvme: queue pairs, per "
     "command "
     "an entry read, a PRP list read if it has more than two pages, the data page by page, a completion "
     "written",
     gen_pattern_names, GEN_PATTERN_COUNT},
    {"device", GEN_KEY_DEVICE, FIELD(device), 0, 0, "00:01.0", NULL, ALL, false,
     "of all records; tenant i has this id + i", NULL, 0},
    {"iova", GEN_KEY_ADDRESS, FIELD(iova), 0, UINT64_MAX, "0", NULL, ALL, false, "where the region begins",
     NULL, 0},
    {"size", GEN_KEY_SIZE, FIELD(size), 1, SIZE_MAX_BYTES, "64MiB", NULL, ACCESS | NVME, false,
     "of the region; nvme: of its data pages, which lie behind the queues", NULL, 0},
    {"bytes", GEN_KEY_SIZE, FIELD(bytes), 1, ACCESS_MAX_BYTES, NULL, "256B; nvme: 4KiB", ACCESS | NVME, false,
     "of one access or command", NULL, 0},
    {"align", GEN_KEY_SIZE, FIELD(align), 1, SIZE_MAX_BYTES, "64B", NULL, 1 << GEN_UNIFORM | 1 << GEN_ZIPF,
     false, "offsets in the region (uniform) or granule (zipf) are multiples of it", NULL, 0},
    {"writes", GEN_KEY_SHARE, FIELD(write_share), 0, 1, "1", NULL, ACCESS | NVME, false,
     "share of accesses, or of commands, that write memory", NULL, 0},
    {"exponent", GEN_KEY_REAL, FIELD(exponent), 0, 10, "0.99", NULL, 1 << GEN_ZIPF, false,
     "the granule of rank r has a weight of 1 / r^exponent", NULL, 0},
    {"granule", GEN_KEY_SIZE, FIELD(granule), 1, SIZE_MAX_BYTES, "4KiB", NULL, 1 << GEN_ZIPF, false,
     "what has a rank; a rest of the region smaller than one is not used", NULL, 0},
    {"scatter", GEN_KEY_BOOLEAN, FIELD(scatter), 0, 1, "true", NULL, 1 << GEN_ZIPF, false,
     "ranks lie in random order (false: in ascending order)", NULL, 0},
    {"stride", GEN_KEY_SIZE, FIELD(stride), 1, SIZE_MAX_BYTES, "4KiB", NULL, 1 << GEN_STRIDED, false,
     "from the start of one access to that of the next", NULL, 0},
    {"entries", GEN_KEY_COUNT, FIELD(entries), 1, GEN_ENTRIES_LIMIT, "256", NULL, RING | NVME, false,
     "slots of a ring or queue", NULL, 0},
    {"queues", GEN_KEY_COUNT, FIELD(queues), 1, GEN_ENTRIES_LIMIT, "1", NULL, NVME, false,
     "queue pairs, which take turns", NULL, 0},
    {"buffers", GEN_KEY_COUNT, FIELD(buffers), 1, GEN_BUFFERS_LIMIT, NULL,
     "entries; unless recycle is fixed, 2 * entries + hold", RING, false,
     "receive buffers, which follow the ring", NULL, 0},
    {"buffer", GEN_KEY_SIZE, FIELD(buffer_bytes), 1, UINT64_C(1) << 30, "2KiB", NULL, RING, false,
     "size of a buffer", NULL, 0},
    {"packet", GEN_KEY_SIZE, FIELD(packet_bytes), 1, UINT64_C(1) << 30, "1500B", NULL, RING, false,
     "size of the largest packets", NULL, 0},
    {"packet_least", GEN_KEY_SIZE, FIELD(packet_least_bytes), 1, UINT64_C(1) << 30, NULL, "packet", RING,
     false, "size of the smallest packets; sizes between are equally likely", NULL, 0},
    {"hold", GEN_KEY_COUNT, FIELD(hold), 0, GEN_BUFFERS_LIMIT, "0", NULL, RING, false,
     "how many packets the receiver keeps before the oldest one's buffer is free", NULL, 0},
    {"recycle", GEN_KEY_CHOICE, FIELD(recycle), 0, 0, "fixed", NULL, RING | NVME, false,
     "which memory comes next: fixed: each slot has its own; fifo: what is free longest (nvme: the next "
     "pages of "
     "the region); lifo: what was freed last (nic_ring only); random: any that is free (nvme: any page)",
     gen_recycle_names, GEN_RECYCLE_COUNT},
    {"map", GEN_KEY_BOOLEAN, FIELD(map), 0, 1, "false", NULL, RING, false,
     "map each buffer when it is posted and unmap it when its packet is there, as a strict driver does; "
     "needs "
     "buffers of whole pages",
     NULL, 0},
    {"seed", GEN_KEY_COUNT, FIELD(seed), 0, UINT64_MAX, NULL, "from the seed of the spec", ALL, false,
     "of this stream; tenant i has this + i", NULL, 0},
    {"arrivals", GEN_KEY_CHOICE, FIELD(arrivals), 0, 0, "constant", NULL, ALL, false,
     "when events come: constant: each `interval`; poisson: after exponentially distributed times of mean "
     "`interval`; bursts: `burst` events `burst_interval` apart, then such a pause",
     gen_arrivals_names, GEN_ARRIVALS_COUNT},
    {"start", GEN_KEY_TIME, FIELD(start_ps), 0, GEN_TIME_LIMIT_PS - 1, "0", NULL, ALL, false,
     "after the start of the phase", NULL, 0},
    {"interval", GEN_KEY_TIME, FIELD(interval_ps), 1, GEN_TIME_LIMIT_PS - 1, "1us", NULL, ALL, false,
     "time between events, or its mean; down to 1 ps as 0.001ns; constant: tenant i of n begins interval * i "
     "/ n "
     "later",
     NULL, 0},
    {"burst", GEN_KEY_COUNT, FIELD(burst), 1, COUNT_MAX, "32", NULL, ALL, true, "events of a burst", NULL, 0},
    {"burst_interval", GEN_KEY_TIME, FIELD(burst_interval_ps), 0, GEN_TIME_LIMIT_PS - 1, "10ns", NULL, ALL,
     true, "time between the events of a burst", NULL, 0},
    {"tenants", GEN_KEY_COUNT, offsetof(struct gen_draft, tenants), 1, GEN_STREAMS_LIMIT, "1", NULL, ALL,
     false, "how many such streams there are", NULL, 0},
    {"tenant_spacing", GEN_KEY_SIZE, offsetof(struct gen_draft, tenant_spacing), 0, SIZE_MAX_BYTES, NULL,
     "what a stream uses, rounded up to 2MiB", ALL, false,
     "from the iova of one tenant to that of the next; 0: all use the same addresses", NULL, 0},
};

/* ---- values ---- */

static bool parse_real(const char *text, double most, double *value, struct error *error)
{
    char *end;
    errno = 0;
    *value = strtod(text, &end);
    if (errno != 0 || end == text || *end != '\0' || !(*value >= 0 && *value <= most))
        return error_set(error, ERROR_EXPERIMENT, "\"%.40s\" is no number from 0 to %g", text, most);
    return true;
}

static bool parse_choice(const struct gen_key *key, const char *text, unsigned *value, struct error *error)
{
    for (size_t w = 0; w < key->word_count; w++)
        if (strcmp(key->words[w], text) == 0) {
            *value = (unsigned)w;
            return true;
        }
    char known[128] = "";
    for (size_t w = 0; w < key->word_count; w++) {
        strncat(known, w ? ", " : "", sizeof known - strlen(known) - 1);
        strncat(known, key->words[w], sizeof known - strlen(known) - 1);
    }
    const char *nearest = key_nearest(text, key->words, key->word_count);
    return error_set(error, ERROR_EXPERIMENT, "\"%.40s\" is not known; %s%s%suse one of %s", text,
                     nearest ? "did you mean \"" : "", nearest ? nearest : "", nearest ? "\"? " : "", known);
}

static bool parse_boolean(const char *text, bool *value, struct error *error)
{
    *value = strcmp(text, "true") == 0;
    return *value || strcmp(text, "false") == 0 ||
           error_set(error, ERROR_EXPERIMENT, "\"%.40s\" is neither true nor false", text);
}

static bool parse_number(const struct gen_key *key, const char *text, uint64_t *value, struct error *error)
{
    bool good = key->type == GEN_KEY_SIZE      ? units_parse_size(text, value, error)
                : key->type == GEN_KEY_ADDRESS ? units_parse_address(text, value, error)
                : key->type == GEN_KEY_TIME    ? units_parse_cost(text, value, error)
                                               : units_parse_integer(text, value, error);
    if (!good || (*value >= key->min && *value <= key->max))
        return good;
    char least[UNITS_TEXT_BYTES], most[UNITS_TEXT_BYTES];
    if (key->type == GEN_KEY_SIZE) {
        units_format_size(key->min, least);
        units_format_size(key->max, most);
    } else if (key->type == GEN_KEY_TIME) {
        units_format_cost(key->min, least);
        units_format_cost(key->max, most);
    } else {
        snprintf(least, sizeof least, "%llu", (unsigned long long)key->min);
        snprintf(most, sizeof most, "%llu", (unsigned long long)key->max);
    }
    return error_set(error, ERROR_EXPERIMENT, "%.40s is out of range; from %s to %s", text, least, most);
}

bool gen_key_parse(const struct gen_key *key, const char *text, struct gen_draft *draft, struct error *error)
{
    char *field = (char *)draft + key->offset;
    uint64_t number = 0;
    double real = 0;
    unsigned word = 0;
    uint16_t device = 0;
    bool flag = false;
    switch (key->type) {
    case GEN_KEY_DEVICE:
        if (!trace_device_parse(text, &device))
            return error_set(error, ERROR_EXPERIMENT,
                             "\"%.40s\" is no device; write 0 to 65535 or a PCI address as 00:04.0", text);
        memcpy(field, &device, sizeof device);
        return true;
    case GEN_KEY_CHOICE:
        if (!parse_choice(key, text, &word, error))
            return false;
        memcpy(field, &word, sizeof word);
        return true;
    case GEN_KEY_SHARE:
        if (!parse_real(text, 1, &real, error))
            return false;
        number = (uint64_t)(real * (double)GEN_SHARE_ONE + 0.5);
        memcpy(field, &number, sizeof number);
        return true;
    case GEN_KEY_REAL:
        if (!parse_real(text, (double)key->max, &real, error))
            return false;
        memcpy(field, &real, sizeof real);
        return true;
    case GEN_KEY_BOOLEAN:
        if (!parse_boolean(text, &flag, error))
            return false;
        memcpy(field, &flag, sizeof flag);
        return true;
    case GEN_KEY_SIZE:
    case GEN_KEY_ADDRESS:
    case GEN_KEY_TIME:
    case GEN_KEY_COUNT:
        break;
    }
    if (!parse_number(key, text, &number, error))
        return false;
    memcpy(field, &number, sizeof number);
    return true;
}
