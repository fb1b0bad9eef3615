#include "sim/cache/iotlb_stack.h"

#include <assert.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "sim/base/memory.h"
#include "sim/cache/iotlb_front.h"

enum { ALIGNMENT = 64, WORD = 64 /* requests of a word of hits */ };

static bool is_list(const struct cell_config *config)
{
    return config->iotlb.replacement == REPLACEMENT_LRU && config->iotlb.entries > 0 && config->iotlb.ways > 0 &&
           config->iotlb.ways <= IOTLB_FRONT_WAYS_MAX;
}

bool iotlb_stackable(const struct cell_config *a, const struct cell_config *b)
{
    return is_list(a) && is_list(b) && a->iotlb.entries / a->iotlb.ways == b->iotlb.entries / b->iotlb.ways;
}

/* ---- batches ---- */

/* Bit n: place n of a word's is one of the ways. */
static inline uint64_t word_of_hits(const int8_t *found, uint64_t ways)
{
    uint64_t word = 0;
#ifdef __SSE2__
    const __m128i limit = _mm_set1_epi8((char)ways);
    for (unsigned i = 0; i < WORD; i += 16) {
        __m128i places = _mm_loadu_si128((const __m128i *)(const void *)(found + i));
        word |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmplt_epi8(places, limit)) << i;
    }
#else
    for (unsigned i = 0; i < WORD; i++)
        word |= (uint64_t)(found[i] < (int8_t)ways) << i;
#endif
    return word;
}

/* What a member of so many ways makes of the places: its hits, and its misses in order. */
static size_t tell(const int8_t *found, uint64_t ways, const struct iotlb_batch *batch)
{
    size_t missed = 0;
    for (size_t base = 0; base < batch->count; base += WORD) {
        size_t left = batch->count - base;
        uint64_t asked = left < WORD ? (UINT64_C(1) << left) - 1 : UINT64_MAX;
        uint64_t hits = word_of_hits(found + base, ways) & asked;
        batch->hits[base / WORD] = hits;
        for (uint64_t misses = hits ^ asked; misses != 0; misses &= misses - 1)
            batch->misses[missed++] = (uint32_t)base + (uint32_t)__builtin_ctzll(misses);
    }
    return missed;
}

static size_t run_member(struct iotlb *iotlb, const struct iotlb_batch *batch)
{
    struct iotlb_stack *stack = iotlb->stack;
    assert(stack->noted == 0);
    if (iotlb->member == 0) {
        stack->find(stack, batch, stack->found);
        stack->listed = false;
    }
    size_t missed = tell(stack->found, iotlb->ways, batch);
    iotlb->inserts += missed;
    return missed;
}

/* ---- invalidations ---- */

/* Does the member hold what is at a place within its ways? */
static inline bool is_held(const struct iotlb *iotlb, size_t place)
{
    return iotlb->stack->tags[place] != IOTLB_EMPTY && iotlb->stack->notes[place] <= iotlb->member;
}

static inline void drop_place(struct iotlb *iotlb, size_t place)
{
    struct iotlb_stack *stack = iotlb->stack;
    uint8_t *note = &stack->notes[place];
    stack->noted -= *note != 0;
    if (iotlb->member + 1 == stack->member_count) {
        stack->tags[place] = IOTLB_EMPTY;
        *note = 0;
    } else {
        *note = (uint8_t)(iotlb->member + 1);
        stack->noted++;
    }
}

bool iotlb_stack_forget(struct iotlb *iotlb, uint32_t tag, uint64_t number)
{
    const struct iotlb_stack *stack = iotlb->stack;
    size_t first = (size_t)(number & (stack->sets - 1)) * stack->width;
    for (size_t place = first; place < first + iotlb->ways; place++)
        if (stack->tags[place] == tag) {
            bool held = is_held(iotlb, place);
            if (held)
                drop_place(iotlb, place);
            return held;
        }
    return false;
}

static void list_occupied(struct iotlb_stack *stack)
{
    uint32_t places = (uint32_t)(stack->sets * stack->width);
    size_t count = 0;
    for (uint32_t place = 0; place < places; place++) {
        stack->occupied[count] = place;
        count += stack->tags[place] != IOTLB_EMPTY;
    }
    stack->occupied_count = count;
    stack->listed = true;
}

uint64_t iotlb_stack_drop(struct iotlb *iotlb, bool (*drops)(void *context, uint32_t tag), void *context)
{
    struct iotlb_stack *stack = iotlb->stack;
    uint64_t dropped = 0;
    if (!stack->listed)
        list_occupied(stack);
    for (size_t i = 0; i < stack->occupied_count; i++) {
        uint32_t place = stack->occupied[i];
        if ((place & (stack->width - 1)) < iotlb->ways && is_held(iotlb, place) &&
            (!drops || drops(context, stack->tags[place]))) {
            drop_place(iotlb, place);
            dropped++;
        }
    }
    return dropped;
}

/* ---- life ---- */

static void give_back(const struct iotlb_stack *stack, const struct iotlb_stack_member *member)
{
    struct iotlb *iotlb = member->iotlb;
    iotlb->tags = member->tags;
    for (uint64_t set = 0; set < stack->sets; set++) {
        const uint32_t *places = stack->tags + set * stack->width;
        uint32_t *tags = iotlb->tags + set * iotlb->ways;
        uint64_t kept = 0;
        for (uint64_t place = 0; place < iotlb->ways; place++)
            if (places[place] != IOTLB_EMPTY)
                tags[kept++] = places[place];
        while (kept < iotlb->ways)
            tags[kept++] = IOTLB_EMPTY;
    }
    iotlb->stack = NULL;
    iotlb->run = iotlb_front_choose(iotlb->ways, iotlb->replacement);
}

void iotlb_stack_dissolve(struct iotlb_stack *stack)
{
    if (!stack)
        return;
    for (size_t i = 0; i < stack->member_count; i++)
        give_back(stack, &stack->members[i]);
    memory_free(stack->tags_block);
    memory_free(stack->notes);
    memory_free(stack->occupied);
    memory_free(stack->found);
    memory_free(stack->members);
    memory_free(stack);
}

static bool take_memory(struct iotlb_stack *stack, size_t members, size_t requests, struct error *error)
{
    size_t places = (size_t)(stack->sets * stack->width);
    stack->tags_block = memory_zeroed(places * sizeof *stack->tags + ALIGNMENT, 1, error);
    stack->notes = memory_zeroed(places, 1, error);
    stack->occupied = memory_zeroed(places, sizeof *stack->occupied, error);
    stack->found = memory_zeroed((requests + WORD - 1) / WORD * WORD, 1, error);
    stack->members = memory_zeroed(members, sizeof *stack->members, error);
    return stack->tags_block && stack->notes && stack->occupied && stack->found && stack->members;
}

struct iotlb_stack *iotlb_stack_new(struct iotlb *const members[], size_t count, size_t requests, struct error *error)
{
    assert(count > 0 && count <= STACK_MEMBERS_MAX);
    const struct iotlb *last = members[count - 1];
    const struct iotlb_stack_loop *loop = iotlb_stack_choose(last->ways);
    struct iotlb_stack *stack = memory_zeroed(1, sizeof *stack, error);
    if (!stack)
        return NULL;
    stack->sets = last->sets;
    stack->width = loop->width ? loop->width : last->ways;
    stack->find = loop->find;
    if (!take_memory(stack, count, requests, error)) {
        iotlb_stack_dissolve(stack);
        return NULL;
    }
    uintptr_t start = (uintptr_t)stack->tags_block;
    uintptr_t aligned = (start + ALIGNMENT - 1) & ~(uintptr_t)(ALIGNMENT - 1);
    stack->tags = (uint32_t *)(void *)((uint8_t *)stack->tags_block + (aligned - start));
    memset(stack->tags, 0xff, stack->sets * stack->width * sizeof *stack->tags);
    for (size_t i = 0; i < count; i++) {
        struct iotlb *iotlb = members[i];
        assert(iotlb->tags && iotlb->sets == stack->sets && iotlb->replacement == REPLACEMENT_LRU);
        assert(i == 0 || members[i - 1]->ways <= iotlb->ways);
        stack->members[i] = (struct iotlb_stack_member){iotlb, iotlb->tags};
        iotlb->tags = NULL;
        iotlb->run = run_member;
        iotlb->stack = stack;
        iotlb->member = (unsigned)i;
    }
    stack->member_count = count;
    return stack;
}
