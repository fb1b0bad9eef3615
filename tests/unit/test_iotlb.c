/* The IOTLB one request at a time and in batches against sets of ways looked through whole
 * (semantics.md 4.1, 4.2), every replacement, many shapes, tags of leaves and of ghosts. */
#include <criterion/criterion.h>
#include <string.h>

#include "sim/base/memory.h"
#include "sim/base/rng.h"
#include "sim/cache/iotlb.h"
#include "sim/state/tile.h"

enum { HEADS = 150, ENTRIES_MAX = 64, STEPS = 4000, BATCH = 130, SEED = 5 };

/* ---- the model ---- */

struct way {
    uint32_t tag; /* IOTLB_EMPTY: invalid */
    uint64_t age; /* of its last use (lru) or its insert (fifo) */
};

struct model {
    uint64_t entries, ways, sets;
    enum replacement replacement;
    struct way way[ENTRIES_MAX];
    uint8_t tree[ENTRIES_MAX][ENTRIES_MAX]; /* per set, heap order from 1 */
    uint64_t clock, random, evictions;
    uint64_t number[ENTRIES_MAX]; /* of ghosts, by row */
};

static uint64_t number_of(const struct model *model, uint32_t tag)
{
    return tag >= IOTLB_GHOST ? model->number[tag - IOTLB_GHOST] : tag * UINT64_C(5) + 3;
}

static struct way *find(struct model *model, uint32_t tag)
{
    for (uint64_t i = 0; i < model->entries; i++)
        if (model->way[i].tag == tag)
            return &model->way[i];
    return NULL;
}

static void point_away(struct model *model, size_t slot)
{
    size_t set = slot / model->ways, node = 1;
    for (uint64_t low = 0, count = model->ways; count > 1; count /= 2) {
        bool upper = slot % model->ways >= low + count / 2;
        model->tree[set][node] = !upper;
        node = node * 2 + upper;
        low += upper ? count / 2 : 0;
    }
}

static void use(struct model *model, struct way *way, bool insert)
{
    if (insert || model->replacement == REPLACEMENT_LRU)
        way->age = ++model->clock;
    if (model->replacement == REPLACEMENT_PLRU)
        point_away(model, (size_t)(way - model->way));
}

static struct way *victim_of(struct model *model, uint64_t set)
{
    struct way *first = &model->way[set * model->ways], *oldest = first;
    size_t node = 1;
    if (model->replacement == REPLACEMENT_RANDOM)
        return first + rng_next(&model->random) % model->ways;
    if (model->replacement == REPLACEMENT_PLRU) {
        while (node < model->ways)
            node = node * 2 + model->tree[set][node];
        return first + (node - model->ways);
    }
    for (uint64_t w = 1; w < model->ways; w++)
        if (first[w].age < oldest->age)
            oldest = &first[w];
    return oldest;
}

static uint32_t model_fill(struct model *model, uint32_t tag)
{
    if (model->entries == 0)
        return IOTLB_EMPTY;
    uint64_t set = number_of(model, tag) % model->sets;
    struct way *way = &model->way[set * model->ways], *end = way + model->ways;
    while (way < end && way->tag != IOTLB_EMPTY)
        way++;
    if (way == end) {
        way = victim_of(model, set);
        model->evictions++;
    }
    uint32_t victim = way->tag;
    way->tag = tag;
    use(model, way, true);
    return victim;
}

static bool model_lookup(struct model *model, uint32_t tag)
{
    struct way *way = find(model, tag);
    if (way)
        use(model, way, false);
    return way != NULL;
}

/* ---- steps ---- */

static uint32_t some_head(uint64_t *rng)
{
    uint64_t draw = rng_next(rng);
    return (uint32_t)(draw % 3 == 0 ? (draw >> 8) % 12 : (draw >> 8) % HEADS);
}

/* A cached tag, or any head. */
static uint32_t some_tag(const struct model *model, uint64_t *rng)
{
    uint32_t tag = model->entries == 0 ? IOTLB_EMPTY : model->way[rng_next(rng) % model->entries].tag;
    return tag == IOTLB_EMPTY || rng_next(rng) % 4 == 0 ? some_head(rng) : tag;
}

/* A ghost that is not cached takes the number of `tag`; IOTLB_EMPTY: all are cached. */
static uint32_t free_ghost(struct model *model, uint32_t tag)
{
    for (uint32_t row = 0; row < model->entries; row++)
        if (!find(model, IOTLB_GHOST + row)) {
            model->number[row] = number_of(model, tag);
            return IOTLB_GHOST + row;
        }
    return IOTLB_EMPTY;
}

static void step_batch(struct iotlb *iotlb, struct model *model, uint64_t *rng)
{
    uint32_t keys[BATCH], numbers[BATCH], misses[BATCH];
    uint64_t hits[(BATCH + 63) / 64];
    struct iotlb_batch batch = {keys, numbers, rng_next(rng) % BATCH + 1, hits, misses};
    size_t missed = 0;
    for (size_t i = 0; i < batch.count; i++) {
        uint32_t head = some_head(rng);
        keys[i] = head << 1 | (rng_next(rng) & 1);
        numbers[i] = (uint32_t)number_of(model, head);
    }
    size_t found = iotlb_run(iotlb, &batch);
    for (size_t i = 0; i < batch.count; i++) {
        bool hit = model_lookup(model, keys[i] >> 1);
        cr_assert_eq(hits[i / 64] >> (i % 64) & 1, hit);
        if (hit)
            continue;
        model_fill(model, keys[i] >> 1);
        cr_assert_lt(missed, found);
        cr_assert_eq(misses[missed++], i);
    }
    cr_assert_eq(missed, found);
}

/* The entry becomes another's: in place, or as an insert of the same key. */
static void step_rename(struct iotlb *iotlb, struct model *model, uint64_t *rng)
{
    uint32_t tag = some_tag(model, rng), now = free_ghost(model, tag);
    bool replaces = rng_next(rng) & 1;
    if (now == IOTLB_EMPTY || (replaces && rng_next(rng) % 3 == 0))
        now = tag;
    uint64_t number = number_of(model, tag);
    struct way *way = find(model, tag);
    bool done = replaces ? iotlb_replace(iotlb, tag, now, number) : iotlb_rename(iotlb, tag, now, number);
    cr_assert_eq(done, way != NULL);
    if (!way)
        return;
    way->tag = now;
    if (replaces)
        use(model, way, true);
}

struct chosen {
    uint32_t residue, modulus;
    uint64_t asked;
};

static bool is_chosen(void *context, uint32_t tag)
{
    struct chosen *chosen = context;
    chosen->asked++;
    return tag % chosen->modulus == chosen->residue;
}

static void step_drop(struct iotlb *iotlb, struct model *model, uint64_t *rng)
{
    struct chosen chosen = {.modulus = (uint32_t)(rng_next(rng) % 5) + 1}, again;
    chosen.residue = (uint32_t)(rng_next(rng) % chosen.modulus);
    again = chosen;
    uint64_t valid = 0, dropped = 0;
    bool all = rng_next(rng) % 8 == 0;
    for (uint64_t i = 0; i < model->entries; i++) {
        struct way *way = &model->way[i];
        if (way->tag == IOTLB_EMPTY)
            continue;
        valid++;
        if (all || is_chosen(&again, way->tag)) {
            way->tag = IOTLB_EMPTY;
            dropped++;
        }
    }
    cr_assert_eq(all ? iotlb_drop_all(iotlb) : iotlb_drop(iotlb, is_chosen, &chosen), dropped);
    cr_assert(all || chosen.asked == valid, "every valid entry is asked for once");
}

static void step(struct iotlb *iotlb, struct model *model, uint64_t *rng)
{
    uint32_t tag = some_tag(model, rng);
    uint64_t number = number_of(model, tag), kind = rng_next(rng) % 100;
    struct way *way;
    if (kind < 60) {
        bool hit = model_lookup(model, tag);
        cr_assert_eq(iotlb_lookup(iotlb, tag, number), hit);
        if (!hit)
            cr_assert_eq(iotlb_fill(iotlb, tag, number), model_fill(model, tag));
    } else if (kind < 75) {
        step_rename(iotlb, model, rng);
    } else if (kind < 90) {
        way = find(model, tag);
        cr_assert_eq(iotlb_forget(iotlb, tag, number), way != NULL);
        if (way)
            way->tag = IOTLB_EMPTY;
    } else if (kind < 95) {
        step_batch(iotlb, model, rng);
    } else {
        step_drop(iotlb, model, rng);
    }
}

static void compare(const struct iotlb *iotlb, struct model *model)
{
    for (uint32_t head = 0; head < HEADS; head++)
        cr_assert_eq(iotlb_holds(iotlb, head, number_of(model, head)), find(model, head) != NULL);
    for (uint32_t row = 0; row < model->entries; row++)
        cr_assert_eq(iotlb_holds(iotlb, IOTLB_GHOST + row, model->number[row]),
                     find(model, IOTLB_GHOST + row) != NULL);
    cr_assert_eq(iotlb_evictions(iotlb), model->evictions);
}

static void replay(uint64_t entries, uint64_t ways, enum replacement replacement)
{
    static struct model model;
    struct cell_config config = {.iotlb = {entries, ways, replacement}, .seed = SEED};
    struct error error = {0};
    struct iotlb iotlb;
    uint64_t rng = entries * 100 + ways * 10 + replacement;
    model = (struct model){
        .entries = entries, .ways = ways == 0 ? entries : ways, .replacement = replacement, .random = SEED};
    model.sets = entries == 0 ? 1 : entries / model.ways;
    for (size_t i = 0; i < ENTRIES_MAX; i++)
        model.way[i].tag = IOTLB_EMPTY;
    cr_assert(iotlb_init(&iotlb, &config, &error) && iotlb_reserve(&iotlb, HEADS, &error));
    for (size_t i = 0; i < STEPS; i++) {
        step(&iotlb, &model, &rng);
        if (i % 8 == 0)
            compare(&iotlb, &model);
    }
    compare(&iotlb, &model);
    iotlb_free(&iotlb);
}

Test(iotlb, behaves_like_sets_of_ways)
{
    static const uint64_t shapes[][2] = {{0, 0},  {1, 1},   {8, 0},  {8, 2},  {32, 4}, {64, 16},
                                         {32, 0}, {64, 32}, {12, 3}, {24, 0}, {48, 12}};
    for (enum replacement r = REPLACEMENT_LRU; r <= REPLACEMENT_RANDOM; r++)
        for (size_t s = 0; s < sizeof shapes / sizeof *shapes; s++) {
            uint64_t ways = shapes[s][1] == 0 ? shapes[s][0] : shapes[s][1];
            if (r != REPLACEMENT_PLRU || (ways & (ways - 1)) == 0)
                replay(shapes[s][0], shapes[s][1], r);
        }
    cr_assert_eq(memory_used(), 0);
}

/* Many entries are chained by tile. */
Test(iotlb, entries_of_one_tile_go)
{
    enum { ENTRIES = 2048, TILES = 8, PAGES = TILES * TILE_PAGES, FILLS = 700 };
    static bool cached[PAGES];
    struct cell_config config = {.iotlb = {ENTRIES, 0, REPLACEMENT_LRU}};
    struct error error = {0};
    struct iotlb iotlb;
    uint64_t rng = 7, went = 0;
    cr_assert(iotlb_init(&iotlb, &config, &error));
    cr_assert(iotlb_reserve(&iotlb, PAGES / 2 + 1, &error) && iotlb_reserve(&iotlb, PAGES, &error));
    cr_assert(iotlb_knows_tiles(&iotlb));
    for (uint32_t round = 0; round < 300; round++) {
        uint32_t renamed = (uint32_t)(rng_next(&rng) % PAGES), tile = (uint32_t)(rng_next(&rng) % TILES);
        for (int i = 0; i < FILLS; i++) {
            uint32_t head = (uint32_t)(rng_next(&rng) % PAGES);
            if (rng_next(&rng) % 8 == 0)
                iotlb_forget(&iotlb, head, head);
            else if (!iotlb_lookup(&iotlb, head, head))
                iotlb_fill(&iotlb, head, head);
        }
        bool ghost = iotlb_rename(&iotlb, renamed, IOTLB_GHOST, renamed);
        struct chosen chosen = {.modulus = 2, .residue = round % 2};
        uint64_t valid = 0, expected = 0;
        for (uint32_t head = 0; head < PAGES; head++) {
            cached[head] = iotlb_holds(&iotlb, head, head);
            valid += cached[head] && head / TILE_PAGES == tile;
            expected += cached[head] && head / TILE_PAGES == tile && head % 2 == chosen.residue;
        }
        cr_assert_eq(iotlb_drop_tile(&iotlb, tile, is_chosen, &chosen), expected);
        cr_assert_eq(chosen.asked, valid);
        for (uint32_t head = 0; head < PAGES; head++)
            cr_assert_eq(iotlb_holds(&iotlb, head, head),
                         cached[head] && !(head / TILE_PAGES == tile && head % 2 == chosen.residue));
        cr_assert_eq(iotlb_rename(&iotlb, IOTLB_GHOST, renamed, renamed), ghost);
        went += expected;
    }
    cr_assert_gt(went, 0);
    iotlb_free(&iotlb);
}
