/* YAML as a tree of nodes that know where they were written. The only part that knows libyaml is yaml.c.
 *
 * Rejected, each with its place: syntax errors, bad UTF-8, more than one document, duplicate keys, merge
 * keys, keys that are no scalars, tags, more than YAML_DEPTH_MAX levels, YAML_NODES_MAX nodes (counting what
 * aliases repeat) or YAML_BYTES_MAX bytes. */
#ifndef CONFIGS_YAML_H
#define CONFIGS_YAML_H

#include <stdbool.h>
#include <stddef.h>

#include "configs/error_list.h"

enum { YAML_BYTES_MAX = 1 << 20, YAML_DEPTH_MAX = 16, YAML_NODES_MAX = 100000 };

enum node_kind { NODE_SCALAR, NODE_LIST, NODE_MAP };

struct node_pair {
    struct place place; /* of the key */
    char *key;
    struct node *value;
};

struct node {
    enum node_kind kind;
    struct place place;
    char *text; /* scalar */
    bool plain; /* scalar written without quotes */
    size_t count, capacity;
    struct node **items;     /* list */
    struct node_pair *pairs; /* map */
};

/** Parse `bytes` of `text`. Places name `place.file`; with place.line 0 they are all `place` itself (a value
 * of the command line). NULL: there are errors in `messages`. */
struct node *yaml_parse(const char *text, size_t bytes, struct place place, struct error_list *messages);

/** The value of `key` in a map, or NULL. */
struct node *node_get(const struct node *map, const char *key);
/** A new empty map, or NULL when memory is short. */
struct node *node_map(struct place place);
/** Put `value` (owned by the map from here on) under `key`, in place of what was there. False: memory is
 * short, and the value is freed. */
bool node_put(struct node *map, const char *key, struct place place, struct node *value);
/** Take `key` out of a map. */
void node_remove(struct node *map, const char *key);

void node_free(struct node *node);

#endif
