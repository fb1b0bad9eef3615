/* A map from 64-bit numbers to 32-bit ones; not for the hot path. */
#ifndef SIM_BASE_NUMBER_MAP_H
#define SIM_BASE_NUMBER_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/base/error.h"

struct number_map_entry;
struct number_map {
    struct number_map_entry *entries;
};

/** The value of `key`; if there is none, `fresh` becomes it and *is_new true. */
bool number_map_intern(struct number_map *map, uint64_t key, uint32_t fresh, uint32_t *value, bool *is_new,
                       struct error *error);
/** False: there is no such key. */
bool number_map_find(const struct number_map *map, uint64_t key, uint32_t *value);
void number_map_remove(struct number_map *map, uint64_t key);
void number_map_free(struct number_map *map);

#endif
