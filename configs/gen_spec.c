#include "configs/gen_spec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "configs/gen_keys.h"
#include "configs/key.h"
#include "configs/yaml.h"
#include "sim/base/memory.h"
#include "sim/base/rng.h"
#include "sim/base/units.h"

enum { TEXT_BYTES = 512, TENANT_BYTES = 2 << 20, WRAP_COLUMNS = 76, CYCLES_LIMIT = 1000000000 };

_Static_assert(sizeof(enum gen_pattern) == sizeof(unsigned), "choices are stored as unsigned");

struct loading {
    struct gen_spec *spec;
    struct error_list *messages;
    struct place start;
    uint64_t seed; /* state of the draws for streams without a seed */
    size_t streams;
};

/* ---- words and numbers ---- */

static const char *scalar(const struct loading *loading, const struct node *node, const char *path)
{
    if (node->kind == NODE_SCALAR && *node->text)
        return node->text;
    error_list_add(loading->messages, node->place, path, "%s",
                   node->kind == NODE_SCALAR ? "has no value" : "one value is expected");
    return NULL;
}

/* An optional count or time of the spec or a phase, at least 1. */
static void read_limit(const struct loading *loading, const struct node *map, const char *key, bool time,
                       uint64_t *value)
{
    const struct node *node = node_get(map, key);
    const char *text = node ? scalar(loading, node, key) : NULL;
    struct error cause = {0};
    uint64_t read;
    if (!text)
        return;
    if (!(time ? units_parse_cost(text, &read, &cause) : units_parse_integer(text, &read, &cause)))
        error_list_add(loading->messages, node->place, key, "%s", cause.text);
    else if (read == 0)
        error_list_add(loading->messages, node->place, key, "must be more than 0");
    else if (time && read >= GEN_TIME_LIMIT_PS)
        error_list_add(loading->messages, node->place, key, "is more than 106 days");
    else
        *value = read;
}

static void check_keys(const struct loading *loading, const struct node *map, const char *where,
                       const char *const known[], size_t count)
{
    for (size_t i = 0; i < map->count; i++) {
        size_t k = 0;
        while (k < count && strcmp(map->pairs[i].key, known[k]) != 0)
            k++;
        if (k < count)
            continue;
        const char *nearest = key_nearest(map->pairs[i].key, known, count);
        char path[TEXT_BYTES];
        snprintf(path, sizeof path, "%s%.100s", where, map->pairs[i].key);
        error_list_add(loading->messages, map->pairs[i].place, path, "unknown key%s%s%s",
                       nearest ? "; did you mean \"" : "; dirtywalk trace gen --keys lists all",
                       nearest ? nearest : "", nearest ? "\"?" : "");
    }
}

/* ---- streams ---- */

static const struct gen_key *find_key(const char *name)
{
    for (size_t k = 0; k < GEN_KEYS; k++)
        if (strcmp(gen_keys[k].name, name) == 0)
            return &gen_keys[k];
    return NULL;
}

static void read_key(const struct loading *loading, const struct node *map, const struct gen_key *key,
                     struct gen_draft *draft)
{
    const struct node *node = node_get(map, key->name);
    char path[TEXT_BYTES];
    struct error cause = {0};
    if (!node) {
        if (key->text)
            gen_key_parse(key, key->text, draft, NULL);
        return;
    }
    snprintf(path, sizeof path, "streams.%s", key->name);
    const char *text = scalar(loading, node, path);
    if (text && !gen_key_parse(key, text, draft, &cause))
        error_list_add(loading->messages, node->place, path, "%s", cause.text);
}

/* A key that the pattern or the arrivals do not look at would be a misunderstanding. */
static void check_use(const struct loading *loading, const struct node *map, const struct gen_stream *stream)
{
    for (size_t i = 0; i < map->count; i++) {
        const struct gen_key *key = find_key(map->pairs[i].key);
        char path[TEXT_BYTES];
        if (!key)
            continue;
        snprintf(path, sizeof path, "streams.%s", key->name);
        if (!(key->patterns >> stream->pattern & 1))
            error_list_add(loading->messages, map->pairs[i].place, path, "has no meaning for pattern: %s",
                           gen_pattern_names[stream->pattern]);
        else if (key->bursts && stream->arrivals != GEN_BURSTS)
            error_list_add(loading->messages, map->pairs[i].place, path, "has no meaning for arrivals: %s",
                           gen_arrivals_names[stream->arrivals]);
    }
}

static void compute_defaults(struct loading *loading, const struct node *map, struct gen_draft *draft)
{
    struct gen_stream *stream = &draft->stream;
    if (!node_get(map, "bytes"))
        stream->bytes = stream->pattern == GEN_NVME ? 4096 : 256;
    if (!node_get(map, "packet_least"))
        stream->packet_least_bytes = stream->packet_bytes;
    if (!node_get(map, "buffers"))
        stream->buffers = stream->recycle == GEN_FIXED ? stream->entries : 2 * stream->entries + stream->hold;
    if (!node_get(map, "tenant_spacing"))
        draft->tenant_spacing = (gen_stream_bytes(stream) + TENANT_BYTES - 1) & ~(uint64_t)(TENANT_BYTES - 1);
    if (!node_get(map, "seed"))
        stream->seed = rng_next(&loading->seed);
}

static void check_stream(const struct loading *loading, const struct node *map, const struct gen_draft *draft)
{
    const char *key;
    char text[TEXT_BYTES], path[TEXT_BYTES];
    struct gen_stream last = draft->stream;
    uint64_t others = draft->tenants - 1;
    if (gen_stream_check(&last, &key, text, sizeof text)) {
        if (last.device + others >= TRACE_DEVICES) {
            key = "tenants";
            snprintf(text, sizeof text, "%s", "need device ids above 65535");
        } else if (others > 0 && draft->tenant_spacing > (UINT64_MAX - last.iova) / others) {
            key = "tenants";
            snprintf(text, sizeof text, "%s", "need addresses that pass 2^64");
        } else {
            last.iova += others * draft->tenant_spacing;
            if (gen_stream_check(&last, &key, text, sizeof text))
                return;
        }
    }
    const struct node *node = node_get(map, key);
    snprintf(path, sizeof path, "streams.%s", key);
    error_list_add(loading->messages, node ? node->place : map->place, path, "%s", text);
}

/* One gen_stream per tenant. */
static void add_tenants(struct loading *loading, struct gen_phase *phase, size_t *capacity,
                        const struct gen_draft *draft, struct place place)
{
    loading->streams += draft->tenants;
    if (loading->streams > GEN_STREAMS_LIMIT) {
        error_list_add(loading->messages, place, "streams", "more than %d with all tenants",
                       GEN_STREAMS_LIMIT);
        return;
    }
    struct error cause = {0};
    if (!memory_grow(&phase->streams, capacity, phase->stream_count + draft->tenants, sizeof *phase->streams,
                     &cause)) {
        error_list_add(loading->messages, place, NULL, "%s", cause.text);
        return;
    }
    for (uint64_t t = 0; t < draft->tenants; t++) {
        struct gen_stream *stream = &phase->streams[phase->stream_count++];
        *stream = draft->stream;
        stream->device = (uint16_t)(stream->device + t);
        stream->iova += t * draft->tenant_spacing;
        stream->seed += t;
        if (stream->arrivals == GEN_CONSTANT)
            stream->start_ps += stream->interval_ps / draft->tenants * t;
    }
}

static void read_stream(struct loading *loading, const struct node *map, struct gen_phase *phase,
                        size_t *capacity)
{
    struct gen_draft draft = {0};
    const char *names[GEN_KEYS];
    if (map->kind != NODE_MAP) {
        error_list_add(loading->messages, map->place, "streams",
                       "keys are expected; write {pattern: uniform}");
        return;
    }
    for (size_t k = 0; k < GEN_KEYS; k++)
        names[k] = gen_keys[k].name;
    check_keys(loading, map, "streams.", names, GEN_KEYS);
    if (!node_get(map, "pattern")) {
        error_list_add(loading->messages, map->place, "streams.pattern",
                       "is required; write pattern: uniform");
        return;
    }
    size_t errors = loading->messages->error_count;
    for (size_t k = 0; k < GEN_KEYS; k++)
        read_key(loading, map, &gen_keys[k], &draft);
    if (loading->messages->error_count > errors)
        return;
    check_use(loading, map, &draft.stream);
    compute_defaults(loading, map, &draft);
    check_stream(loading, map, &draft);
    add_tenants(loading, phase, capacity, &draft, map->place);
}

/* ---- phases ---- */

static void read_streams(struct loading *loading, const struct node *map, struct gen_phase *phase)
{
    const struct node *streams = node_get(map, "streams");
    size_t capacity = 0;
    if (!streams || streams->kind != NODE_LIST || streams->count == 0) {
        error_list_add(loading->messages, streams ? streams->place : map->place, "streams",
                       "a list is expected; write streams: [{pattern: uniform}]");
        return;
    }
    for (size_t s = 0; s < streams->count; s++)
        read_stream(loading, streams->items[s], phase, &capacity);
}

static void read_phase(struct loading *loading, const struct node *map)
{
    static const char *const keys[] = {"duration", "records", "streams"};
    if (map->kind != NODE_MAP) {
        error_list_add(loading->messages, map->place, "phases",
                       "keys are expected; write duration and streams");
        return;
    }
    check_keys(loading, map, "phases.", keys, sizeof keys / sizeof *keys);
    struct gen_phase *phase = &loading->spec->phases[loading->spec->phase_count++];
    read_limit(loading, map, "duration", true, &phase->duration_ps);
    read_limit(loading, map, "records", false, &phase->records);
    if (phase->duration_ps == 0 && phase->records == 0)
        error_list_add(loading->messages, map->place, "phases",
                       "a phase needs a duration or a number of records");
    read_streams(loading, map, phase);
}

static bool make_phases(struct loading *loading, size_t count)
{
    struct error cause = {0};
    loading->spec->phases = memory_zeroed(count, sizeof *loading->spec->phases, &cause);
    if (!loading->spec->phases)
        error_list_add(loading->messages, loading->start, NULL, "%s", cause.text);
    return loading->spec->phases != NULL;
}

static void read_phases(struct loading *loading, const struct node *root)
{
    const struct node *phases = node_get(root, "phases"), *streams = node_get(root, "streams");
    const struct node *duration = node_get(root, "duration");
    if (!phases == !streams) {
        error_list_add(loading->messages, phases ? phases->place : loading->start, NULL,
                       "either streams or phases are required; write streams: [{pattern: uniform}]");
        return;
    }
    if (streams) {
        if (!make_phases(loading, 1))
            return;
        loading->spec->phase_count = 1;
        read_limit(loading, root, "duration", true, &loading->spec->phases[0].duration_ps);
        read_streams(loading, root, loading->spec->phases);
        if (!duration && !node_get(root, "records"))
            error_list_add(loading->messages, loading->start, NULL,
                           "the trace would not end; write records: 1000000 or duration: 10s");
        return;
    }
    if (duration)
        error_list_add(loading->messages, duration->place, "duration", "belongs to each of the phases");
    if (phases->kind != NODE_LIST || phases->count == 0) {
        error_list_add(loading->messages, phases->place, "phases", "a list is expected");
        return;
    }
    if (!make_phases(loading, phases->count))
        return;
    for (size_t p = 0; p < phases->count; p++)
        read_phase(loading, phases->items[p]);
}

/* ---- the file ---- */

static void read_root(struct loading *loading, const struct node *root)
{
    static const char *const keys[] = {"schema",   "seed",    "records", "cycles",
                                       "duration", "streams", "phases"};
    if (root->kind != NODE_MAP) {
        error_list_add(loading->messages, root->place, NULL, "keys are expected; begin with schema: 1");
        return;
    }
    check_keys(loading, root, "", keys, sizeof keys / sizeof *keys);
    const struct node *schema = node_get(root, "schema"), *seed = node_get(root, "seed");
    const char *text = schema ? scalar(loading, schema, "schema") : NULL;
    if (!schema)
        error_list_add(loading->messages, loading->start, "schema", "is required; write schema: 1");
    else if (text && strcmp(text, "1") != 0)
        error_list_add(loading->messages, schema->place, "schema", "\"%.60s\" is not known; write schema: 1",
                       text);
    text = seed ? scalar(loading, seed, "seed") : NULL;
    struct error cause = {0};
    loading->seed = 1;
    if (text && !units_parse_integer(text, &loading->seed, &cause))
        error_list_add(loading->messages, seed->place, "seed", "%s", cause.text);
    loading->spec->records = UINT64_MAX;
    loading->spec->cycles = 1;
    read_limit(loading, root, "records", false, &loading->spec->records);
    read_limit(loading, root, "cycles", false, &loading->spec->cycles);
    if (loading->spec->cycles > CYCLES_LIMIT)
        error_list_add(loading->messages, node_get(root, "cycles")->place, "cycles", "is more than %d",
                       CYCLES_LIMIT);
    read_phases(loading, root);
}

/* All of the file, up to one byte more than YAML may have. */
static char *read_file(const char *path, size_t *length, struct error_list *messages)
{
    struct place place = {.file = path};
    FILE *file = fopen(path, "rb");
    char *text = file ? malloc(YAML_BYTES_MAX + 1) : NULL;
    *length = text ? fread(text, 1, YAML_BYTES_MAX + 1, file) : 0;
    if (!file || !text || ferror(file)) {
        error_list_add(messages, place, NULL, "cannot read it: %s", strerror(errno));
        free(text);
        text = NULL;
    }
    if (file)
        fclose(file);
    return text;
}

bool gen_spec_load(const char *path, struct gen_spec **spec, struct error_list *messages)
{
    size_t length;
    char *text = read_file(path, &length, messages);
    if (!text)
        return false;
    struct loading loading = {.messages = messages, .start = {path, 1, 1}};
    struct node *root = yaml_parse(text, length, loading.start, messages);
    loading.spec = memory_zeroed(1, sizeof *loading.spec, NULL);
    if (root && loading.spec)
        read_root(&loading, root);
    else if (!loading.spec)
        error_list_add(messages, loading.start, NULL, "out of memory");
    node_free(root);
    free(text);
    if (!root || error_list_any(messages)) {
        gen_spec_free(loading.spec);
        return false;
    }
    *spec = loading.spec;
    return true;
}

void gen_spec_free(struct gen_spec *spec)
{
    if (!spec)
        return;
    for (size_t p = 0; p < spec->phase_count; p++)
        memory_free(spec->phases[p].streams);
    memory_free(spec->phases);
    memory_free(spec);
}

/* ---- documentation ---- */

/* `text` under `indent` spaces, broken between words. */
static void print_wrapped(FILE *out, const char *text, int indent)
{
    int column = 0;
    while (*text) {
        int length = (int)strcspn(text, " ");
        if (column > 0 && column + 1 + length > WRAP_COLUMNS) {
            putc('\n', out);
            column = 0;
        }
        column += column == 0 ? fprintf(out, "%*s%.*s", indent, "", length, text)
                              : fprintf(out, " %.*s", length, text);
        text += length;
        text += strspn(text, " ");
    }
    putc('\n', out);
}

static void print_patterns(FILE *out, const struct gen_key *key)
{
    bool first = true;
    for (unsigned p = 0; p < GEN_PATTERN_COUNT; p++)
        if (key->patterns >> p & 1) {
            fprintf(out, "%s%s", first ? " [" : " ", gen_pattern_names[p]);
            first = false;
        }
    putc(']', out);
}

void gen_spec_print_keys(FILE *out)
{
    fputs("schema: 1           required\n"
          "seed: 1             of all streams that have none of their own\n"
          "records: N          the trace ends here at the latest\n"
          "duration: TIME      with streams: the trace ends here at the latest\n"
          "streams: [...]      what happens at the same time, or\n"
          "phases: [...]       what happens one after another, each {duration: TIME, records: N, streams: "
          "[...]};\n"
          "                    a phase by records ends with its last record; patterns go on where they were\n"
          "cycles: 1           how often the phases come\n"
          "\n"
          "An event is one access, packet or command; all its records have its time. Streams that have an "
          "event\n"
          "at the same time come in the order of the spec. Keys of a stream:\n",
          out);
    unsigned all = (1U << GEN_PATTERN_COUNT) - 1;
    for (size_t k = 0; k < GEN_KEYS; k++) {
        const struct gen_key *key = &gen_keys[k];
        fprintf(out, "\n%s: %s%s%s", key->name, key->text ? key->text : "(", key->text ? "" : key->fallback,
                key->text ? "" : ")");
        if (key->patterns != all)
            print_patterns(out, key);
        if (key->bursts)
            fputs(" [arrivals: bursts]", out);
        putc('\n', out);
        print_wrapped(out, key->help, 4);
    }
}
