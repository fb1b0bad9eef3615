/* dirtywalk tables --json: the same for programs. Addresses and images are hexadecimal strings. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "analysis/doc.h"
#include "sim/cli/cmd_tables.h"
#include "sim/tracking/tracking.h"

struct building {
    const struct tables_view *view;
    struct json_t *tables; /* all but the one being built */
    struct json_t *table;
    struct json_t *entries; /* of it */
    bool has_table;
    struct json_t *iotlb, *atcs, *walk_caches;
    struct dump_totals totals;
};

static struct json_t *hex(uint64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "0x%" PRIx64, value);
    return doc_string(text);
}

static struct json_t *put_span(struct json_t *object, struct span span)
{
    object = doc_put(object, "iova", hex(span.first));
    return doc_put(object, "iova_last", hex(span.last));
}

/* ---- tables ---- */

static void close_table(struct building *building)
{
    if (building->has_table)
        building->tables = doc_add(building->tables, doc_put(building->table, "entries", building->entries));
    building->has_table = false;
}

static void build_table(void *context, const struct dump_table *table)
{
    struct building *building = context;
    close_table(building);
    struct json_t *object = doc_put(doc_object(), "level", doc_integer(table->level));
    object = doc_put(object, "root", doc_boolean(table->root));
    object = doc_put(object, "address", hex(table->address));
    object = doc_put(object, "tables", doc_integer(table->count));
    object = doc_put(object, "slots", doc_integer(table->entries));
    object = doc_put(object, "slot_bytes", doc_integer(UINT64_C(1) << table->entry_lg2));
    building->table = put_span(object, table->span);
    building->entries = doc_array();
    building->has_table = true;
}

static struct json_t *cached_doc(const struct dump_cached *cached)
{
    struct json_t *object = put_span(doc_object(), cached->key.span);
    object = doc_put(object, "bytes", doc_integer(UINT64_C(1) << cached->key.lg2));
    object = doc_put(object, "output", hex(cached->output));
    object = doc_put(object, "set", doc_integer(cached->set));
    object = doc_put(object, "place", doc_integer(cached->place));
    object = doc_put(object, "writes_pass", doc_boolean(cached->contents & ENTRY_WRITES_PASS));
    object = doc_put(object, "managed", doc_boolean(cached->contents & ENTRY_MANAGED));
    object = doc_put(object, "stale", doc_boolean(cached->stale));
    return doc_put(object, "unseen", doc_boolean(cached->unseen));
}

static struct json_t *put_leaf(struct json_t *object, const struct leaves *leaves,
                               const struct dump_entry *entry)
{
    bool dirty = entry->leaf & LEAF_DIRTY;
    object = doc_put(object, "output", hex(entry->output));
    object = doc_put(object, "writable", doc_boolean(entry->leaf & LEAF_WRITABLE));
    object = doc_put(object, "managed", doc_boolean((entry->leaf & LEAF_MANAGED) && !leaves->protection));
    object = doc_put(object, "protected", doc_boolean(leaves_protects(leaves, entry->leaf)));
    object = doc_put(object, "accessed", doc_boolean(entry->leaf & LEAF_ACCESSED));
    object = doc_put(object, "dirty", doc_boolean(dirty));
    object = doc_put(object, "cause", dirty ? doc_string(tables_cause(entry->leaf)) : doc_null());
    object = doc_put(object, "true_pages", doc_integer(entry->true_pages));
    object = doc_put(object, "missed_pages", doc_integer(entry->missed_pages));
    return doc_put(object, "written_pages", doc_integer(entry->written_pages));
}

static void build_entry(void *context, const struct dump_entry *entry)
{
    static const char *const kinds[] = {"absent", "table", "leaf"};
    struct building *building = context;
    const struct leaves *leaves = &building->view->seen->cohort->leaves;
    char words[256];
    leaves->format->describe(&leaves->geometry, entry->image, entry->level, words, sizeof words);
    struct json_t *object = doc_put(doc_object(), "kind", doc_string(kinds[entry->kind]));
    object = doc_put(object, "index", doc_integer(entry->index));
    object = doc_put(object, "index_last", doc_integer(entry->index + entry->entries - 1));
    object = put_span(object, entry->span);
    object = doc_put(object, "count", doc_integer(entry->count));
    object = doc_put(object, "bytes_each", doc_integer(UINT64_C(1) << entry->lg2));
    object = doc_put(object, "entries_each", doc_integer(entry->entries_each));
    object = doc_put(object, "image", hex(entry->image));
    object = doc_put(object, "image_last", hex(entry->image_last));
    object = doc_put(object, "words", doc_string(words));
    if (entry->kind == PT_LEAF)
        object = put_leaf(object, leaves, entry);
    else if (entry->kind == PT_TABLE)
        object = doc_put(doc_put(object, "address", hex(entry->output)), "pointer_cached",
                         doc_boolean(entry->pointer_cached));
    struct json_t *cached = doc_array();
    for (size_t i = 0; i < entry->cached_count; i++)
        cached = doc_add(cached, cached_doc(entry->cached[i]));
    building->entries = doc_add(building->entries, doc_put(object, "iotlb", cached));
}

/* ---- caches ---- */

static void build_caches(void *context, const struct dump_totals *totals)
{
    struct building *building = context;
    close_table(building);
    building->totals = *totals;
}

static void build_cached(void *context, const struct dump_cached *cached)
{
    struct building *building = context;
    building->iotlb = doc_add(building->iotlb, cached_doc(cached));
}

static void build_atc(void *context, const struct dump_atc *atc)
{
    struct building *building = context;
    struct json_t *object = doc_put(doc_object(), "device", doc_integer(atc->device));
    object = put_span(object, atc->key.span);
    object = doc_put(object, "bytes", doc_integer(UINT64_C(1) << atc->key.lg2));
    object = doc_put(object, "output", hex(atc->output));
    object = doc_put(object, "set", doc_integer(atc->set));
    object = doc_put(object, "place", doc_integer(atc->age));
    object = doc_put(object, "may_write", doc_boolean(atc->may_write));
    object = doc_put(object, "stale", doc_boolean(atc->stale));
    object = doc_put(object, "unseen", doc_boolean(atc->unseen));
    building->atcs = doc_add(building->atcs, object);
}

static void build_pointer(void *context, const struct dump_pointer *pointer)
{
    struct building *building = context;
    struct json_t *object = doc_put(doc_object(), "level", doc_integer(pointer->level));
    object = put_span(object, pointer->span);
    object = doc_put(object, "stands", doc_boolean(pointer->stands));
    object = doc_put(object, "address", pointer->stands ? hex(pointer->address) : doc_null());
    building->walk_caches = doc_add(building->walk_caches, object);
}

static struct json_t *cache_doc(uint64_t entries, uint64_t ways, uint64_t valid, struct json_t *shown)
{
    struct json_t *object = doc_put(doc_object(), "entries", doc_integer(entries));
    object = doc_put(object, "ways", doc_integer(ways == 0 ? entries : ways));
    object = doc_put(object, "valid", doc_integer(valid));
    return doc_put(object, "shown", shown);
}

/* ---- the head ---- */

static struct json_t *put_place(struct json_t *object, const struct tables_view *view)
{
    const struct cli_loaded *loaded = view->loaded;
    const struct results_row *row = &loaded->results.rows[view->row];
    const struct results_trace *trace = &loaded->results.traces[row->trace];
    struct json_t *cell = doc_put(doc_object(), "index", doc_integer(row->cell));
    cell = doc_put(cell, "id", doc_string(row->id));
    cell = doc_put(cell, "label", doc_string(loaded->plan->cells[row->cell].label));
    object = doc_put(object, "experiment", doc_string(loaded->experiment->name));
    object = doc_put(object, "cell", cell);
    object = doc_put(object, "trace", doc_string(trace->name));
    object = doc_put(object, "trace_sha256", doc_string(trace->sha256));
    object = doc_put(object, "time_ns", doc_integer(view->seen->time_ns));
    object = doc_put(object, "at_end", doc_boolean(view->at_end));
    object = doc_put(object, "records", doc_integer(view->seen->cohort->volume.records));
    return doc_put(object, "trace_records", doc_integer(view->seen->facts->records));
}

static struct json_t *put_model(struct json_t *object, const struct tables_view *view)
{
    static const char *const phases[] = {"before", "tracking", "after"};
    const struct leaves *leaves = &view->seen->cohort->leaves;
    const struct pt_geometry *geometry = &leaves->geometry;
    object = doc_put(object, "model", doc_string(leaves->format->name));
    object = doc_put(object, "levels", doc_integer(geometry->levels));
    object = doc_put(object, "granule_bytes", doc_integer(UINT64_C(1) << geometry->granule_lg2));
    object = doc_put(object, "iova_bits", doc_integer(geometry->iova_bits));
    object = doc_put(object, "method", doc_string(leaves->config->tracking.method->name));
    object = doc_put(object, "phase", doc_string(phases[leaves->phase]));
    struct json_t *switches =
        doc_put(doc_object(), leaves->format->accessed_switch, doc_boolean(leaves->switches.accessed));
    if (strcmp(leaves->format->accessed_switch, leaves->format->dirty_switch) != 0)
        switches = doc_put(switches, leaves->format->dirty_switch, doc_boolean(leaves->switches.dirty));
    object = doc_put(object, "switches", switches);
    if (!leaves->ranges_given)
        return doc_put(object, "tracked", doc_string("mapped"));
    struct json_t *ranges = doc_array();
    for (size_t i = 0; i < leaves->ranges.count; i++)
        ranges = doc_add(ranges, put_span(doc_object(), leaves->ranges.spans[i]));
    return doc_put(object, "tracked", ranges);
}

static struct json_t *put_domain(struct json_t *object, const struct tables_view *view)
{
    const struct cohort *cohort = view->seen->cohort;
    const struct tables_count *count = tables_count(cohort->leaves.domains[view->domain].tables);
    struct json_t *devices = doc_array();
    for (uint32_t device = 0; device <= UINT16_MAX; device++)
        if (tables_is_attached(view, (uint16_t)device))
            devices = doc_add(devices, doc_integer(device));
    object = doc_put(object, "devices", devices);
    object = doc_put(object, "domains", doc_integer(cohort->trace.domain_count));
    object = doc_put(object, "range", put_span(doc_object(), view->range));
    object = doc_put(object, "leaves", doc_integer(count->leaves));
    object = doc_put(object, "table_count", doc_integer(count->tables));
    object = doc_put(object, "table_bytes", doc_integer(count->table_bytes));
    return doc_put(object, "unmaps_waiting",
                   doc_integer(cohort->deferred ? cohort->deferred[view->domain].unmaps : 0));
}

bool tables_print_json(const struct tables_view *view, struct error *error)
{
    struct building building = {
        .view = view,
        .tables = doc_array(),
        .iotlb = doc_array(),
        .atcs = doc_array(),
        .walk_caches = doc_array()};
    struct dump_visitor visitor = {&building,    build_table,  build_entry,
                                   build_caches, build_cached, build_atc,  build_pointer};
    const struct cell_config *config = view->seen->cell->config;
    bool good = dump_domain(view->seen, view->domain, view->range, &visitor, error);
    if (building.has_table)
        close_table(&building);
    struct json_t *object = put_domain(put_model(put_place(doc_object(), view), view), view);
    object = doc_put(object, "tables", building.tables);
    object =
        doc_put(object, "iotlb",
                cache_doc(config->iotlb.entries, config->iotlb.ways, building.totals.cached, building.iotlb));
    if (config->ats.enabled) {
        struct json_t *atcs = cache_doc(config->ats.entries, config->ats.ways, building.totals.atc_entries,
                                        building.atcs);
        object = doc_put(object, "atcs", doc_put(atcs, "devices", doc_integer(building.totals.atcs)));
    } else {
        doc_free(building.atcs);
        object = doc_put(object, "atcs", doc_null());
    }
    object = doc_put(object, "walk_caches",
                     cache_doc(config->walk_cache.entries, config->walk_cache.ways, building.totals.pointers,
                               building.walk_caches));
    if (!good) {
        doc_free(object);
        return false;
    }
    /* What stdout refuses main says. */
    return doc_write(object, true, stdout) || ferror(stdout) ||
           error_set(error, ERROR_MEMORY, "error: no memory to print the tables");
}
