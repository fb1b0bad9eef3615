/* The order in which a harvest reads slots: ascending by the first address they cover, upper levels before
 * lower ones (semantics.md 13). How many come before one is arithmetic over runs of leaves; sums at the runs
 * make it cost O(levels log runs). */
#ifndef SIM_PT_SLOT_ORDER_H
#define SIM_PT_SLOT_ORDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sim/base/error.h"
#include "sim/pt/tables.h"

struct slot_sum {
    uint64_t first; /* address of a run */
    uint64_t ended; /* slots that end before it */
};

struct slot_order {
    const struct tables *tables;
    const struct pt_geometry *geometry;
    struct slot_sum *sums; /* ascending */
    size_t count, capacity;
};

/** `tables` and `geometry` must outlive the order, and leaves and tables may not come or go. False: memory.
 */
bool slot_order_init(struct slot_order *order, const struct tables *tables,
                     const struct pt_geometry *geometry, struct error *error);
void slot_order_free(struct slot_order *order);

/* A harvest window, or where one begins. */
struct slot_window {
    uint64_t first; /* address */
    uint64_t ended; /* slots that end before it */
};
struct slot_window slot_window_at(const struct slot_order *order, uint64_t first);
/** Slots of the window that begin at or before `last`: all of them if it ends there. */
uint64_t slots_until(const struct slot_order *order, const struct slot_window *window, uint64_t last);
/** Slots of the window that are read before the one at `level` that holds `address`; its table must exist. */
uint64_t slots_before(const struct slot_order *order, const struct slot_window *window, uint64_t address,
                      unsigned level);

#endif
