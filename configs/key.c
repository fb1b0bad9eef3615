/* Reading the key table: names, defaults, fields of struct cell_config, text. */
#include "configs/key.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/memory.h"
#include "sim/base/units.h"
#include "sim/pt/pt.h"

const struct key *key_find(const char *name)
{
    for (size_t i = 0; i < key_count; i++) {
        if (strcmp(key_table[i].name, name) == 0)
            return &key_table[i];
    }
    return NULL;
}

const char *key_word(const struct key *key)
{
    const char *dot = strchr(key->name, '.');
    return dot ? dot + 1 : key->name;
}

bool key_in_block(const struct key *key, const char *block)
{
    const char *dot = strchr(key->name, '.');
    size_t length = dot ? (size_t)(dot - key->name) : 0;
    return strlen(block) == length && strncmp(key->name, block, length) == 0;
}

bool key_is_block(const char *name)
{
    for (size_t i = 0; i < key_count && *name != '\0'; i++) {
        if (key_in_block(&key_table[i], name))
            return true;
    }
    return false;
}

bool key_holds_list(const struct key *key)
{
    return key->type == KEY_SIZES || key->type == KEY_REGIONS || key->type == KEY_RANGES;
}

const char *key_unit(const struct key *key)
{
    switch (key->type) {
    case KEY_SIZE:
        return "bytes";
    case KEY_TIME:
    case KEY_COST:
        return "ns";
    case KEY_RATE:
        return "bytes/s";
    default:
        return "";
    }
}

void key_column_name(const struct key *key, char *name, size_t bytes)
{
    const char *unit = key_unit(key);
    snprintf(name, bytes, "%s%s%s", key->name, *unit ? "_" : "",
             key->type == KEY_RATE ? "bytes_per_s" : unit);
    for (char *at = name; *at; at++) {
        if (*at == '.')
            *at = '_';
    }
}

void key_value_free(struct key_value *value)
{
    memory_free(value->regions);
    memory_free(value->nodes);
    value->regions = NULL;
    value->nodes = NULL;
}

/* ---- defaults ---- */

/* The defaults are texts, so that what help shows is what is used. They hold no errors: a test parses them
 * all. */
static void parse_text(const struct key *key, const char *text, struct key_value *value)
{
    struct choice choice;
    bool known = true;
    switch (key->type) {
    case KEY_BOOLEAN:
        value->number = strcmp(text, "true") == 0;
        break;
    case KEY_INTEGER:
        known = units_parse_integer(text, &value->number, NULL);
        break;
    case KEY_SIZE:
        known = units_parse_size(text, &value->number, NULL);
        break;
    case KEY_TIME:
        known = units_parse_time(text, &value->number, NULL);
        break;
    case KEY_COST:
        known = units_parse_cost(text, &value->number, NULL);
        break;
    case KEY_RATE:
        known = units_parse_rate(text, &value->number, NULL);
        break;
    case KEY_CHOICE:
        while ((known = choice_get(key->choices, (size_t)value->number, &choice)) &&
               strcmp(choice.name, text) != 0)
            value->number++;
        break;
    default:
        known = false;
    }
    assert(known);
    (void)known;
}

static const char *vendor_text(const struct key *key, const char *vendor)
{
    for (size_t i = 0; i < KEY_VENDORS; i++) {
        if (strcmp(key_vendors[i], vendor) == 0)
            return key->vendor_text[i];
    }
    assert(false && "a vendor without default costs");
    return key->vendor_text[0];
}

bool key_default_value(const struct key *key, const struct cell_config *config, struct key_value *value)
{
    *value = (struct key_value){0};
    switch (key->fallback) {
    case KEY_DEFAULT_TEXT:
        parse_text(key, key->text, value);
        return true;
    case KEY_DEFAULT_NONE:
        value->none = true;
        return true;
    case KEY_DEFAULT_REQUIRED:
        return false;
    case KEY_DEFAULT_VENDOR:
        if (!config->iommu.model)
            return false;
        parse_text(key, vendor_text(key, config->iommu.model->vendor), value);
        return true;
    case KEY_DEFAULT_LEVELS:
        if (!config->iommu.model)
            return false;
        value->number = config->iommu.model->levels_default;
        return true;
    case KEY_DEFAULT_PAGE_SIZES:
        break;
    }
    if (!config->iommu.model)
        return false;
    value->number = config->iommu.model->geometry(config).plain_sizes;
    return true;
}

void key_default_text(const struct key *key, char *text, size_t bytes)
{
    switch (key->fallback) {
    case KEY_DEFAULT_TEXT:
        snprintf(text, bytes, "%s", key->text);
        break;
    case KEY_DEFAULT_NONE:
        snprintf(text, bytes, "none");
        break;
    case KEY_DEFAULT_REQUIRED:
        snprintf(text, bytes, "required");
        break;
    case KEY_DEFAULT_LEVELS:
        snprintf(text, bytes, "the model's");
        break;
    case KEY_DEFAULT_PAGE_SIZES:
        snprintf(text, bytes, "the model's plain sizes");
        break;
    case KEY_DEFAULT_VENDOR:
        snprintf(text, bytes, "%s amd, %s intel, %s smmu, %s riscv", key->vendor_text[0], key->vendor_text[1],
                 key->vendor_text[2], key->vendor_text[3]);
        break;
    }
}

/* ---- fields ---- */

static void put_number(void *field, size_t bytes, uint64_t number)
{
    if (bytes == sizeof(uint64_t)) {
        memcpy(field, &number, bytes);
    } else if (bytes == sizeof(uint32_t)) {
        uint32_t word = (uint32_t)number;
        memcpy(field, &word, bytes);
    } else {
        bool flag = number != 0;
        assert(bytes == sizeof flag);
        memcpy(field, &flag, bytes);
    }
}

static uint64_t get_number(const void *field, size_t bytes)
{
    uint64_t number = 0;
    uint32_t word;
    bool flag;
    if (bytes == sizeof number) {
        memcpy(&number, field, bytes);
    } else if (bytes == sizeof word) {
        memcpy(&word, field, bytes);
        number = word;
    } else {
        assert(bytes == sizeof flag);
        memcpy(&flag, field, bytes);
        number = flag;
    }
    return number;
}

static bool store_regions(const struct key_value *value, void *field, void *count, struct error *error)
{
    struct config_region *regions = NULL;
    if (value->count > 0) {
        regions = memory_zeroed(value->count, sizeof *regions, error);
        if (!regions)
            return false;
        memcpy(regions, value->regions, value->count * sizeof *regions);
    }
    memcpy(field, &regions, sizeof regions);
    memcpy(count, &value->count, sizeof value->count);
    return true;
}

bool key_store(const struct key *key, const struct key_value *value, struct cell_config *config,
               struct error *error)
{
    unsigned char *field = (unsigned char *)config + key->offset;
    struct choice choice = {0};
    switch (key->type) {
    case KEY_REGIONS:
    case KEY_RANGES:
        return store_regions(value, field, (unsigned char *)config + key->count_offset, error);
    case KEY_CHOICE:
        if (key->choices->get) {
            choice_get(key->choices, (size_t)value->number, &choice);
            memcpy(field, &choice.item, sizeof choice.item);
            return true;
        }
        break;
    default:
        break;
    }
    if (key->present_offset != 0)
        put_number((unsigned char *)config + key->present_offset, sizeof(bool), !value->none);
    put_number(field, key->field_bytes, value->none ? key->none_number : value->number);
    return true;
}

static uint64_t choice_index(const struct choice_set *choices, const void *field)
{
    const void *item;
    memcpy(&item, field, sizeof item);
    struct choice choice;
    uint64_t index = 0;
    while (choice_get(choices, (size_t)index, &choice) && choice.item != item)
        index++;
    return index;
}

void key_load(const struct key *key, const struct cell_config *config, struct key_value *value)
{
    *value = (struct key_value){0};
    const unsigned char *field = (const unsigned char *)config + key->offset;
    switch (key->type) {
    case KEY_REGIONS:
    case KEY_RANGES:
        memcpy(&value->regions, field, sizeof value->regions);
        memcpy(&value->count, (const unsigned char *)config + key->count_offset, sizeof value->count);
        value->none = value->count == 0;
        return;
    case KEY_CHOICE:
        value->number =
            key->choices->get ? choice_index(key->choices, field) : get_number(field, key->field_bytes);
        return;
    default:
        break;
    }
    value->number = get_number(field, key->field_bytes);
    if (key->fallback != KEY_DEFAULT_NONE)
        return;
    if (key->present_offset != 0)
        value->none = get_number((const unsigned char *)config + key->present_offset, sizeof(bool)) == 0;
    else
        value->none = value->number == key->none_number;
    if (value->none)
        value->number = 0;
}

bool key_equal(const struct key *key, const struct key_value *a, const struct key_value *b)
{
    if (a->none || b->none)
        return a->none == b->none;
    if (key->type != KEY_REGIONS && key->type != KEY_RANGES)
        return a->number == b->number;
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++) {
        if (a->regions[i].iova != b->regions[i].iova || a->regions[i].bytes != b->regions[i].bytes ||
            a->regions[i].address != b->regions[i].address)
            return false;
    }
    return true;
}

/* ---- text ---- */

static void print_size(uint64_t bytes, enum key_style style, FILE *out)
{
    char text[UNITS_TEXT_BYTES];
    if (style == KEY_COLUMN)
        fprintf(out, "%" PRIu64, bytes);
    else
        fputs(units_format_size(bytes, text), out);
}

static void print_sizes(const struct key_value *value, enum key_style style, FILE *out)
{
    if (style == KEY_YAML)
        fputc('[', out);
    for (uint64_t left = value->number; left != 0; left &= left - 1) {
        if (left != value->number)
            fputs(style == KEY_YAML ? ", " : "+", out);
        print_size(UINT64_C(1) << __builtin_ctzll(left), style, out);
    }
    if (style == KEY_YAML)
        fputc(']', out);
}

static void print_region(const struct key *key, const struct config_region *region, enum key_style style,
                         FILE *out)
{
    char iova[UNITS_TEXT_BYTES], size[UNITS_TEXT_BYTES], address[UNITS_TEXT_BYTES];
    bool has_address = key->type == KEY_REGIONS;
    units_format_address(region->iova, iova);
    units_format_size(region->bytes, size);
    units_format_address(region->address, address);
    if (style == KEY_YAML)
        fprintf(out, "{iova: %s, size: %s%s%s}", iova, size, has_address ? ", address: " : "",
                has_address ? address : "");
    else
        fprintf(out, "%s:%s%s%s", iova, size, has_address ? ":" : "", has_address ? address : "");
}

static void print_regions(const struct key *key, const struct key_value *value, enum key_style style,
                          FILE *out)
{
    if (style == KEY_YAML)
        fputc('[', out);
    for (size_t i = 0; i < value->count; i++) {
        if (i > 0)
            fputs(style == KEY_YAML ? ", " : "+", out);
        print_region(key, &value->regions[i], style, out);
    }
    if (style == KEY_YAML)
        fputc(']', out);
}

void key_print(const struct key *key, const struct key_value *value, enum key_style style, FILE *out)
{
    char text[UNITS_TEXT_BYTES];
    struct choice choice = {.name = ""};
    if (value->none) {
        fputs("none", out);
        return;
    }
    switch (key->type) {
    case KEY_BOOLEAN:
        fputs(value->number ? "true" : "false", out);
        return;
    case KEY_SIZE:
        print_size(value->number, style, out);
        return;
    case KEY_SIZES:
        print_sizes(value, style, out);
        return;
    case KEY_REGIONS:
    case KEY_RANGES:
        print_regions(key, value, style, out);
        return;
    case KEY_CHOICE:
        choice_get(key->choices, (size_t)value->number, &choice);
        fputs(choice.name, out);
        return;
    case KEY_COST:
        fputs(style == KEY_COLUMN ? units_format_cost_ns(value->number, text)
                                  : units_format_cost(value->number, text),
              out);
        return;
    case KEY_TIME:
        if (style != KEY_COLUMN) {
            fputs(units_format_time(value->number, text), out);
            return;
        }
        break;
    case KEY_RATE:
        if (style != KEY_COLUMN) {
            fputs(units_format_rate(value->number, text), out);
            return;
        }
        break;
    case KEY_INTEGER:
        break;
    }
    fprintf(out, "%" PRIu64, value->number);
}

/* ---- suggestions ---- */

enum { WORD_MAX = 64 };

/* Edits (insert, delete, change, swap of neighbours) that turn one word into the other. */
static size_t distance(const char *a, const char *b)
{
    size_t length_a = strlen(a), length_b = strlen(b);
    if (length_a >= WORD_MAX || length_b >= WORD_MAX)
        return SIZE_MAX;
    size_t rows[3][WORD_MAX + 1];
    size_t *before = rows[0], *above = rows[1], *row = rows[2];
    memset(rows, 0, sizeof rows);
    for (size_t k = 0; k <= length_b; k++)
        above[k] = k;
    for (size_t i = 1; i <= length_a; i++) {
        row[0] = i;
        for (size_t k = 1; k <= length_b; k++) {
            size_t best = above[k - 1] + (a[i - 1] != b[k - 1]);
            if (above[k] + 1 < best)
                best = above[k] + 1;
            if (row[k - 1] + 1 < best)
                best = row[k - 1] + 1;
            if (i > 1 && k > 1 && a[i - 1] == b[k - 2] && a[i - 2] == b[k - 1] && before[k - 2] + 1 < best)
                best = before[k - 2] + 1;
            row[k] = best;
        }
        size_t *spare = before;
        before = above;
        above = row;
        row = spare;
    }
    return above[length_b];
}

const char *key_nearest(const char *word, const char *const words[], size_t count)
{
    const char *nearest = NULL;
    size_t limit = strlen(word) / 3 + 1, best = limit < 4 ? limit + 1 : 4;
    for (size_t i = 0; i < count; i++) {
        size_t edits = distance(word, words[i]);
        if (edits < best && edits < strlen(words[i])) {
            best = edits;
            nearest = words[i];
        }
    }
    return nearest;
}
