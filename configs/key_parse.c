/* From YAML nodes to checked values of the key table. */
#include "configs/key.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/memory.h"
#include "sim/base/units.h"
#include "sim/pt/pt.h"

enum { PAGE_BYTES = 4096, WORDS_MAX = 64 };

/* What is being parsed, for messages. */
struct parse {
    const struct key *key;
    const char *path;
    struct error_list *messages;
};

static const char *example(const struct key *key)
{
    switch (key->type) {
    case KEY_BOOLEAN:
        return "true";
    case KEY_SIZE:
        return key->text ? key->text : "2MiB";
    case KEY_TIME:
        return key->text && strcmp(key->text, "0ns") != 0 ? key->text : "10s";
    case KEY_COST:
        return "70ns";
    case KEY_RATE:
        return "12.5GB/s";
    case KEY_SIZES:
        return "[4KiB, 2MiB]";
    case KEY_REGIONS:
        return "[{iova: 0, size: 1GiB, address: 0}]";
    case KEY_RANGES:
        return "[{iova: 0, size: 1GiB}]";
    case KEY_CHOICE: {
        struct choice choice;
        return key->text ? key->text : choice_get(key->choices, 0, &choice) ? choice.name : "";
    }
    default:
        return key->text ? key->text : "1000";
    }
}

/* The text of a scalar node, or NULL with an error. */
static const char *scalar(const struct parse *parse, const struct node *node)
{
    if (node->kind == NODE_LIST) {
        error_list_add(parse->messages, node->place, parse->path,
                       "one value is expected, not a list; write %s, or put the list under sweep",
                       example(parse->key));
        return NULL;
    }
    if (node->kind == NODE_MAP || *node->text == '\0') {
        error_list_add(parse->messages, node->place, parse->path, "%s; write %s",
                       node->kind == NODE_MAP ? "one value is expected, not a block" : "has no value",
                       example(parse->key));
        return NULL;
    }
    return node->text;
}

static bool is_none(const struct node *node)
{
    return node->kind == NODE_SCALAR && node->plain &&
           (strcmp(node->text, "none") == 0 || strcmp(node->text, "null") == 0 ||
            strcmp(node->text, "~") == 0);
}

void key_list_choices(const struct key *key, char *text, size_t bytes)
{
    const char *words[WORDS_MAX];
    size_t count = 0;
    struct choice choice;
    for (size_t i = 0; count < WORDS_MAX && choice_get(key->choices, i, &choice); i++)
        words[count++] = choice.name;
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < count && used < bytes; i++)
        used += (size_t)snprintf(text + used, bytes - used, "%s%s",
                                 i == 0           ? ""
                                 : i + 1 == count ? " or "
                                                  : ", ",
                                 words[i]);
}

static bool parse_choice(const struct parse *parse, const struct node *node, struct key_value *value)
{
    const struct choice_set *choices = parse->key->choices;
    const char *text = scalar(parse, node), *words[WORDS_MAX];
    if (!text)
        return false;
    char known[256];
    key_list_choices(parse->key, known, sizeof known);
    struct choice choice;
    size_t count = 0;
    for (; count < WORDS_MAX && choice_get(choices, count, &choice); count++) {
        words[count] = choice.name;
        if (strcmp(choice.name, text) != 0)
            continue;
        value->number = count;
        return true;
    }
    const char *nearest = key_nearest(text, words, count);
    if (nearest)
        error_list_add(parse->messages, node->place, parse->path,
                       "\"%.60s\" is no known %s; did you mean \"%s\"?", text, choices->what, nearest);
    else
        error_list_add(parse->messages, node->place, parse->path, "\"%.60s\" is no known %s; write %s", text,
                       choices->what, known);
    return false;
}

static char *format_number(const struct key *key, uint64_t number, char text[UNITS_TEXT_BYTES])
{
    if (key->type == KEY_SIZE)
        return units_format_size(number, text);
    if (key->type == KEY_TIME)
        return units_format_time(number, text);
    if (key->type == KEY_RATE)
        return units_format_rate(number, text);
    snprintf(text, UNITS_TEXT_BYTES, "%" PRIu64, number);
    return text;
}

static bool check_number(const struct parse *parse, const struct node *node, uint64_t number)
{
    const struct key *key = parse->key;
    char bound[UNITS_TEXT_BYTES];
    const char *text = node->text;
    if (key->allowed) {
        char list[80] = "";
        size_t used = 0;
        for (const uint64_t *allowed = key->allowed; *allowed; allowed++) {
            if (*allowed == number)
                return true;
            used += (size_t)snprintf(list + used, sizeof list - used, "%s%s",
                                     used == 0    ? ""
                                     : allowed[1] ? ", "
                                                  : " or ",
                                     format_number(key, *allowed, bound));
        }
        error_list_add(parse->messages, node->place, parse->path, "\"%.60s\" is not possible; write %s", text,
                       list);
        return false;
    }
    if (number < key->min) {
        error_list_add(parse->messages, node->place, parse->path, "\"%.60s\" is too small; write at least %s",
                       text, format_number(key, key->min, bound));
        return false;
    }
    if (key->max != 0 && number > key->max) {
        error_list_add(parse->messages, node->place, parse->path, "\"%.60s\" is too large; write at most %s",
                       text, format_number(key, key->max, bound));
        return false;
    }
    if (key->power_of_two && (number & (number - 1)) != 0) {
        error_list_add(parse->messages, node->place, parse->path,
                       "\"%.60s\" is no power of two; write one, such as %s", text,
                       format_number(key, UINT64_C(1) << (63 - __builtin_clzll(number)), bound));
        return false;
    }
    if (key->multiple != 0 && number % key->multiple != 0) {
        error_list_add(parse->messages, node->place, parse->path, "\"%.60s\" is no multiple of %s; write one",
                       text, format_number(key, key->multiple, bound));
        return false;
    }
    return true;
}

static bool parse_number(const struct parse *parse, const struct node *node, struct key_value *value)
{
    static bool (*const parsers[])(const char *, uint64_t *,
                                   struct error *) = {[KEY_INTEGER] = units_parse_integer,
                                                      [KEY_SIZE] = units_parse_size,
                                                      [KEY_TIME] = units_parse_time,
                                                      [KEY_COST] = units_parse_cost,
                                                      [KEY_RATE] = units_parse_rate};
    const char *text = scalar(parse, node);
    if (!text)
        return false;
    struct error error = {0};
    if (!parsers[parse->key->type](text, &value->number, &error)) {
        error_list_add(parse->messages, node->place, parse->path, "%s", error.text);
        return false;
    }
    return check_number(parse, node, value->number);
}

static bool parse_boolean(const struct parse *parse, const struct node *node, struct key_value *value)
{
    const char *text = scalar(parse, node);
    if (!text)
        return false;
    value->number = strcmp(text, "true") == 0;
    if (value->number == 1 || strcmp(text, "false") == 0)
        return true;
    error_list_add(parse->messages, node->place, parse->path, "\"%.60s\" is no boolean; write true or false",
                   text);
    return false;
}

/* ---- lists ---- */

static bool is_list(const struct parse *parse, const struct node *node)
{
    if (node->kind == NODE_LIST && node->count > 0)
        return true;
    if (node->kind == NODE_SCALAR && *node->text != '\0' && parse->key->type == KEY_SIZES)
        error_list_add(parse->messages, node->place, parse->path, "\"%.60s\" is no list; write [%.60s]",
                       node->text, node->text);
    else
        error_list_add(parse->messages, node->place, parse->path, "%s; write %s",
                       node->kind == NODE_LIST ? "the list is empty" : "a list is expected",
                       example(parse->key));
    return false;
}

static bool parse_size_item(const struct parse *parse, const struct node *node, struct key_value *value)
{
    uint64_t bytes;
    struct error error = {0};
    if (node->kind != NODE_SCALAR) {
        error_list_add(parse->messages, node->place, parse->path, "a size is expected here; write %s",
                       example(parse->key));
        return false;
    }
    if (!units_parse_size(node->text, &bytes, &error)) {
        error_list_add(parse->messages, node->place, parse->path, "%s", error.text);
        return false;
    }
    if (bytes < PAGE_BYTES || (bytes & (bytes - 1)) != 0) {
        error_list_add(parse->messages, node->place, parse->path,
                       "\"%.60s\" is no leaf size; write a power of two from 4KiB on", node->text);
        return false;
    }
    if (value->number & bytes) { /* a power of two is its own bit */
        error_list_add(parse->messages, node->place, parse->path, "\"%.60s\" is listed twice; keep one",
                       node->text);
        return false;
    }
    value->number |= bytes;
    return true;
}

static bool parse_sizes(const struct parse *parse, const struct node *node, struct key_value *value)
{
    if (!is_list(parse, node))
        return false;
    bool good = true;
    for (size_t i = 0; i < node->count; i++)
        good &= parse_size_item(parse, node->items[i], value);
    return good;
}

/* One member of a region: an address, or a size for `size`. */
static bool parse_member(const struct parse *parse, const struct node *node, const char *word, bool is_size,
                         uint64_t *bytes)
{
    struct error error = {0};
    if (node->kind != NODE_SCALAR || *node->text == '\0') {
        error_list_add(parse->messages, node->place, parse->path, "%s: one value is expected; write %s", word,
                       is_size ? "1GiB" : "0x100000");
        return false;
    }
    if (!(is_size ? units_parse_size : units_parse_address)(node->text, bytes, &error)) {
        error_list_add(parse->messages, node->place, parse->path, "%s: %s", word, error.text);
        return false;
    }
    if (*bytes % PAGE_BYTES != 0 || (is_size && *bytes == 0)) {
        error_list_add(parse->messages, node->place, parse->path,
                       "%s: \"%.60s\" is no %smultiple of 4KiB; write one", word, node->text,
                       is_size && *bytes == 0 ? "positive " : "");
        return false;
    }
    return true;
}

static bool check_region(const struct parse *parse, const struct node *node,
                         const struct config_region *region)
{
    const uint64_t output_end = UINT64_C(1) << PT_OUTPUT_BITS;
    if (region->iova + region->bytes - 1 < region->iova) {
        error_list_add(parse->messages, node->place, parse->path,
                       "iova and size pass 2^64; write a smaller size");
        return false;
    }
    if (parse->key->type == KEY_REGIONS &&
        (region->bytes > output_end || region->address > output_end - region->bytes)) {
        error_list_add(
            parse->messages, node->place, parse->path,
            "address and size pass 2^52, the largest output address; write a smaller address or size");
        return false;
    }
    return true;
}

static bool parse_region(const struct parse *parse, const struct node *node, struct config_region *region)
{
    bool has_address = parse->key->type == KEY_REGIONS, good = true;
    if (node->kind != NODE_MAP) {
        error_list_add(parse->messages, node->place, parse->path, "a block is expected here; write %s",
                       has_address ? "{iova: 0, size: 1GiB, address: 0}" : "{iova: 0, size: 1GiB}");
        return false;
    }
    static const char *const words[] = {"iova", "size", "address"};
    for (size_t i = 0; i < node->count; i++) {
        const struct node_pair *pair = &node->pairs[i];
        size_t word = 0, count = has_address ? 3 : 2;
        while (word < count && strcmp(words[word], pair->key) != 0)
            word++;
        if (word == count) {
            error_list_add(parse->messages, pair->place, parse->path,
                           "\"%.60s\" is no key of a region; write %s", pair->key,
                           has_address ? "iova, size and address" : "iova and size");
            good = false;
        }
    }
    const struct node *iova = node_get(node, "iova"), *size = node_get(node, "size");
    const struct node *address = has_address ? node_get(node, "address") : NULL;
    if (!iova || !size) {
        error_list_add(parse->messages, node->place, parse->path, "%s is missing; write %s",
                       iova ? "size" : "iova", iova ? "size: 1GiB" : "iova: 0");
        return false;
    }
    good &= parse_member(parse, iova, "iova", false, &region->iova);
    good &= parse_member(parse, size, "size", true, &region->bytes);
    region->address = has_address ? region->iova : 0;
    if (address)
        good &= parse_member(parse, address, "address", false, &region->address);
    return good && check_region(parse, node, region);
}

struct sorted_region {
    struct config_region region;
    const struct node *node;
};

static int compare_regions(const void *a, const void *b)
{
    const struct sorted_region *x = a, *y = b;
    if (x->region.iova != y->region.iova)
        return x->region.iova < y->region.iova ? -1 : 1;
    if (x->node->place.line != y->node->place.line) /* they overlap: blame the later one */
        return x->node->place.line < y->node->place.line ? -1 : 1;
    return x->node->place.column < y->node->place.column ? -1 : x->node->place.column > y->node->place.column;
}

/* Regions may stand in any order, ranges only ascending (semantics.md 7). */
static bool check_order(const struct parse *parse, struct sorted_region *regions, size_t count)
{
    if (parse->key->type == KEY_REGIONS)
        qsort(regions, count, sizeof *regions, compare_regions);
    bool good = true;
    for (size_t i = 1; i < count; i++) {
        const struct config_region *before = &regions[i - 1].region, *region = &regions[i].region;
        bool ascending = region->iova >= before->iova;
        if (ascending && region->iova - before->iova >= before->bytes)
            continue;
        char iova[UNITS_TEXT_BYTES], size[UNITS_TEXT_BYTES];
        units_format_address(before->iova, iova);
        units_format_size(before->bytes, size);
        error_list_add(parse->messages, regions[i].node->place, parse->path,
                       ascending ? "overlaps {iova: %s, size: %s}; move or shorten one"
                                 : "stands after {iova: %s, size: %s}; write ranges in ascending order",
                       iova, size);
        good = false;
    }
    return good;
}

static bool keep_regions(const struct sorted_region *sorted, size_t count, struct key_value *value)
{
    value->regions = memory_zeroed(count, sizeof *value->regions, NULL);
    value->nodes = memory_zeroed(count, sizeof *value->nodes, NULL);
    if (!value->regions || !value->nodes) {
        key_value_free(value);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        value->regions[i] = sorted[i].region;
        value->nodes[i] = sorted[i].node;
    }
    value->count = count;
    return true;
}

static bool parse_regions(const struct parse *parse, const struct node *node, struct key_value *value)
{
    if (!is_list(parse, node))
        return false;
    if (node->count > CONFIG_REGIONS_MAX) {
        error_list_add(parse->messages, node->place, parse->path, "more than %d regions; join some",
                       CONFIG_REGIONS_MAX);
        return false;
    }
    struct sorted_region *sorted = memory_zeroed(node->count, sizeof *sorted, NULL);
    bool good = sorted != NULL;
    for (size_t i = 0; sorted && i < node->count; i++) {
        sorted[i].node = node->items[i];
        good &= parse_region(parse, node->items[i], &sorted[i].region);
    }
    if (good) {
        good = check_order(parse, sorted, node->count);
        if (good && !keep_regions(sorted, node->count, value))
            sorted = (memory_free(sorted), NULL);
    }
    if (!sorted)
        error_list_add(parse->messages, node->place, parse->path, "out of memory");
    memory_free(sorted);
    return good && value->regions;
}

/* ---- any key ---- */

static bool parse_typed(const struct parse *parse, const struct node *node, struct key_value *value)
{
    switch (parse->key->type) {
    case KEY_BOOLEAN:
        return parse_boolean(parse, node, value);
    case KEY_CHOICE:
        return parse_choice(parse, node, value);
    case KEY_SIZES:
        return parse_sizes(parse, node, value);
    case KEY_REGIONS:
    case KEY_RANGES:
        return parse_regions(parse, node, value);
    default:
        return parse_number(parse, node, value);
    }
}

bool key_parse(const struct key *key, const struct node *node, const char *path, struct key_value *value,
               struct error_list *messages)
{
    struct parse parse = {key, path, messages};
    *value = (struct key_value){0};
    if (key->fallback == KEY_DEFAULT_NONE && is_none(node)) {
        value->none = true;
        return true;
    }
    return parse_typed(&parse, node, value);
}
