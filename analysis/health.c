#include "analysis/health.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "analysis/doc.h"
#include "sim/base/units.h"
#include "sim/mapping/mapping.h"
#include "sim/policy/policy.h"
#include "sim/tracking/tracking.h"

/* What is looked at: a resolved cell and what it gave. */
struct look {
    const struct cell_config *config;
    const struct metrics *m;
    const struct observations *seen;
    char *text; /* the sentence */
};

static void say(const struct look *look, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void say(const struct look *look, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(look->text, sizeof((struct cell_finding *)0)->sentence, format, args);
    va_end(args);
}

static double share(uint64_t part, uint64_t whole)
{
    return whole > 0 ? (double)part / (double)whole : 0;
}

/* "12.3 %", and never 0 or 100 of what is not. */
static const char *percent(double part, char text[16])
{
    if (part > 0 && part < 0.001)
        return "less than 0.1 %";
    if (part < 1 && part > 0.999)
        return "more than 99.9 %";
    snprintf(text, 16, "%.1f %%", 100 * part);
    return text;
}

static const char *plural(uint64_t count)
{
    return count == 1 ? "" : "s";
}

/* A time to three digits. */
static const char *about(uint64_t ns, char text[UNITS_TEXT_BYTES])
{
    static const char *const units[] = {"ns", "us", "ms", "s"};
    double value = (double)ns;
    size_t unit = 0;
    for (; unit < 3 && value >= 1000; unit++)
        value /= 1000;
    snprintf(text, UNITS_TEXT_BYTES, "%.3g %s", value, units[unit]);
    return text;
}

/* ---- kinds: how bad it is, 0 where it is not; the sentence ---- */

static double empty_trace(const struct look *look)
{
    if (look->m->records > 0)
        return 0;
    say(look, look->m->migrates && !look->m->trace_exhausted ? "the migration ended before the first record"
                                                             : "the trace has no records: every number is 0");
    return 1;
}

static double nothing_mapped(const struct look *look)
{
    if (!look->config->mapping.source->follows_trace || look->config->mapping.region_count > 0 ||
        look->m->maps > 0 || look->m->requests == 0)
        return 0;
    say(look, "the trace has no map records and the experiment no regions: nothing is ever mapped, every request faults");
    return 1;
}

static double unmapped(const struct look *look)
{
    double part = share(look->m->faults_translation, look->m->requests);
    char text[16];
    if (part > 0 && nothing_mapped(look) == 0)
        say(look,
            "%s of the requests (%" PRIu64 " of %" PRIu64 ") met no mapping, the first at IOVA 0x%" PRIx64,
            percent(part, text), look->m->faults_translation, look->m->requests, look->seen->first_unmapped);
    return nothing_mapped(look) == 0 ? part : 0;
}

static double beyond_width(const struct look *look)
{
    if (look->seen->beyond_width)
        say(look, "touched addresses lie beyond the IOVA width and fault");
    return (double)look->seen->beyond_width;
}

static double refused(const struct look *look)
{
    double part = share(look->m->faults_permission, look->m->requests);
    char text[16];
    if (part > 0)
        say(look,
            "%s of the requests (%" PRIu64 " of %" PRIu64 ") were refused, the first at IOVA 0x%" PRIx64,
            percent(part, text), look->m->faults_permission, look->m->requests, look->seen->first_refused);
    return part;
}

static double aliased(const struct look *look)
{
    if (look->seen->aliased_maps > 0)
        say(look,
            "devices use the same IOVAs for different memory (%" PRIu64 " map%s, the first at IOVA 0x%" PRIx64
            "), and one domain holds them all: their pages are counted as one",
            look->seen->aliased_maps, plural(look->seen->aliased_maps), look->seen->first_aliased);
    return (double)look->seen->aliased_maps;
}

static double conflicts(const struct look *look)
{
    uint64_t changes = look->m->maps + look->m->unmaps;
    if (look->m->map_conflicts > 0)
        say(look,
            "%" PRIu64 " of %" PRIu64 " map and unmap records met pages that were mapped already, or not mapped",
            look->m->map_conflicts, changes);
    return share(look->m->map_conflicts, changes);
}

static double ignored_maps(const struct look *look)
{
    if (look->seen->ignored_map_records)
        say(look,
            "the trace has %" PRIu64 " map and %" PRIu64
            " unmap records; static and touched mappings count them and do nothing",
            look->m->maps, look->m->unmaps);
    return (double)look->seen->ignored_map_records;
}

static double ignored_translates(const struct look *look)
{
    if (look->seen->ignored_translates)
        say(look, "the trace has %" PRIu64 " translate records; without ATS they are counted and do nothing",
            look->m->translates);
    return (double)look->seen->ignored_translates;
}

static double untouched_regions(const struct look *look)
{
    uint64_t regions = look->config->mapping.region_count;
    if (look->seen->untouched_regions > 0 && look->m->records > 0)
        say(look,
            "%" PRIu64 " of %" PRIu64 " mapped regions %s never accessed, the first at IOVA 0x%" PRIx64,
            look->seen->untouched_regions, regions, look->seen->untouched_regions == 1 ? "is" : "are",
            look->seen->first_untouched);
    return look->m->records > 0 ? share(look->seen->untouched_regions, regions) : 0;
}

static double never_started(const struct look *look)
{
    char span[UNITS_TEXT_BYTES], start[UNITS_TEXT_BYTES];
    uint64_t start_ns = look->config->tracking.start_ns;
    if (look->m->records == 0 || look->m->span_ns >= start_ns)
        return 0;
    say(look, "the trace lasts %s and ends before tracking starts, at %s: nothing was tracked",
        units_format_time(look->m->span_ns, span), units_format_time(start_ns, start));
    return 1;
}

static double before_start(const struct look *look)
{
    double part = share(look->seen->writes_before_start, look->m->writes);
    char text[16];
    if (part > 0 && never_started(look) == 0)
        say(look, "%s of the writes (%" PRIu64 " of %" PRIu64 ") come before tracking starts",
            percent(part, text), look->seen->writes_before_start, look->m->writes);
    return never_started(look) == 0 ? part : 0;
}

static double after_stop(const struct look *look)
{
    double part = share(look->seen->writes_after_stop, look->m->writes);
    char text[16];
    if (part > 0)
        say(look, "%s of the writes (%" PRIu64 " of %" PRIu64 ") come after tracking stops",
            percent(part, text), look->seen->writes_after_stop, look->m->writes);
    return part;
}

static double no_writes(const struct look *look)
{
    if (look->m->records == 0 || look->m->writes > 0)
        return 0;
    say(look, "the trace has no writes: there is nothing to track");
    return 1;
}

static double no_marks(const struct look *look)
{
    if (!look->config->harvest.policy->at_marks || look->m->marks > 0 || look->m->records == 0)
        return 0;
    say(look,
        "harvest.policy is marks, and the trace has no mark records: there is at most the final harvest");
    return 1;
}

/* Costs of a harvest against the time between two. */
static double slow_harvests(const struct look *look)
{
    char each[UNITS_TEXT_BYTES], interval[UNITS_TEXT_BYTES];
    if (look->config->harvest.timing == TIMING_TIMED) {
        if (look->m->harvest_overruns > 0)
            say(look,
                "%" PRIu64 " deadline%s came while a harvest was under way, and %s dropped (%" PRIu64
                " harvest%s ran)",
                look->m->harvest_overruns, plural(look->m->harvest_overruns),
                look->m->harvest_overruns == 1 ? "was" : "were", look->m->harvests, plural(look->m->harvests));
        return share(look->m->harvest_overruns, look->m->harvests);
    }
    bool periodic = look->config->harvest.policy->first && !look->config->harvest.policy->migrates;
    if (!periodic || look->m->harvests == 0)
        return 0;
    uint64_t each_ns = (look->m->harvest_ns + look->m->flush_ns) / look->m->harvests;
    double ratio = share(each_ns, look->config->harvest.interval_ns);
    if (ratio <= 1)
        return 0;
    say(look, "a harvest costs %s on average, more than the %s between two: no software could keep that pace",
        about(each_ns, each), units_format_time(look->config->harvest.interval_ns, interval));
    return ratio;
}

static double unmapped_dirty(const struct look *look)
{
    double part = share(look->m->unmapped_dirty_pages, look->m->truth_pages);
    char text[16];
    if (part <= 0.01)
        return 0;
    say(look, "%s of the pages written are unmapped before a harvest sees them", percent(part, text));
    return part;
}

static double lost(const struct look *look)
{
    uint64_t pages = look->m->lost_pages;
    if (look->m->migrates || !tracking_reports(look->config->tracking.method)) /* a method that is to report nothing */
        return 0;
    if (pages > 0)
        say(look, "%" PRIu64 " written page%s never reported: a migration would lose %s", pages,
            pages == 1 ? " is" : "s are", pages == 1 ? "it" : "them");
    return (double)pages;
}

static double exhausted(const struct look *look)
{
    if (!look->m->migrates || !look->m->trace_exhausted || look->m->rounds == 0)
        return 0;
    say(look, "the trace ended before the migration did: its last rounds saw no writes");
    return 1;
}

static double short_trace(const struct look *look)
{
    if (look->seen->short_trace)
        say(look, "the trace ended before limits.records");
    return (double)look->seen->short_trace;
}

static double cut(const struct look *look)
{
    if (look->config->limit_records == UINT64_MAX || look->m->records != look->config->limit_records)
        return 0;
    say(look, "the replay stopped at limits.records, %" PRIu64, look->m->records);
    return 1;
}

/* When a kind can be told. */
enum told {
    TOLD_BEFORE, /* from the counts of the trace's records */
    TOLD_IN_PART, /* from the first records of a replay: they are enough */
    TOLD_AFTER   /* when all has been replayed */
};

struct kind {
    const char *name;
    double (*look)(const struct look *look);
    enum told told;
    const char *remedy;
    bool note; /* asked for, and only to be remembered */
};

/* clang-format off */
#define WARNING(name, told, remedy) {#name, name, told, remedy, false}
#define NOTE(name, told, remedy) {#name, name, told, remedy, true}
static const struct kind kinds[] = {
    WARNING(empty_trace, TOLD_BEFORE, "look at it with `dirtywalk trace info`"),
    WARNING(nothing_mapped, TOLD_BEFORE, "give mapping.regions, or use mapping.source touched"),
    WARNING(unmapped, TOLD_IN_PART, "map these addresses: mapping.regions, mapping.source touched, or a recording that begins "
                                    "before the maps do"),
    WARNING(beyond_width, TOLD_IN_PART, "raise iommu.levels or iommu.address_bits"),
    WARNING(refused, TOLD_IN_PART, "such accesses write nothing and are no truth; map the range read-write if they should"),
    WARNING(aliased, TOLD_IN_PART, "write domains: per_device"),
    WARNING(conflicts, TOLD_IN_PART, "write domains: per_device where devices have addresses of their own, else a recording that "
                                     "begins before the maps do"),
    WARNING(ignored_maps, TOLD_BEFORE, "use mapping.source trace to follow them"),
    WARNING(ignored_translates, TOLD_BEFORE, "write ats: {enabled: true}"),
    WARNING(untouched_regions, TOLD_AFTER, "check their addresses; scanning them costs although nothing happens there"),
    WARNING(never_started, TOLD_BEFORE, "lower tracking.start"),
    WARNING(before_start, TOLD_AFTER, "lower tracking.start, or read the counts as those of the rest"),
    WARNING(after_stop, TOLD_AFTER, "raise tracking.stop, or read the counts as those of the part before"),
    WARNING(no_writes, TOLD_BEFORE, "use a trace of a device that writes"),
    WARNING(no_marks, TOLD_BEFORE, "use harvest.policy periodic, or add marks to the trace"),
    WARNING(slow_harvests, TOLD_IN_PART, "raise harvest.interval or use larger leaves"),
    WARNING(unmapped_dirty, TOLD_IN_PART, "write harvest: {before_unmap: true} to read them before they go"),
    WARNING(lost, TOLD_AFTER, "flush after harvests (harvest.flush) and unmaps (mapping.unmap_flush), keep harvest.final, and "
                              "use a tracking.method and iommu.dbm that track"),
    WARNING(exhausted, TOLD_AFTER, "use a longer trace, a faster link or an earlier start"),
    WARNING(short_trace, TOLD_BEFORE, "these cells are shorter than the others; lower limits.records"),
    NOTE(cut, TOLD_BEFORE, "leave limits out to replay the whole trace"),
};
/* clang-format on */
enum { KINDS = sizeof kinds / sizeof *kinds };
_Static_assert((int)KINDS <= (int)HEALTH_KINDS_MAX, "findings are indexed by kind");

_Static_assert((int)KINDS <= (int)(sizeof((struct cell_record *)0)->findings / sizeof(struct cell_finding)),
               "a cell may have every kind");

static void look_at(const struct cell_config *config, struct cell_record *record, enum told from, enum told until)
{
    record->finding_count = 0;
    for (size_t k = 0; k < KINDS && !record->failed; k++) {
        if (kinds[k].told < from || kinds[k].told > until)
            continue;
        struct cell_finding *finding = &record->findings[record->finding_count];
        struct look look = {config, &record->metrics, &record->seen, finding->sentence};
        finding->grade = kinds[k].look(&look);
        snprintf(finding->kind, sizeof finding->kind, "%s", kinds[k].name);
        record->finding_count += finding->grade > 0;
    }
}

void health_look(const struct cell_config *config, struct cell_record *record)
{
    look_at(config, record, TOLD_BEFORE, TOLD_AFTER);
}

void health_foresee(const struct cell_config *config, const struct trace_facts *facts, struct cell_record *record)
{
    struct metrics *m = &record->metrics;
    m->records = facts->records;
    m->reads = facts->records_by_op[TRACE_READ];
    m->writes = facts->records_by_op[TRACE_WRITE];
    m->maps = facts->records_by_op[TRACE_MAP] + facts->records_by_op[TRACE_MAP_RO];
    m->unmaps = facts->records_by_op[TRACE_UNMAP];
    m->translates = facts->records_by_op[TRACE_TRANSLATE] + facts->records_by_op[TRACE_TRANSLATE_W];
    m->requests = m->reads + m->writes + (config->ats.enabled ? m->translates : 0); /* or more; 0 if 0 */
    m->marks = facts->records_by_op[TRACE_MARK];
    m->span_ns = facts->last_time_ns - facts->first_time_ns;
    m->migrates = config->harvest.policy->migrates;
    m->trace_exhausted = m->records == 0; /* whatever the migration would do */
    record->seen.short_trace = config->limit_records != UINT64_MAX && facts->records < config->limit_records;
    record->seen.ignored_map_records = !config->mapping.source->follows_trace && m->maps + m->unmaps > 0;
    record->seen.ignored_translates = m->translates > 0 && !config->ats.enabled;
    look_at(config, record, TOLD_BEFORE, TOLD_BEFORE);
}

void health_look_in_part(const struct cell_config *config, struct cell_record *record)
{
    look_at(config, record, TOLD_IN_PART, TOLD_IN_PART);
}

static const struct cell_finding *find(const struct cell_record *record, const char *kind)
{
    for (size_t f = 0; f < record->finding_count; f++)
        if (strcmp(record->findings[f].kind, kind) == 0)
            return &record->findings[f];
    return NULL;
}

void health_visit(struct health *health, const char *id, const char *label, const char *trace,
                  const struct cell_record *record)
{
    struct health_row row;
    snprintf(row.id, sizeof row.id, "%s", id);
    snprintf(row.text, sizeof row.text, "%.180s  %.70s", label, trace);
    for (size_t k = 0; k < KINDS; k++) {
        struct health_finding *finding = &health->findings[k];
        const struct cell_finding *noted = find(record, kinds[k].name);
        if (!noted)
            continue;
        if (finding->count < HEALTH_NAMED)
            finding->named[finding->count] = row;
        if (finding->count++ == 0 || noted->grade > finding->worst) {
            finding->worst = noted->grade;
            finding->worst_row = row;
            memcpy(finding->sentence, noted->sentence, sizeof finding->sentence);
        }
    }
}

size_t health_count(const struct health *health)
{
    size_t count = 0;
    for (size_t k = 0; k < KINDS; k++)
        count += health->findings[k].count > 0;
    return count;
}

void health_print(const struct health *health, bool notes, FILE *file)
{
    for (size_t k = 0; k < KINDS; k++) {
        const struct health_finding *finding = &health->findings[k];
        if (finding->count == 0 || (kinds[k].note && !notes))
            continue;
        fprintf(file, "%s   %zu cell%s: %s%s\n          %s\n", kinds[k].note ? "note   " : "warning",
                finding->count, finding->count == 1 ? "" : "s", finding->count == 1 ? "" : "at worst, ",
                finding->sentence, kinds[k].remedy);
        for (size_t n = 0; n < finding->count && n < HEALTH_NAMED; n++)
            fprintf(file, "            %s  %s\n", finding->named[n].id, finding->named[n].text);
        if (finding->count > HEALTH_NAMED)
            fprintf(file, "            and %zu more\n", finding->count - HEALTH_NAMED);
    }
}

struct json_t *health_doc(const struct health *health)
{
    struct json_t *list = doc_array();
    for (size_t k = 0; k < KINDS; k++) {
        const struct health_finding *finding = &health->findings[k];
        if (finding->count == 0)
            continue;
        struct json_t *object = doc_put(doc_object(), "kind", doc_string(kinds[k].name));
        object = doc_put(object, "sentence", doc_string(finding->sentence));
        object = doc_put(object, "remedy", doc_string(kinds[k].remedy));
        object = doc_put(object, "cells", doc_integer(finding->count));
        object = doc_put(object, "worst", doc_string(finding->worst_row.id));
        struct json_t *examples = doc_array();
        for (size_t n = 0; n < finding->count && n < HEALTH_NAMED; n++)
            examples = doc_add(examples, doc_string(finding->named[n].id));
        list = doc_add(list, doc_put(object, "examples", examples));
    }
    return list;
}
