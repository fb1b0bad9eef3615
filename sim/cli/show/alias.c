/* What keys do not change (pivot.h). Two values of a key are alike if all rows that agree in every other key
 * are. A key that one of the two does not look at says nothing about the other. */
#include <stdlib.h>
#include <string.h>

#include "sim/base/memory.h"
#include "sim/cli/show/pivot.h"

enum { WORDS_MOST = 16, ROWS_MOST = 20000 };

/* One row of two values, and what the other keys say of it. */
struct member {
    uint64_t context;
    uint32_t row, word;
};

struct search {
    struct frame *frame;
    struct member *members; /* scratch, one for each row */
    unsigned costs;         /* bit of their group */
    unsigned judged;        /* bits of the groups that must be alike for a word to be worth saying */
};

static int compare_members(const void *a, const void *b)
{
    const struct member *x = a, *y = b;
    if (x->context != y->context)
        return x->context < y->context ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

/* Does some row of these values not look at the key? */
static bool looks(const struct frame *frame, size_t key, size_t of, uint32_t a, uint32_t b)
{
    const struct frame_key *other = &frame->keys[key];
    for (size_t r = 0; r < frame->row_count; r++) {
        uint32_t word = frame->keys[of].at[r];
        if ((word == a || word == b) && other->words[other->at[r]][0] == '\0')
            return false;
    }
    return true;
}

static size_t gather(const struct search *search, size_t key, uint32_t a, uint32_t b)
{
    const struct frame *frame = search->frame;
    size_t count = 0;
    for (size_t r = 0; r < frame->row_count; r++)
        if (frame->keys[key].at[r] == a || frame->keys[key].at[r] == b)
            search->members[count++] =
                (struct member){UINT64_C(0xcbf29ce484222325), (uint32_t)r, frame->keys[key].at[r]};
    for (size_t k = 0; k < frame->key_count; k++) {
        if (k == key || frame->keys[k].hidden || frame->keys[k].word_count < 2 || !looks(frame, k, key, a, b))
            continue;
        for (size_t m = 0; m < count; m++) {
            uint64_t *context = &search->members[m].context;
            *context =
                (*context ^ (frame->keys[k].at[search->members[m].row] + 1)) * UINT64_C(0x9e3779b97f4a7c15);
            *context ^= *context >> 29;
        }
    }
    qsort(search->members, count, sizeof *search->members, compare_members);
    return count;
}

/* Besides the groups: one of the values has rows that the other has no counterpart for. */
enum { DIFFERS_IN_ROWS = 1 << FRAME_GROUPS_MAX };

/* Groups of columns in which the values differ, as bits; all bits when they cannot be compared, or when cells fail
 * with one of them only. */
static unsigned difference(const struct search *search, size_t key, uint32_t a, uint32_t b)
{
    const struct frame *frame = search->frame;
    size_t count = gather(search, key, a, b), common = 0, alone[2] = {0, 0};
    unsigned differs = 0;
    for (size_t first = 0, end; first < count; first = end) {
        bool has[2] = {false, false};
        size_t failed = 0;
        for (end = first; end < count && search->members[end].context == search->members[first].context;
             end++) {
            has[search->members[end].word == b] = true;
            failed += frame->rows[search->members[end].row].failed;
        }
        if (failed > 0 && failed < end - first)
            return UINT32_MAX;
        if (failed > 0)
            continue;
        common += has[0] && has[1];
        alone[0] += !has[1];
        alone[1] += !has[0];
        for (size_t m = first; m < end && has[0] && has[1]; m++)
            for (size_t g = 0; g < frame->group_count; g++)
                if (frame->rows[search->members[m].row].prints[g] !=
                    frame->rows[search->members[first].row].prints[g])
                    differs |= 1u << g;
    }
    if (common == 0 || (alone[0] > 0 && alone[1] > 0))
        return UINT32_MAX;
    return differs | (alone[0] + alone[1] > 0 ? (unsigned)DIFFERS_IN_ROWS : 0);
}

/* ---- one key ---- */

static void print_class(const struct search *search, size_t key, const uint32_t members[], size_t count,
                        unsigned differs, FILE *out)
{
    const struct frame *frame = search->frame;
    const struct frame_key *at = &frame->keys[key];
    differs &= ~(unsigned)DIFFERS_IN_ROWS;
    unsigned left = (unsigned)__builtin_popcount(differs);
    fprintf(out, "alike     %s: ", at->name);
    for (size_t m = 0; m < count; m++) {
        char word[FRAME_WORD_BYTES];
        frame_word(at, members[m], word);
        fprintf(out, "%s%s", m > 0 ? " = " : "", word);
    }
    if (differs == search->costs) {
        fputs(" in every column but costs", out);
    } else {
        fputs(differs ? " in what they report; not in " : " in every column", out);
        for (size_t g = 0; g < frame->group_count; g++)
            if (differs >> g & 1)
                fprintf(out, "%s%s", frame->groups[g], --left > 1 ? ", " : left == 1 ? " and " : "");
    }
    putc('\n', out);
}

/* Rows of the words become rows of the first. */
static bool fold(struct frame_key *key, const uint32_t members[], size_t count, size_t rows,
                 struct error *error)
{
    char *text = NULL, word[FRAME_WORD_BYTES];
    frame_word(key, members[0], word);
    if (asprintf(&text, "%s,..", word) < 0)
        return error_set(error, ERROR_MEMORY, "error: no memory for the table");
    free(key->words[members[0]]);
    key->words[members[0]] = text;
    for (size_t r = 0; r < rows; r++)
        for (size_t m = 1; m < count; m++)
            if (key->at[r] == members[m])
                key->at[r] = members[0];
    return true;
}

/* Classes of values that do not differ in any of the groups `judged`. */
static bool search_key(const struct search *search, size_t key, unsigned judged, FILE *out,
                       struct error *error)
{
    struct frame *frame = search->frame;
    struct frame_key *at = &frame->keys[key];
    bool placed[WORDS_MOST] = {false};
    for (uint32_t a = 0; a < at->word_count && !at->hidden; a++) {
        uint32_t members[WORDS_MOST];
        size_t count = 0;
        unsigned differs = 0;
        if (placed[a])
            continue;
        members[count++] = a;
        for (uint32_t b = a + 1; b < at->word_count; b++) {
            unsigned more = placed[b] ? UINT32_MAX : difference(search, key, a, b);
            if (more & judged)
                continue;
            placed[b] = true;
            members[count++] = b;
            differs |= more;
        }
        if (count == 1)
            continue;
        at->hidden = differs == 0 && count == at->word_count;
        if (at->hidden)
            fprintf(out, "alike     %s changes nothing\n", at->name);
        else
            print_class(search, key, members, count, differs, out);
        if (differs == 0 && !at->hidden && !fold(at, members, count, frame->row_count, error))
            return false;
    }
    return true;
}

/* A later key whose values go one to one with those of an earlier one says nothing new. */
static bool hide_companions(struct frame *frame, FILE *out, struct error *error)
{
    for (size_t k = 0; k < frame->key_count; k++) {
        for (size_t e = 0; e < k && !frame->keys[k].hidden; e++) {
            size_t both, pair[] = {e, k};
            struct frame_key *later = &frame->keys[k], *earlier = &frame->keys[e];
            if (earlier->hidden || later->word_count < 2 || earlier->word_count != later->word_count)
                continue;
            uint32_t *group = frame_partition(frame, pair, 2, &both, error);
            memory_free(group);
            if (!group)
                return false;
            if (both != later->word_count)
                continue;
            bool sum = strcmp(later->name, "mapped_bytes") == 0; /* easier to read than the regions */
            (sum ? earlier : later)->hidden = true;
            if (!sum)
                fprintf(out, "together  %s goes with %s\n", later->name, earlier->name);
        }
    }
    return true;
}

bool alias_find(struct frame *frame, FILE *out, struct error *error)
{
    if (frame->row_count < 2)
        return true;
    if (!hide_companions(frame, out, error))
        return false;
    if (frame->row_count > ROWS_MOST)
        return true;
    struct search search = {.frame = frame};
    for (size_t g = 0; g < frame->group_count; g++)
        if (strcmp(frame->groups[g], "judgement") == 0 || strcmp(frame->groups[g], "migration") == 0)
            search.judged |= 1u << g;
        else if (strcmp(frame->groups[g], "cost") == 0)
            search.costs = 1u << g;
    search.members = memory_zeroed(frame->row_count, sizeof *search.members, error);
    bool good = search.members != NULL;
    for (size_t k = 0; good && k < frame->key_count; k++) {
        const struct frame_key *key = &frame->keys[k];
        if (!key->hidden && key->word_count > 1 && key->word_count <= WORDS_MOST &&
            strcmp(key->name, "trace") != 0)
            good = search_key(&search, k, UINT32_MAX, out, error) &&
                   search_key(&search, k, search.judged, out, error);
    }
    memory_free(search.members);
    return good;
}
