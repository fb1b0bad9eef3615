#include "configs/yaml.h"

#include <yaml.h>

#include <stdlib.h>
#include <string.h>

#include "sim/base/memory.h"

/* libyaml looks for anchors one by one and for simple keys through all open brackets: both cost the square of
 * their number, so they are bounded before a document is composed. */
enum { ANCHORS_MAX = 1000 };

static const char too_deep[] = "nested deeper than 16 levels; an experiment needs fewer";
static const char too_many[] = "more than 100000 nodes, counting what aliases repeat; write a smaller file";

struct reader {
    yaml_document_t document;
    struct place place;
    struct error_list *messages;
    size_t visited;
    bool failed;
};

static struct place place_at(const struct reader *reader, yaml_mark_t mark)
{
    if (reader->place.line == 0)
        return reader->place;
    return (struct place){reader->place.file, (unsigned)mark.line + 1, (unsigned)mark.column + 1};
}

static struct node *fail(struct reader *reader, struct place place, const char *text)
{
    if (!reader->failed)
        error_list_add(reader->messages, place, NULL, "%s", text);
    reader->failed = true;
    return NULL;
}

static struct node *node_new(enum node_kind kind, struct place place)
{
    struct node *node = memory_zeroed(1, sizeof *node, NULL);
    if (node) {
        node->kind = kind;
        node->place = place;
    }
    return node;
}

void node_free(struct node *node)
{
    if (!node)
        return;
    for (size_t i = 0; i < node->count; i++) {
        if (node->kind == NODE_LIST) {
            node_free(node->items[i]);
        } else {
            free(node->pairs[i].key);
            node_free(node->pairs[i].value);
        }
    }
    memory_free(node->items);
    memory_free(node->pairs);
    free(node->text);
    memory_free(node);
}

static bool is_default_tag(const yaml_node_t *node)
{
    const char *wanted = node->type == YAML_SCALAR_NODE     ? YAML_DEFAULT_SCALAR_TAG
                         : node->type == YAML_SEQUENCE_NODE ? YAML_DEFAULT_SEQUENCE_TAG
                                                            : YAML_DEFAULT_MAPPING_TAG;
    return !node->tag || strcmp((const char *)node->tag, wanted) == 0;
}

static struct node *convert(struct reader *reader, int index, unsigned depth);

static char *convert_key(struct reader *reader, const yaml_node_t *key, struct place place)
{
    if (key->type != YAML_SCALAR_NODE) {
        fail(reader, place, "a list or a block cannot be a key; write a word");
        return NULL;
    }
    const char *text = (const char *)key->data.scalar.value;
    if (strlen(text) != key->data.scalar.length) {
        fail(reader, place, "a key holds a NUL character; take it out");
        return NULL;
    }
    if (strcmp(text, "<<") == 0 && key->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
        fail(reader, place, "merge keys (<<) are not supported; write the keys out");
        return NULL;
    }
    char *copy = strdup(text);
    if (!copy)
        fail(reader, place, "out of memory");
    return copy;
}

static bool convert_map(struct reader *reader, const yaml_node_t *from, struct node *node, unsigned depth)
{
    for (yaml_node_pair_t *pair = from->data.mapping.pairs.start; pair < from->data.mapping.pairs.top;
         pair++) {
        yaml_node_t *key = yaml_document_get_node(&reader->document, pair->key);
        struct place place = place_at(reader, key->start_mark);
        if (!memory_grow(&node->pairs, &node->capacity, node->count + 1, sizeof *node->pairs, NULL)) {
            fail(reader, place, "out of memory");
            return false;
        }
        reader->visited++;
        char *text = convert_key(reader, key, place);
        if (!text)
            return false;
        struct node *value = convert(reader, pair->value, depth + 1);
        if (!value) {
            free(text);
            return false;
        }
        node->pairs[node->count++] = (struct node_pair){place, text, value};
    }
    return true;
}

static bool convert_list(struct reader *reader, const yaml_node_t *from, struct node *node, unsigned depth)
{
    for (yaml_node_item_t *item = from->data.sequence.items.start; item < from->data.sequence.items.top;
         item++) {
        if (!memory_grow(&node->items, &node->capacity, node->count + 1, sizeof(struct node *), NULL)) {
            fail(reader, node->place, "out of memory");
            return false;
        }
        struct node *child = convert(reader, *item, depth + 1);
        if (!child)
            return false;
        node->items[node->count++] = child;
    }
    return true;
}

/* A copy of the document's node `index`; what aliases repeat is copied again, which the bounds on depth and
 * nodes keep finite. */
static struct node *convert(struct reader *reader, int index, unsigned depth)
{
    yaml_node_t *from = yaml_document_get_node(&reader->document, index);
    struct place place = place_at(reader, from->start_mark);
    if (depth > YAML_DEPTH_MAX && from->type != YAML_SCALAR_NODE) /* an alias that holds itself */
        return fail(reader, place, too_deep);
    if (++reader->visited > YAML_NODES_MAX)
        return fail(reader, place, too_many);
    if (!is_default_tag(from))
        return fail(reader, place, "tags (!) are not supported; write the plain value");
    static const enum node_kind kinds[] = {
        [YAML_SCALAR_NODE] = NODE_SCALAR, [YAML_SEQUENCE_NODE] = NODE_LIST, [YAML_MAPPING_NODE] = NODE_MAP};
    struct node *node = node_new(kinds[from->type], place);
    if (!node)
        return fail(reader, place, "out of memory");
    bool done = true;
    if (node->kind == NODE_SCALAR) {
        node->plain = from->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
        node->text = strdup((const char *)from->data.scalar.value);
        done = node->text && strlen(node->text) == from->data.scalar.length;
        if (!done)
            fail(reader, place, node->text ? "a value holds a NUL character; take it out" : "out of memory");
    } else if (node->kind == NODE_LIST) {
        done = convert_list(reader, from, node, depth);
    } else {
        done = convert_map(reader, from, node, depth);
    }
    if (done)
        return node;
    node_free(node);
    return NULL;
}

static int compare_pairs(const void *a, const void *b)
{
    const struct node_pair *const *x = a, *const *y = b;
    int order = strcmp((*x)->key, (*y)->key);
    return order != 0 ? order : *x < *y ? -1 : *x > *y;
}

/* Sorting keeps a file of one huge map from costing the square of its keys. */
static bool duplicate_keys(struct reader *reader, const struct node *node)
{
    bool found = false;
    for (size_t i = 0; i < node->count; i++)
        found |= duplicate_keys(reader, node->kind == NODE_LIST ? node->items[i] : node->pairs[i].value);
    if (node->kind != NODE_MAP || node->count < 2)
        return found;
    const struct node_pair **sorted = memory_zeroed(node->count, sizeof *sorted, NULL);
    if (!sorted) {
        fail(reader, node->place, "out of memory");
        return true;
    }
    for (size_t i = 0; i < node->count; i++)
        sorted[i] = &node->pairs[i];
    qsort(sorted, node->count, sizeof *sorted, compare_pairs);
    for (size_t i = 1, first = 0; i < node->count; i++) {
        if (strcmp(sorted[i]->key, sorted[first]->key) != 0) {
            first = i;
            continue;
        }
        error_list_add(reader->messages, sorted[i]->place, sorted[i]->key,
                       "duplicate key; it stands already at line %u, keep one", sorted[first]->place.line);
        found = true;
    }
    memory_free(sorted);
    return found;
}

/* Where the parser gave up. For bytes that are no UTF-8 libyaml knows only the offset. */
static struct place place_of_problem(const struct reader *reader, const yaml_parser_t *parser,
                                     const char *text, size_t bytes)
{
    if (parser->error != YAML_READER_ERROR)
        return place_at(reader, parser->problem_mark);
    yaml_mark_t mark = {0, 0, 0};
    for (size_t i = 0; i < bytes && i < parser->problem_offset; i++) {
        if (text[i] == '\n') {
            mark.line++;
            mark.column = 0;
        } else if (((unsigned char)text[i] & 0xc0) != 0x80) {
            mark.column++;
        }
    }
    return place_at(reader, mark);
}

static bool parse_failed(const struct reader *reader, const yaml_parser_t *parser, const char *text,
                         size_t bytes)
{
    struct place place = place_of_problem(reader, parser, text, bytes);
    if (parser->error == YAML_MEMORY_ERROR)
        error_list_add(reader->messages, place, NULL, "out of memory");
    else if (parser->context)
        error_list_add(reader->messages, place, NULL, "not valid YAML: %s %s", parser->problem,
                       parser->context);
    else
        error_list_add(reader->messages, place, NULL, "not valid YAML: %s", parser->problem);
    return false;
}

/* What the events have shown so far. */
struct tally {
    size_t documents, nodes, anchors;
    unsigned depth;
};

/* False: an event passes a bound. */
static bool count_event(struct reader *reader, const yaml_event_t *event, struct tally *tally)
{
    struct place place = place_at(reader, event->start_mark);
    const yaml_char_t *anchor = NULL;
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (++tally->documents > 1)
            fail(reader, place, "a second document begins here; keep one document per file");
        break;
    case YAML_SEQUENCE_START_EVENT:
        anchor = event->data.sequence_start.anchor;
        tally->nodes++;
        tally->depth++;
        break;
    case YAML_MAPPING_START_EVENT:
        anchor = event->data.mapping_start.anchor;
        tally->nodes++;
        tally->depth++;
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        tally->depth--;
        break;
    case YAML_SCALAR_EVENT:
        anchor = event->data.scalar.anchor;
        tally->nodes++;
        break;
    default:
        break;
    }
    tally->anchors += anchor != NULL;
    if (tally->depth > YAML_DEPTH_MAX)
        fail(reader, place, too_deep);
    else if (tally->nodes > YAML_NODES_MAX)
        fail(reader, place, too_many);
    else if (tally->anchors > ANCHORS_MAX)
        fail(reader, place, "more than 1000 anchors; write a smaller file");
    return !reader->failed;
}

static bool start(yaml_parser_t *parser, const struct reader *reader, const char *text, size_t bytes)
{
    if (!yaml_parser_initialize(parser)) {
        error_list_add(reader->messages, reader->place, NULL, "out of memory");
        return false;
    }
    yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(parser, (const unsigned char *)text, bytes);
    return true;
}

/* Syntax and bounds, before anything is composed. */
static bool check_events(struct reader *reader, const char *text, size_t bytes)
{
    yaml_parser_t parser;
    struct tally tally = {0};
    if (!start(&parser, reader, text, bytes))
        return false;
    bool good = true, more = true;
    while (good && more) {
        yaml_event_t event;
        if (!yaml_parser_parse(&parser, &event)) {
            good = parse_failed(reader, &parser, text, bytes);
            break;
        }
        good = count_event(reader, &event, &tally);
        more = event.type != YAML_STREAM_END_EVENT;
        yaml_event_delete(&event);
    }
    yaml_parser_delete(&parser);
    return good;
}

static struct node *read_root(struct reader *reader)
{
    yaml_node_t *root = yaml_document_get_root_node(&reader->document);
    if (!root) {
        error_list_add(reader->messages, reader->place, NULL,
                       "nothing is written here; write at least one value");
        return NULL;
    }
    struct node *node = convert(reader, 1, 1);
    if (node && duplicate_keys(reader, node)) {
        node_free(node);
        return NULL;
    }
    return node;
}

struct node *yaml_parse(const char *text, size_t bytes, struct place place, struct error_list *messages)
{
    struct reader reader = {.place = place, .messages = messages};
    yaml_parser_t parser;
    struct node *root = NULL;
    if (bytes > YAML_BYTES_MAX) {
        error_list_add(messages, place, NULL, "larger than 1 MiB; no experiment or spec needs as much");
        return NULL;
    }
    if (!check_events(&reader, text, bytes) || !start(&parser, &reader, text, bytes))
        return NULL;
    if (yaml_parser_load(&parser, &reader.document)) {
        root = read_root(&reader);
        yaml_document_delete(&reader.document);
    } else {
        parse_failed(&reader, &parser, text, bytes); /* an alias without an anchor, for one */
    }
    yaml_parser_delete(&parser);
    return root;
}

struct node *node_map(struct place place)
{
    return node_new(NODE_MAP, place);
}

static size_t find(const struct node *map, const char *key)
{
    size_t at = 0;
    while (at < map->count && strcmp(map->pairs[at].key, key) != 0)
        at++;
    return at;
}

struct node *node_get(const struct node *map, const char *key)
{
    size_t at = find(map, key);
    return at < map->count ? map->pairs[at].value : NULL;
}

bool node_put(struct node *map, const char *key, struct place place, struct node *value)
{
    size_t at = find(map, key);
    if (at < map->count) {
        node_free(map->pairs[at].value);
        map->pairs[at].value = value;
        map->pairs[at].place = place;
        return true;
    }
    char *copy = strdup(key);
    if (!copy || !memory_grow(&map->pairs, &map->capacity, map->count + 1, sizeof *map->pairs, NULL)) {
        free(copy);
        node_free(value);
        return false;
    }
    map->pairs[map->count++] = (struct node_pair){place, copy, value};
    return true;
}

void node_remove(struct node *map, const char *key)
{
    size_t at = find(map, key);
    if (at == map->count)
        return;
    free(map->pairs[at].key);
    node_free(map->pairs[at].value);
    map->count--;
    memmove(&map->pairs[at], &map->pairs[at + 1], (map->count - at) * sizeof *map->pairs);
}
