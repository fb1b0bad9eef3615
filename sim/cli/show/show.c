#include "sim/cli/show/show.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "analysis/outfile.h"
#include "configs/key.h"
#include "sim/base/memory.h"
#include "sim/base/text_stream.h"
#include "sim/cli/show/pivot.h"

enum { GAP = 2, KEYS_MAX = 16 };

/* One line of the table: the rows that agree in the keys. */
struct line {
    size_t first, rows, failed;      /* of the frame */
    struct show_value *least, *most; /* by column */
};

struct table {
    const struct frame *frame;
    const struct show_options *options;
    size_t keys[KEYS_MAX], key_count;
    struct line *lines;
    size_t line_count;
    struct show_value *ends;              /* what the lines point into */
    bool *out;                            /* by column: not in the table */
    size_t key_widths[KEYS_MAX], *widths; /* of keys, by column */
};

/* ---- lines ---- */

static void widen(struct line *line, size_t column, const struct show_value *value)
{
    struct show_value *least = &line->least[column], *most = &line->most[column];
    if (!value->there)
        return;
    if (!least->there || value->number < least->number)
        *least = *value;
    if (!most->there || value->number > most->number)
        *most = *value;
}

static bool make_lines(struct table *table, struct error *error)
{
    const struct frame *frame = table->frame;
    size_t columns = frame->column_count;
    uint32_t *group = frame_partition(frame, table->keys, table->key_count, &table->line_count, error);
    table->lines = group ? memory_zeroed(table->line_count, sizeof *table->lines, error) : NULL;
    table->ends =
        table->lines ? memory_zeroed(2 * columns * table->line_count, sizeof *table->ends, error) : NULL;
    table->widths = table->ends ? memory_zeroed(columns, sizeof *table->widths, error) : NULL;
    table->out = table->widths ? memory_zeroed(columns, sizeof *table->out, error) : NULL;
    for (size_t r = 0; table->out && r < frame->row_count; r++) {
        struct line *line = &table->lines[group[r]];
        line->least = table->ends + 2 * columns * group[r];
        line->most = line->least + columns;
        if (line->rows++ == 0)
            line->first = r;
        line->failed += frame->rows[r].failed;
        for (size_t c = 0; c < columns; c++)
            widen(line, c, &frame->values[r * columns + c]);
    }
    memory_free(group);
    return table->out != NULL;
}

/* Who writes "interval" means "harvest.interval". */
static const char *same_word(const struct frame *frame, const char *word)
{
    for (size_t k = 0; k < frame->key_count; k++) {
        const char *dot = strchr(frame->keys[k].name, '.');
        if (dot && strcmp(dot + 1, word) == 0)
            return frame->keys[k].name;
    }
    return NULL;
}

static bool find_keys(struct table *table, struct error *error)
{
    const struct frame *frame = table->frame;
    const struct show_options *options = table->options;
    if (!options->by)
        return pivot_choose(frame, table->keys, &table->key_count, error);
    for (size_t b = 0; b < options->by_count; b++) {
        const char *words[256], *nearest;
        size_t count = 0;
        for (size_t k = 0; k < frame->key_count && count < sizeof words / sizeof *words; k++)
            words[count++] = frame->keys[k].name;
        size_t key = frame_find_key(frame, options->by[b]);
        if (key == SIZE_MAX) {
            nearest = same_word(frame, options->by[b]);
            nearest = nearest ? nearest : key_nearest(options->by[b], words, count);
            return error_set(error, ERROR_EXPERIMENT, "--by %s: error: no such key in these results%s%s%s",
                             options->by[b],
                             nearest ? "; did you mean \"" : "; they have the columns of plan.csv",
                             nearest ? nearest : "", nearest ? "\"?" : "");
        }
        if (table->key_count == KEYS_MAX)
            return error_set(error, ERROR_EXPERIMENT, "--by: error: more than %d keys; name fewer", KEYS_MAX);
        table->keys[table->key_count++] = key;
    }
    return true;
}

/* ---- CSV ---- */

static void print_csv(const struct table *table, FILE *file)
{
    const struct frame *frame = table->frame;
    bool single = table->line_count == frame->row_count;
    for (size_t k = 0; k < table->key_count; k++)
        fprintf(file, "%s,", frame->keys[table->keys[k]].column);
    fputs("rows,failed", file);
    for (size_t c = 0; c < frame->column_count; c++) {
        const char *name = frame->columns[c].name;
        if (single)
            fprintf(file, ",%s", name);
        else
            fprintf(file, ",%s_min,%s_max", name, name);
    }
    putc('\n', file);
    for (size_t l = 0; l < table->line_count; l++) {
        const struct line *line = &table->lines[l];
        for (size_t k = 0; k < table->key_count; k++) {
            const struct frame_key *key = &frame->keys[table->keys[k]];
            outfile_csv(file, key->words[key->at[line->first]]);
            putc(',', file);
        }
        fprintf(file, "%zu,%zu", line->rows, line->failed);
        for (size_t c = 0; c < frame->column_count; c++) {
            char text[COLUMN_TEXT_BYTES];
            show_value_csv(&frame->columns[c], &line->least[c], text);
            fprintf(file, ",%s", text);
            show_value_csv(&frame->columns[c], &line->most[c], text);
            if (!single)
                fprintf(file, ",%s", text);
        }
        putc('\n', file);
    }
}

/* ---- text ---- */

/* "harvest.interval" is headed by "harvest" and "interval". */
static void key_heads(const struct frame_key *key, char heads[2][COLUMN_HEAD_BYTES])
{
    const char *dot = strchr(key->name, '.'), *word = dot ? dot + 1 : key->name;
    snprintf(heads[0], COLUMN_HEAD_BYTES, "%.*s", dot ? (int)(dot - key->name) : 0, key->name);
    snprintf(heads[1], COLUMN_HEAD_BYTES, "%s", word);
    for (char *p = heads[1]; *p; p++)
        if (*p == '_')
            *p = ' ';
}

static void line_text(const struct table *table, const struct line *line, size_t column, bool first,
                      char text[COLUMN_TEXT_BYTES])
{
    if (line->failed == line->rows)
        snprintf(text, COLUMN_TEXT_BYTES, "%s", first ? "failed" : "");
    else
        show_range_text(&table->frame->columns[column], &line->least[column], &line->most[column], text);
}

/* Columns of a terminal that UTF-8 takes: its characters, each of width one. */
static size_t columns_of(const char *text, size_t bytes)
{
    size_t columns = 0;
    for (size_t at = 0; at < bytes; at++)
        columns += ((unsigned char)text[at] & 0xc0) != 0x80;
    return columns;
}

static size_t longer(size_t width, const char *text)
{
    size_t columns = columns_of(text, strlen(text));
    return columns > width ? columns : width;
}

static size_t measure_key(const struct table *table, size_t key)
{
    const struct frame_key *at = &table->frame->keys[key];
    char heads[2][COLUMN_HEAD_BYTES], word[FRAME_WORD_BYTES];
    key_heads(at, heads);
    size_t width = longer(strlen(heads[0]), heads[1]);
    for (size_t l = 0; l < table->line_count; l++) {
        frame_word(at, at->at[table->lines[l].first], word);
        width = longer(width, word);
    }
    return width;
}

static size_t measure_column(const struct table *table, size_t column)
{
    const struct show_column *at = &table->frame->columns[column];
    size_t width = longer(strlen(at->head[0]), at->head[1]);
    for (size_t l = 0; l < table->line_count; l++) {
        char text[COLUMN_TEXT_BYTES];
        line_text(table, &table->lines[l], column, true, text);
        width = longer(width, text);
    }
    return width;
}

static void measure(struct table *table)
{
    for (size_t k = 0; k < table->key_count; k++)
        table->key_widths[k] = measure_key(table, table->keys[k]);
    for (size_t c = 0; c < table->frame->column_count; c++)
        table->widths[c] = measure_column(table, c);
}

static size_t width_of_keys(const struct table *table)
{
    size_t width = 0;
    for (size_t k = 0; k < table->key_count; k++)
        width += table->key_widths[k] + GAP;
    return width;
}

/* Columns that say the same in every line become a word below; those that nothing has go. */
static void say_the_same_once(struct table *table, FILE *out)
{
    const struct frame *frame = table->frame;
    const char *between = frame->failed > 0 ? "others   " : "all rows ";
    for (size_t c = 0; c < frame->column_count; c++) {
        const struct show_column *column = &frame->columns[c];
        char first[COLUMN_TEXT_BYTES] = "", text[COLUMN_TEXT_BYTES];
        bool same = true;
        size_t some = 0; /* lines with rows that did not fail */
        for (size_t l = 0; same && l < table->line_count; l++) {
            if (table->lines[l].failed == table->lines[l].rows)
                continue;
            line_text(table, &table->lines[l], c, false, text);
            if (some++ == 0)
                memcpy(first, text, sizeof first);
            same = strcmp(first, text) == 0;
        }
        bool empty = strcmp(first, "-") == 0 || !*first;
        /* The first column says which lines failed. */
        table->out[c] = same && (empty || some > 1) && (frame->failed == 0 || c > 0);
        if (!table->out[c] || empty)
            continue;
        fprintf(out, "%s %s%s%s %s", between, column->head[0], *column->head[1] ? " " : "", column->head[1],
                first);
        between = ",";
    }
    if (*between == ',')
        putc('\n', out);
}

/* Columns make room by rank until the table is narrow enough. */
static void make_room(struct table *table, FILE *out)
{
    const struct frame *frame = table->frame;
    const char *between = "no room   for ";
    for (;;) {
        size_t width = width_of_keys(table), worst = SIZE_MAX, left = 0;
        for (size_t c = 0; c < frame->column_count; c++) {
            if (table->out[c])
                continue;
            width += table->widths[c] + GAP;
            left++;
            if (worst == SIZE_MAX || frame->columns[c].rank > frame->columns[worst].rank)
                worst = c;
        }
        if (width <= SHOW_WIDTH + GAP || left < 2)
            break;
        table->out[worst] = true;
        fprintf(out, "%s%s", between, frame->columns[worst].name);
        between = ", ";
    }
    if (*between == ',')
        fputs(" (--columns shows them)\n", out);
}

/* Lines whose first word hangs over the others, broken where they are too long. */
static void print_broken(const char *text, FILE *file)
{
    enum { HANG = 10 };
    size_t at = 0;
    for (const char *word = text; *word;) {
        size_t blanks = strspn(word, " "), length = strcspn(word + blanks, " \n");
        size_t columns = columns_of(word + blanks, length);
        if (at > HANG && at + blanks + columns > SHOW_WIDTH) {
            fprintf(file, "\n%*s", HANG, "");
            at = HANG;
            blanks = 0;
            word += strspn(word, " ");
        }
        fwrite(word, 1, blanks + length, file);
        at += blanks + columns;
        word += blanks + length;
        if (*word == '\n') {
            putc(*word++, file);
            at = 0;
        }
    }
}

static void print_keys(const struct table *table, const struct line *line, unsigned head, FILE *file)
{
    for (size_t k = 0; k < table->key_count; k++) {
        const struct frame_key *key = &table->frame->keys[table->keys[k]];
        char heads[2][COLUMN_HEAD_BYTES], word[FRAME_WORD_BYTES];
        key_heads(key, heads);
        if (line)
            frame_word(key, key->at[line->first], word);
        const char *text = line ? word : heads[head];
        fprintf(file, "%s%*s", text, (int)(table->key_widths[k] - columns_of(text, strlen(text))) + GAP, "");
    }
}

static bool print_line(const struct table *table, const struct line *line, unsigned head, size_t first,
                       size_t end, FILE *file, struct error *error)
{
    char *text = NULL;
    size_t bytes, filled = 0;
    FILE *out = text_open(&text, &bytes);
    if (out)
        print_keys(table, line, head, out);
    for (size_t c = first; out && c < end; c++) {
        char cell[COLUMN_TEXT_BYTES];
        if (table->out[c])
            continue;
        if (line)
            line_text(table, line, c, filled == 0, cell);
        else
            snprintf(cell, sizeof cell, "%s", table->frame->columns[c].head[head]);
        fprintf(out, "%*s%*s", (int)table->widths[c], cell, GAP, "");
        filled++;
    }
    if (!out || !text_close(out, &text))
        return error_set(error, ERROR_MEMORY, "error: no memory for the table");
    size_t length = strlen(text);
    while (length > 0 && text[length - 1] == ' ')
        text[--length] = '\0';
    fprintf(file, "%s\n", text);
    free(text);
    return true;
}

/* Columns from `first` on as far as they fit; *end is the next one. */
static bool print_block(const struct table *table, size_t first, size_t *end, FILE *file, struct error *error)
{
    const struct frame *frame = table->frame;
    size_t width = width_of_keys(table);
    bool any = false, good = true;
    for (*end = first; *end < frame->column_count; ++*end) {
        if (table->out[*end])
            continue;
        width += table->widths[*end] + GAP;
        if (any && width > SHOW_WIDTH + GAP)
            break;
        any = true;
    }
    for (unsigned head = 0; good && head < 2; head++)
        good = print_line(table, NULL, head, first, *end, file, error);
    for (size_t l = 0; good && l < table->line_count; l++)
        good = print_line(table, &table->lines[l], 0, first, *end, file, error);
    return good;
}

/* ---- the best and the worst ---- */

/* A row is the better the nearer it is to what was written, or the less it costs. */
static double badness(const struct show_column *column, const struct show_value *value)
{
    return strcmp(column->unit, "x") == 0 ? fabs(value->number - 1) : value->number;
}

static void print_extreme(const struct frame *frame, size_t column, bool worst, FILE *file)
{
    const struct show_column *at = &frame->columns[column];
    size_t found = SIZE_MAX, alike = 0;
    double extreme = 0;
    for (size_t r = 0; r < frame->row_count; r++) {
        const struct show_value *value = &frame->values[r * frame->column_count + column];
        double bad = badness(at, value);
        if (!value->there)
            continue;
        if (found == SIZE_MAX || (worst ? bad > extreme : bad < extreme)) {
            found = r;
            extreme = bad;
            alike = 0;
        }
        alike += bad >= extreme && bad <= extreme;
    }
    char text[COLUMN_TEXT_BYTES];
    size_t trace = frame_find_key(frame, "trace");
    const struct frame_key *traces =
        trace != SIZE_MAX && frame->keys[trace].word_count > 1 ? &frame->keys[trace] : NULL;
    show_value_text(at, &frame->values[found * frame->column_count + column], text);
    fprintf(file, "%-8s  %s%s%s %s: %s %s%s%s", worst ? "worst" : "best", at->head[0],
            *at->head[1] ? " " : "", at->head[1], text, frame->rows[found].id, frame->rows[found].label,
            traces ? " " : "", traces ? traces->words[traces->at[found]] : "");
    if (alike > 1)
        fprintf(file, " and %zu more row%s", alike - 1, alike > 2 ? "s" : "");
    putc('\n', file);
}

static void print_extremes(const struct frame *frame, FILE *file)
{
    static const char *const names[] = {"amplification", "missed_pages", "downtime_ns", "harvest_ns"};
    for (size_t n = 0; n < sizeof names / sizeof *names; n++)
        for (size_t c = 0; c < frame->column_count; c++) {
            if (strcmp(frame->columns[c].name, names[n]) != 0)
                continue;
            const struct show_value *first = NULL, *value;
            bool varies = false;
            for (size_t r = 0; r < frame->row_count; r++) {
                value = &frame->values[r * frame->column_count + c];
                if (!value->there)
                    continue;
                if (first && (value->number < first->number || value->number > first->number))
                    varies = true;
                first = first ? first : value;
            }
            for (int worst = 0; worst < 2 && varies; worst++)
                print_extreme(frame, c, worst != 0, file);
        }
}

/* ---- a table ---- */

/* What stands below the lines. */
static bool notes_of(struct table *table, const char *alike, char **notes, struct error *error)
{
    const struct frame *frame = table->frame;
    size_t bytes;
    FILE *out = text_open(notes, &bytes);
    if (out) {
        if (table->line_count < frame->row_count)
            fprintf(out, "ranges    over the %zu rows of %s %zu line%s\n", frame->row_count,
                    table->line_count == 1 ? "this" : "these", table->line_count,
                    table->line_count == 1 ? "" : "s");
        if (!table->options->columns_chosen) {
            say_the_same_once(table, out);
            make_room(table, out);
        }
        fputs(alike, out);
        if (table->line_count < frame->row_count || table->line_count > KEYS_MAX)
            print_extremes(frame, out);
    }
    return (out && text_close(out, notes)) ||
           error_set(error, ERROR_MEMORY, "error: no memory for the table");
}

static bool print_text(struct table *table, const char *alike, FILE *file, struct error *error)
{
    char *notes = NULL;
    measure(table);
    if (!notes_of(table, alike, &notes, error))
        return false;
    size_t lines = table->line_count;
    if (!table->options->by && lines > PIVOT_LINES)
        table->line_count = PIVOT_LINES;
    bool good = true;
    for (size_t c = 0; good && c < table->frame->column_count;)
        good = print_block(table, c, &c, file, error);
    if (lines > table->line_count)
        fprintf(file, "more      %zu lines: --by KEY chooses others, --csv has all\n",
                lines - table->line_count);
    print_broken(notes, file);
    free(notes);
    return good;
}

bool show_print(struct frame *frame, const struct show_options *options, FILE *file, struct error *error)
{
    struct table table = {.frame = frame, .options = options};
    char *alike = NULL;
    size_t bytes;
    if (frame->row_count == 0)
        return true;
    FILE *out = options->csv ? NULL : text_open(&alike, &bytes);
    bool good = options->csv || (out && alias_find(frame, out, error));
    if (out && !text_close(out, &alike))
        good = false;
    if (!good && error->kind == ERROR_NONE)
        error_set(error, ERROR_MEMORY, "error: no memory for the table");
    good = good && find_keys(&table, error) && make_lines(&table, error);
    if (good && options->csv)
        print_csv(&table, file);
    else if (good)
        good = print_text(&table, alike, file, error);
    memory_free(table.lines);
    memory_free(table.ends);
    memory_free(table.widths);
    memory_free(table.out);
    free(alike);
    return good;
}
