/* dirtywalk tables, for people. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "sim/base/units.h"
#include "sim/cli/cmd_tables.h"
#include "sim/cli/human.h"
#include "sim/tracking/tracking.h"
#include "traces/device.h"

enum { LINE_COLUMNS = 100, CELL_BYTES = 64, NOTE_BYTES = 512, NAMED = 4 };

/* The columns of the entries, wide enough for all of them. */
enum column { COLUMN_INDEX, COLUMN_IOVA, COLUMN_TARGET, COLUMN_SIZE, COLUMN_COUNT };

struct printing {
    const struct tables_view *view;
    const struct leaves *leaves;
    int width[COLUMN_COUNT];
    bool measures; /* only the widths */
    struct dump_totals totals;
    uint64_t cached, atc_entries, pointers; /* that are shown */
    bool atcs_titled, walk_titled;
};

/* ---- words ---- */

static void add(char *text, size_t bytes, const char *format, ...) __attribute__((format(printf, 3, 4)));

static void add(char *text, size_t bytes, const char *format, ...)
{
    size_t length = strlen(text);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text + length, bytes - length, format, arguments);
    va_end(arguments);
}

static const char *writes(const struct dump_cached *cached)
{
    if (cached->unseen)
        return "writes pass unseen: the leaf is clean";
    if (cached->contents & ENTRY_WRITES_PASS)
        return "writes pass";
    return cached->contents & ENTRY_MANAGED ? "a write rechecks" : "writes fault";
}

static void size_text(unsigned lg2, uint64_t count, char text[CELL_BYTES])
{
    char size[HUMAN_BYTES];
    human_bytes(UINT64_C(1) << lg2, size);
    text[0] = '\0';
    if (count > 1)
        add(text, CELL_BYTES, "%" PRIu64 " x ", count);
    add(text, CELL_BYTES, "%s", size);
}

static void note(char *notes, const char *text)
{
    add(notes, NOTE_BYTES, "%s%s", notes[0] ? ", " : "", text);
}

static void note_pages(char *notes, unsigned lg2, uint64_t pages, const char *what)
{
    char text[CELL_BYTES];
    if (pages == 0)
        return;
    if (lg2 == PAGE_LG2)
        snprintf(text, sizeof text, "%s", what);
    else
        snprintf(text, sizeof text, "%" PRIu64 " page%s %s", pages, pages == 1 ? "" : "s", what);
    note(notes, text);
}

static void note_cached(char *notes, const struct dump_entry *entry)
{
    char text[CELL_BYTES * 2], size[HUMAN_BYTES];
    for (size_t i = 0; i < entry->cached_count && i < NAMED; i++) {
        const struct dump_cached *cached = entry->cached[i];
        human_bytes(UINT64_C(1) << cached->key.lg2, size);
        if (cached->stale)
            snprintf(text, sizeof text, "IOTLB still: %s at 0x%" PRIx64 " -> 0x%" PRIx64 ", %s", size,
                     cached->key.span.first, cached->output, writes(cached));
        else
            snprintf(text, sizeof text, "IOTLB: %s", writes(cached));
        note(notes, text);
    }
    if (entry->cached_count > NAMED) {
        snprintf(text, sizeof text, "%zu more in the IOTLB", entry->cached_count - NAMED);
        note(notes, text);
    }
}

static void note_leaf(char *notes, const struct leaves *leaves, const struct dump_entry *entry)
{
    static const char *const causes[] = {"dirty: written", "dirty: by ATS", "dirty: since before the start",
                                         "dirty: since its map"};
    if (leaves_protects(leaves, entry->leaf))
        note(notes, "write-protected");
    if (entry->leaf & LEAF_DIRTY)
        note(notes, causes[(entry->leaf & LEAF_CAUSE) >> 4]);
    note_pages(notes, entry->lg2, entry->true_pages, "in T");
    note_pages(notes, entry->lg2, entry->missed_pages, "missed by a harvest");
}

/* ---- tables ---- */

static void print_table(void *context, const struct dump_table *table)
{
    struct printing *printing = context;
    char size[CELL_BYTES];
    if (printing->measures)
        return;
    size_text(table->entry_lg2, table->entries, size);
    if (table->count == 1)
        printf("\nlevel %u  table 0x%" PRIx64 "%s", table->level, table->address,
               table->root ? ", the root" : "");
    else
        printf("\nlevel %u  %" PRIu64 " tables alike from 0x%" PRIx64 " on", table->level, table->count,
               table->address);
    printf("  IOVA 0x%" PRIx64 " to 0x%" PRIx64 "  %s%s%s\n", table->span.first, table->span.last,
           table->count == 1 ? "" : "each ", size, table->count == 1 ? "" : "; the first:");
}

static void print_columns(struct printing *printing)
{
    static const char *const names[COLUMN_COUNT] = {"entry", "IOVA", "output", "size"};
    for (unsigned c = 0; c < COLUMN_COUNT; c++)
        if (printing->width[c] < (int)strlen(names[c]))
            printing->width[c] = (int)strlen(names[c]);
    printf("\n  %-*s  %-16s  %-*s  %-*s  %-*s  in words; then what else there is to say\n",
           printing->width[COLUMN_INDEX], names[COLUMN_INDEX], "image", printing->width[COLUMN_IOVA],
           names[COLUMN_IOVA], printing->width[COLUMN_TARGET], names[COLUMN_TARGET],
           printing->width[COLUMN_SIZE], names[COLUMN_SIZE]);
}

static void entry_columns(const struct dump_entry *entry, char cells[COLUMN_COUNT][CELL_BYTES])
{
    if (entry->entries == 1)
        snprintf(cells[COLUMN_INDEX], CELL_BYTES, "[%" PRIu64 "]", entry->index);
    else
        snprintf(cells[COLUMN_INDEX], CELL_BYTES, "[%" PRIu64 "..%" PRIu64 "]", entry->index,
                 entry->index + entry->entries - 1);
    snprintf(cells[COLUMN_IOVA], CELL_BYTES, "0x%" PRIx64, entry->span.first);
    if (entry->kind == PT_ABSENT)
        snprintf(cells[COLUMN_TARGET], CELL_BYTES, "-");
    else
        snprintf(cells[COLUMN_TARGET], CELL_BYTES, "%s0x%" PRIx64, entry->kind == PT_TABLE ? "table " : "",
                 entry->output);
    size_text(entry->lg2, entry->count, cells[COLUMN_SIZE]);
}

static void measure(struct printing *printing, char cells[COLUMN_COUNT][CELL_BYTES])
{
    for (unsigned c = 0; c < COLUMN_COUNT; c++)
        if (printing->width[c] < (int)strlen(cells[c]))
            printing->width[c] = (int)strlen(cells[c]);
}

/* A leaf of several entries that are not the same. */
static void print_last_entry(const struct printing *printing, const struct dump_entry *entry)
{
    char index[CELL_BYTES];
    snprintf(index, sizeof index, "[%" PRIu64 "]", entry->index + entry->entries - 1);
    printf("  %-*s  %016" PRIx64 "  the last of %" PRIu64 " entries of one leaf\n",
           printing->width[COLUMN_INDEX], index, entry->image_last, entry->entries_each);
}

static void print_entry(void *context, const struct dump_entry *entry)
{
    struct printing *printing = context;
    const struct leaves *leaves = printing->leaves;
    char cells[COLUMN_COUNT][CELL_BYTES], words[NOTE_BYTES], notes[NOTE_BYTES] = "";
    entry_columns(entry, cells);
    if (printing->measures) {
        measure(printing, cells);
        return;
    }
    leaves->format->describe(&leaves->geometry, entry->image, entry->level, words, sizeof words);
    if (entry->entries_each > 1 && entry->image == entry->image_last) {
        char text[CELL_BYTES];
        snprintf(text, sizeof text, "one leaf in %" PRIu64 " equal entries", entry->entries_each);
        note(notes, text);
    }
    if (entry->kind == PT_LEAF)
        note_leaf(notes, leaves, entry);
    if (entry->pointer_cached)
        note(notes, "cached");
    note_cached(notes, entry);
    int used = printf("  %-*s  %016" PRIx64 "  %-*s  %-*s  %-*s  %s", printing->width[COLUMN_INDEX],
                      cells[COLUMN_INDEX], entry->image, printing->width[COLUMN_IOVA], cells[COLUMN_IOVA],
                      printing->width[COLUMN_TARGET], cells[COLUMN_TARGET], printing->width[COLUMN_SIZE],
                      cells[COLUMN_SIZE], words);
    if (notes[0] && used + 3 + (int)strlen(notes) <= LINE_COLUMNS)
        printf("   %s", notes);
    else if (notes[0])
        printf("\n  %-*s  %s", printing->width[COLUMN_INDEX], "", notes);
    putchar('\n');
    if (entry->count == 1 && entry->entries_each > 1 && entry->image != entry->image_last)
        print_last_entry(printing, entry);
}

/* ---- caches ---- */

static void print_shape(uint64_t entries, uint64_t ways)
{
    if (ways == 0 || ways == entries)
        printf("%" PRIu64 " entries, fully associative", entries);
    else if (ways == 1)
        printf("%" PRIu64 " entries, direct mapped", entries);
    else
        printf("%" PRIu64 " entries, %" PRIu64 " sets of %" PRIu64 " ways", entries, entries / ways, ways);
}

/* "5 valid, 4 of them here" */
static void print_number(uint64_t all, uint64_t shown, const char *what)
{
    printf("%" PRIu64 " %s", all, what);
    if (shown != all)
        printf(", %" PRIu64 " of them here", shown);
}

static void print_iotlb_title(const struct printing *printing)
{
    const struct cell_config *config = printing->view->seen->cell->config;
    static const char *const replacements[] = {"lru", "fifo", "plru", "random"};
    printf("\nIOTLB  ");
    if (config->iotlb.entries == 0) {
        printf("none\n");
        return;
    }
    print_shape(config->iotlb.entries, config->iotlb.ways);
    bool by_age =
        config->iotlb.replacement == REPLACEMENT_LRU || config->iotlb.replacement == REPLACEMENT_FIFO;
    printf(", %s; ", replacements[config->iotlb.replacement]);
    print_number(printing->totals.cached, printing->cached, "valid");
    printf("%s\n", printing->cached == 0 ? "" : by_age ? "; as set.age, 0 the newest" : "; as set.way");
}

static void print_atcs_title(struct printing *printing)
{
    const struct cell_config *config = printing->view->seen->cell->config;
    printing->atcs_titled = true;
    if (!config->ats.enabled)
        return;
    printf("\nATCs  each device: ");
    if (config->ats.entries == 0)
        printf("none");
    else
        print_shape(config->ats.entries, config->ats.ways);
    printf("; %" PRIu64 " device%s asked; ", printing->totals.atcs,
           printing->totals.atcs == 1 ? " has" : "s have");
    print_number(printing->totals.atc_entries, printing->atc_entries, "valid");
    printf("%s\n", printing->atc_entries == 0 ? "" : "; as device set.age, 0 the newest");
}

static void print_walk_title(struct printing *printing)
{
    const struct cell_config *config = printing->view->seen->cell->config;
    if (!printing->atcs_titled)
        print_atcs_title(printing);
    printing->walk_titled = true;
    printf("\nwalk caches  ");
    if (config->walk_cache.entries == 0) {
        printf("none\n");
        return;
    }
    printf("each level: ");
    print_shape(config->walk_cache.entries, config->walk_cache.ways);
    printf("; ");
    print_number(printing->totals.pointers, printing->pointers,
                 printing->totals.pointers == 1 ? "pointer in all" : "pointers in all");
    putchar('\n');
}

static void print_caches(void *context, const struct dump_totals *totals)
{
    struct printing *printing = context;
    printing->totals = *totals;
    if (!printing->measures)
        print_iotlb_title(printing);
}

static void print_cached(void *context, const struct dump_cached *cached)
{
    struct printing *printing = context;
    char size[HUMAN_BYTES], iova[CELL_BYTES], target[CELL_BYTES], place[CELL_BYTES];
    const struct tables *tables = printing->leaves->domains[printing->view->domain].tables;
    if (printing->measures) {
        printing->cached++;
        return;
    }
    human_bytes(UINT64_C(1) << cached->key.lg2, size);
    snprintf(place, sizeof place, "%" PRIu64 ".%" PRIu64, cached->set, cached->place);
    snprintf(iova, sizeof iova, "0x%" PRIx64, cached->key.span.first);
    snprintf(target, sizeof target, "0x%" PRIx64, cached->output);
    printf("  %-7s %-*s -> %-14s  %-6s  %-11s  %s", place, printing->width[COLUMN_IOVA], iova, target, size,
           cached->contents & ENTRY_MANAGED ? "managed" : "not managed", writes(cached));
    if (cached->stale)
        printf("; stale: %s", tables_find(tables, cached->key.span.first) ? "a new leaf stands there now"
                                                                          : "nothing is mapped there");
    putchar('\n');
}

static void print_atc(void *context, const struct dump_atc *atc)
{
    struct printing *printing = context;
    char size[HUMAN_BYTES], iova[CELL_BYTES], target[CELL_BYTES], place[CELL_BYTES];
    char device[TRACE_DEVICE_TEXT_BYTES];
    if (printing->measures) {
        printing->atc_entries++;
        return;
    }
    if (!printing->atcs_titled)
        print_atcs_title(printing);
    human_bytes(UINT64_C(1) << atc->key.lg2, size);
    snprintf(place, sizeof place, "%" PRIu64 ".%" PRIu64, atc->set, atc->age);
    snprintf(iova, sizeof iova, "0x%" PRIx64, atc->key.span.first);
    snprintf(target, sizeof target, "0x%" PRIx64, atc->output);
    printf("  %s %-7s %-*s -> %-14s  %-6s  %s%s\n", trace_device_format(atc->device, device), place,
           printing->width[COLUMN_IOVA], iova, target, size,
           atc->unseen      ? "writes pass unseen: the leaf is clean"
           : atc->may_write ? "writes pass"
                            : "a write asks",
           atc->stale ? "; stale: its leaf has gone" : "");
}

static void print_pointer(void *context, const struct dump_pointer *pointer)
{
    struct printing *printing = context;
    char size[HUMAN_BYTES], iova[CELL_BYTES];
    if (printing->measures) {
        printing->pointers++;
        return;
    }
    if (!printing->walk_titled)
        print_walk_title(printing);
    snprintf(iova, sizeof iova, "0x%" PRIx64, pointer->span.first);
    human_bytes(pointer->span.last - pointer->span.first + 1, size);
    printf("  level %u %-*s ", pointer->level, printing->width[COLUMN_IOVA], iova);
    if (pointer->stands)
        printf("-> table 0x%" PRIx64 ", %s\n", pointer->address, size);
    else
        printf("-> no table stands there now, %s: a walk reads one absent entry\n", size);
}

/* ---- the head ---- */

static void print_tracking(const struct tables_view *view)
{
    const struct leaves *leaves = &view->seen->cohort->leaves;
    const struct cell_config *config = leaves->config;
    const struct pt_format *format = leaves->format;
    char start[UNITS_TEXT_BYTES], stop[UNITS_TEXT_BYTES];
    units_format_time(config->tracking.start_ns, start);
    printf("  %-12s %s, ", "tracking", config->tracking.method->name);
    if (leaves->phase == PHASE_BEFORE)
        printf("not before %s", start);
    else if (leaves->phase == PHASE_TRACKING)
        printf("since %s", start);
    else
        printf("stopped at %s", units_format_time(config->tracking.stop_ns, stop));
    if (strcmp(format->accessed_switch, format->dirty_switch) == 0)
        printf("; %s %s\n", format->dirty_switch, leaves->switches.dirty ? "on" : "off");
    else
        printf("; %s %s, %s %s\n", format->accessed_switch, leaves->switches.accessed ? "on" : "off",
               format->dirty_switch, leaves->switches.dirty ? "on" : "off");
    printf("  %-12s ", "ranges");
    if (!leaves->ranges_given)
        printf("every mapped page is tracked");
    for (size_t i = 0; leaves->ranges_given && i < leaves->ranges.count && i < NAMED; i++)
        printf("%s0x%" PRIx64 " to 0x%" PRIx64, i > 0 ? ", " : "", leaves->ranges.spans[i].first,
               leaves->ranges.spans[i].last);
    if (leaves->ranges_given && leaves->ranges.count > NAMED)
        printf(", and %zu more", leaves->ranges.count - NAMED);
    putchar('\n');
    printf("  %-12s %" PRIu64 " page%s written while tracked and not reported since%s\n", "T",
           leaves->true_count, leaves->true_count == 1 ? "" : "s",
           leaves->domain_count > 1 ? ", in all domains" : "");
}

static void print_device(uint16_t device, const char *before)
{
    char text[TRACE_DEVICE_TEXT_BYTES];
    printf("%s%u (%s)", before, device, trace_device_format(device, text));
}

static void print_domain(const struct tables_view *view)
{
    const struct attachment *attachment = view->seen->attachment;
    uint64_t named = 0, rest;
    printf("  %-12s", "domain");
    if (attachment->devices) {
        print_device(attachment->devices[view->domain], " of device ");
        for (uint32_t d = 0; d < attachment->trace.domain_count && named < NAMED; d++)
            if (d != view->domain)
                print_device(attachment->devices[d], named++ == 0 ? "; others (--domain) of " : ", ");
        rest = attachment->trace.domain_count - 1 - named;
    } else {
        for (uint32_t device = 0; device <= UINT16_MAX && named < NAMED; device++)
            if (tables_is_attached(view, (uint16_t)device))
                print_device((uint16_t)device, named++ == 0 ? " of all devices: " : ", ");
        rest = attachment->trace.device_count - named;
    }
    if (rest > 0)
        printf(" and %" PRIu64 " more", rest);
    putchar('\n');
}

static void print_counts(const struct tables_view *view)
{
    const struct cohort *cohort = view->seen->cohort;
    const struct tables_count *count = tables_count(cohort->leaves.domains[view->domain].tables);
    char bytes[HUMAN_BYTES];
    human_bytes(count->table_bytes, bytes);
    printf("  %-12s %" PRIu64 " lea%s in %" PRIu64 " table%s, %s", "tables", count->leaves,
           count->leaves == 1 ? "f" : "ves", count->tables, count->tables == 1 ? "" : "s", bytes);
    if (cohort->deferred && cohort->deferred[view->domain].unmaps > 0)
        printf("; unmaps that wait for their flush: %" PRIu32, cohort->deferred[view->domain].unmaps);
    putchar('\n');
    printf("  %-12s of tables are made up: the root its own size, the others in order of this list\n",
           "addresses");
    if (view->range_given)
        printf("  %-12s 0x%" PRIx64 " to 0x%" PRIx64 "\n", "shown", view->range.first, view->range.last);
}

static void print_head(const struct tables_view *view)
{
    const struct cli_loaded *loaded = view->loaded;
    const struct results_row *row = &loaded->results.rows[view->row];
    const struct cohort *cohort = view->seen->cohort;
    const struct pt_geometry *geometry = &cohort->leaves.geometry;
    char time[UNITS_TEXT_BYTES], granule[HUMAN_BYTES];
    human_bytes(UINT64_C(1) << geometry->granule_lg2, granule);
    printf("%s   %s\n", loaded->experiment->name, loaded->experiment->file);
    printf("  %-12s %zu of %zu, %s: %s\n", "cell", row->cell, loaded->plan->cell_count, row->id,
           loaded->plan->cells[row->cell].label);
    printf("  %-12s %s, %" PRIu64 " of %" PRIu64 " records\n", "trace",
           loaded->results.traces[row->trace].name, cohort->volume.records, view->seen->facts->records);
    printf("  %-12s %s after the first record%s\n", "time", units_format_time(view->seen->time_ns, time),
           view->at_end ? ": the end, before the final harvest" : "");
    printf("  %-12s %s, %u levels, granule %s, %u bits of IOVA\n", "model", cohort->leaves.format->name,
           geometry->levels, granule, geometry->iova_bits);
    print_tracking(view);
    print_domain(view);
    print_counts(view);
}

bool tables_print_text(const struct tables_view *view, struct error *error)
{
    struct printing printing = {.view = view, .leaves = &view->seen->cohort->leaves, .measures = true};
    struct dump_visitor visitor = {&printing,    print_table,  print_entry,
                                   print_caches, print_cached, print_atc,  print_pointer};
    if (!dump_domain(view->seen, view->domain, view->range, &visitor, error))
        return false;
    printing.measures = false;
    print_head(view);
    print_columns(&printing);
    if (!dump_domain(view->seen, view->domain, view->range, &visitor, error))
        return false;
    if (!printing.walk_titled)
        print_walk_title(&printing);
    return true;
}
