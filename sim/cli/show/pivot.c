#include "sim/cli/show/pivot.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sim/base/memory.h"

enum { KEYS_OF_MANY = 3, KEYS_OF_FEW = 4 };
/* Less than this much of what varies is not worth a column of keys. */
static const double gain_least = 0.005;

static double spread_of(const struct show_value *value)
{
    return value->there ? log1p(value->number) : 0; /* costs differ by orders of magnitude */
}

/* How much of what a column's values differ by the groups tell: adjusted R^2, so that many small groups do
 * not win by being many. `sums` and `counts` are scratch, one for each group. */
static double told_of_column(const struct frame *frame, size_t column, const uint32_t *group, size_t groups,
                             double sums[], size_t counts[], bool *varies)
{
    double sum = 0, squares = 0, between = 0;
    size_t n = frame->row_count;
    memset(sums, 0, groups * sizeof *sums);
    memset(counts, 0, groups * sizeof *counts);
    for (size_t r = 0; r < n; r++) {
        double x = spread_of(&frame->values[r * frame->column_count + column]);
        sum += x;
        squares += x * x;
        sums[group[r]] += x;
        counts[group[r]]++;
    }
    double total = squares - sum * sum / (double)n;
    *varies = total > 1e-9 * (squares + 1);
    if (!*varies)
        return 0;
    for (size_t g = 0; g < groups; g++)
        between += sums[g] * sums[g] / (double)counts[g];
    double within = squares - between;
    if (groups >= n)
        return 1;
    double told = 1 - within / (double)(n - groups) / (total / (double)(n - 1));
    return told > 0 ? told : 0;
}

static bool told(const struct frame *frame, const uint32_t *group, size_t groups, double *mean,
                 struct error *error)
{
    double *sums = memory_zeroed(groups, sizeof *sums, error), all = 0;
    size_t *counts = memory_zeroed(groups, sizeof *counts, error), varying = 0;
    for (size_t c = 0; sums && counts && c < frame->column_count; c++) {
        bool varies;
        all += told_of_column(frame, c, group, groups, sums, counts, &varies);
        varying += varies;
    }
    bool good = sums && counts;
    memory_free(sums);
    memory_free(counts);
    *mean = varying > 0 ? all / (double)varying : 0;
    return good;
}

static bool is_taken(const size_t keys[], size_t count, size_t key)
{
    for (size_t k = 0; k < count; k++)
        if (keys[k] == key)
            return true;
    return false;
}

/* The key that, added to these, tells most; SIZE_MAX if none tells more. */
static bool next_key(const struct frame *frame, size_t keys[], size_t count, double *told_so_far,
                     size_t *best, struct error *error)
{
    double most = *told_so_far + gain_least;
    *best = SIZE_MAX;
    for (size_t k = 0; k < frame->key_count; k++) {
        size_t groups;
        double tells = 0;
        if (frame->keys[k].hidden || frame->keys[k].word_count < 2 || is_taken(keys, count, k))
            continue;
        keys[count] = k;
        uint32_t *group = frame_partition(frame, keys, count + 1, &groups, error);
        bool good = group && (groups > PIVOT_LINES || told(frame, group, groups, &tells, error));
        memory_free(group);
        if (!good)
            return false;
        if (groups <= PIVOT_LINES && tells > most) {
            most = tells;
            *best = k;
        }
    }
    if (*best != SIZE_MAX)
        *told_so_far = most;
    return true;
}

static int compare_indices(const void *a, const void *b)
{
    const size_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

bool pivot_choose(const struct frame *frame, size_t keys[PIVOT_KEYS_MAX], size_t *count, struct error *error)
{
    size_t varying[PIVOT_KEYS_MAX], varying_count = 0;
    double told_so_far = 0;
    *count = 0;
    for (size_t k = 0; k < frame->key_count; k++) {
        if (frame->keys[k].hidden || frame->keys[k].word_count < 2)
            continue;
        if (varying_count < PIVOT_KEYS_MAX)
            varying[varying_count] = k;
        varying_count++;
    }
    if (varying_count <= KEYS_OF_FEW && frame->row_count <= PIVOT_LINES) {
        memcpy(keys, varying, varying_count * sizeof *keys);
        *count = varying_count;
        return true;
    }
    for (size_t best; *count < KEYS_OF_MANY; keys[(*count)++] = best) {
        if (!next_key(frame, keys, *count, &told_so_far, &best, error))
            return false;
        if (best == SIZE_MAX)
            break;
    }
    if (*count == 0 && varying_count > 0)
        keys[(*count)++] = varying[0];
    qsort(keys, *count, sizeof *keys, compare_indices);
    return true;
}
