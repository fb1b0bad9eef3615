/* A bounded window in which the records of a log are put in order of time, and in which later lines may still
 * complete earlier records.
 *
 * A record leaves the window once a line LOG_ORDER_WINDOW_NS younger was seen, or when LOG_ORDER_RECORDS
 * records are inside. One that would come out behind a younger one gets the younger one's time and is
 * counted, unless times are to be kept: then a line more than the window behind another begins anew, as where
 * the logs of several CPUs stand one behind the other. */
#ifndef TRACES_LOG_LOG_ORDER_H
#define TRACES_LOG_LOG_ORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "sim/base/error.h"
#include "traces/log/log_line.h"
#include "traces/trace.h"

enum { LOG_ORDER_WINDOW_NS = 100000000, LOG_ORDER_RECORDS = 65536 };

struct log_record {
    uint64_t time_ns, iova, bytes, address;
    uint16_t device;
    uint8_t op;
};

/* A record in the window. `rank` orders records of equal time and is never 0; a zeroed handle is none. */
struct log_handle {
    uint64_t rank;
    uint32_t slot;
};

struct log_order;

struct log_order *log_order_new(struct error *error);
void log_order_free(struct log_order *order);
/** Forget all records; the times that log_order_keep_times asked for stay asked for. */
void log_order_clear(struct log_order *order);
/** Raise no time: who takes the records sorts them. */
void log_order_keep_times(struct log_order *order);

/** There is room for this many records after each time that log_order_ready said no. */
enum { LOG_ORDER_ROOM = 1024 };

/** Put a record in; no two ranks are equal. */
struct log_handle log_order_add(struct log_order *order, const struct log_record *record, uint64_t rank);
/** The record, or NULL when it has left or was dropped. Its time must not be changed. */
struct log_record *log_order_at(struct log_order *order, struct log_handle handle);
/** Take the record out again; nothing happens when it has left. */
void log_order_drop(struct log_order *order, struct log_handle handle);
/** A line of this time was seen. */
void log_order_advance(struct log_order *order, uint64_t time_ns);
/** Whether a record may leave; with `end`, whether there is one. */
bool log_order_ready(struct log_order *order, bool end);
/** Move the oldest record to the end of the batch, or away if it was dropped. */
void log_order_take(struct log_order *order, struct trace_batch *batch);
/** Add to a warning how many times were raised, and what helps. */
void log_order_warn(const struct log_order *order, char warning[LOG_WARNING_BYTES]);

#endif
