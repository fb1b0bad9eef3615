/* Truth and errors: section 8. */
#include <stdlib.h>

#include "tests/reference/reference_machine.h"

void reference_write_succeeds(struct reference_machine *machine, struct reference_domain *domain,
                              uint64_t address)
{
    struct reference_leaf *leaf = reference_find_leaf(domain, address);

    if (leaf == NULL) {
        machine->metrics.stale_writes++; /* "and is no truth" */
        return;
    }
    /* "T gets a page when, after the start and before the stop, a write succeeds on it and it is then a
     * tracked page"; "W is like T". */
    if (!machine->started || machine->stopped || machine->truth_closed || !reference_is_tracked(machine, address))
        return;
    if (machine->method == REFERENCE_DEVICE)
        reference_log_write(machine, domain, address);
    struct reference_page *page = reference_page(leaf, address);
    if (!page->in_truth) {
        page->in_truth = true;
        page->missed = false;
        machine->metrics.truth_pages++;
    }
    if (!page->in_written) {
        page->in_written = true;
        machine->metrics.written_pages++;
    }
}

static bool in_pieces(const struct reference_range_list *pieces, uint64_t address)
{
    for (size_t i = 0; pieces != NULL && i < pieces->count; i++)
        if (pieces->ranges[i].first <= address && address <= pieces->ranges[i].last)
            return true;
    return pieces == NULL;
}

/* The granule-aligned blocks that hold a reported page, ascending. */
static struct reference_range_list reported_blocks(const struct reference_machine *machine,
                                                   const struct reference_domain *domain)
{
    uint64_t mask = machine->config->harvest.granule_bytes - 1;
    struct reference_range_list blocks = {0};

    for (size_t l = 0; l < domain->leaf_count; l++) {
        const struct reference_leaf *leaf = &domain->leaves[l];
        size_t pages = (size_t)1 << (leaf->lg2 - 12);
        for (size_t i = 0; leaf->pages != NULL && i < pages; i++) {
            uint64_t address = leaf->iova + i * REFERENCE_PAGE_BYTES;
            bool again = blocks.count > 0 && address <= blocks.ranges[blocks.count - 1].last;
            if (leaf->pages[i].reported && !again)
                reference_add_range(&blocks, address & ~mask, address | mask);
        }
    }
    return blocks;
}

void reference_spread_granule(const struct reference_machine *machine, struct reference_domain *domain,
                              const struct reference_range_list *pieces)
{
    if (machine->config->harvest.granule_bytes == REFERENCE_PAGE_BYTES)
        return;
    struct reference_range_list blocks = reported_blocks(machine, domain);
    for (size_t b = 0; b < blocks.count; b++) {
        for (size_t l = reference_first_leaf(domain, blocks.ranges[b].first);
             l < domain->leaf_count && domain->leaves[l].iova <= blocks.ranges[b].last; l++) {
            struct reference_leaf *leaf = &domain->leaves[l];
            struct reference_range part = reference_common(reference_leaf_range(leaf), blocks.ranges[b]);
            uint64_t last = part.last / REFERENCE_PAGE_BYTES;
            for (uint64_t page = part.first / REFERENCE_PAGE_BYTES; page <= last; page++) {
                uint64_t address = page * REFERENCE_PAGE_BYTES;
                if (reference_is_tracked(machine, address) && in_pieces(pieces, address))
                    reference_page(leaf, address)->reported = true;
            }
        }
    }
    free(blocks.ranges);
}

/* "Each false page has exactly one cause, the first that fits" */
void reference_count_false(struct reference_machine *machine, const struct reference_domain *domain,
                        const struct reference_leaf *leaf, bool holds_truth)
{
    struct metrics *metrics = &machine->metrics;

    if (machine->method == REFERENCE_ALL || domain->reports_all)
        metrics->false_untracked++;
    else if (!leaf->seen_dirty)
        metrics->false_granule++;
    else if (holds_truth || leaf->cause == REFERENCE_WRITTEN)
        metrics->false_leaf++;
    else if (leaf->cause == REFERENCE_ATS)
        metrics->false_ats++;
    else if (leaf->cause == REFERENCE_RESIDUE)
        metrics->false_residue++;
    else
        metrics->false_born++;
}

/* What one harvest, or one read before an unmap, found. */
struct verdict {
    uint64_t reported, true_pages, false_pages, missed, missed_new, late, caught;
};

static void judge_page(struct reference_page *page, bool before_unmap, struct verdict *verdict)
{
    verdict->reported += page->reported;
    verdict->caught += page->reported && page->in_written;
    if (page->reported && page->in_truth) {
        verdict->true_pages++;
        verdict->late += page->missed;
    } else if (page->reported) {
        verdict->false_pages++;
    } else if (page->in_truth && !before_unmap) {
        verdict->missed++;
        verdict->missed_new += !page->missed;
        page->missed = true;
    }
}

static void remember_reported(struct reference_domain *domain, uint64_t address)
{
    size_t count = domain->last_reported_count;

    if ((count & (count - 1)) == 0) /* doubles at every power of two */
        domain->last_reported =
            reference_allocate(domain->last_reported, (count == 0 ? 1 : 2 * count) * sizeof(uint64_t));
    domain->last_reported[domain->last_reported_count++] = address;
}

/* "Then, unless no_clear, T <- T \ R"; "every harvest empties W, whatever it reported and with no_clear too";
 * of a read before an unmap: "pages reported by it leave T", and W. */
static void settle_leaf(const struct reference_machine *machine, struct reference_domain *domain,
                        struct reference_leaf *leaf, bool before_unmap)
{
    bool no_clear = machine->config->harvest.no_clear, any_left = false;
    size_t count = (size_t)1 << (leaf->lg2 - 12);

    for (size_t i = 0; i < count; i++) {
        struct reference_page *page = &leaf->pages[i];
        if (page->reported && !before_unmap && no_clear)
            remember_reported(domain, leaf->iova + i * REFERENCE_PAGE_BYTES);
        if (page->reported && (before_unmap || !no_clear))
            page->in_truth = false;
        if (page->reported || !before_unmap)
            page->in_written = false;
        page->reported = false;
        any_left = any_left || page->in_truth || page->in_written;
    }
    if (!any_left) {
        free(leaf->pages);
        leaf->pages = NULL;
    }
}

void reference_judge(struct reference_machine *machine, struct reference_domain *domain, bool before_unmap,
                     struct interval *row)
{
    struct metrics *metrics = &machine->metrics;
    struct verdict verdict = {0};

    if (!before_unmap)
        domain->last_reported_count = 0;
    for (size_t l = 0; l < domain->leaf_count; l++) {
        struct reference_leaf *leaf = &domain->leaves[l];
        size_t count = (size_t)1 << (leaf->lg2 - 12);
        bool holds_truth = leaf->held_truth;
        for (size_t i = 0; leaf->pages != NULL && i < count; i++)
            holds_truth = holds_truth || leaf->pages[i].in_truth;
        for (size_t i = 0; leaf->pages != NULL && i < count; i++) {
            judge_page(&leaf->pages[i], before_unmap, &verdict);
            if (leaf->pages[i].reported && !leaf->pages[i].in_truth)
                reference_count_false(machine, domain, leaf, holds_truth);
        }
        if (leaf->pages != NULL)
            settle_leaf(machine, domain, leaf, before_unmap);
        leaf->seen_dirty = leaf->held_truth = false;
    }
    domain->reports_all = false;
    metrics->reported_pages += verdict.reported;
    metrics->true_pages += verdict.true_pages;
    metrics->false_pages += verdict.false_pages;
    metrics->missed_pages += verdict.missed;
    metrics->missed_new_pages += verdict.missed_new;
    metrics->late_pages += verdict.late;
    metrics->caught_pages += verdict.caught;
    row->reported_pages += verdict.reported;
    row->true_pages += verdict.true_pages;
    row->false_pages += verdict.false_pages;
    row->missed_pages += verdict.missed;
    row->late_pages += verdict.late;
    row->caught_pages += verdict.caught;
}

static int compare_numbers(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

/* "`lost_pages` = |T| at the end of the run; under `no_clear` without the pages that the last harvest
 * reported" */
void reference_lost(struct reference_machine *machine)
{
    for (unsigned d = 0; d < machine->domain_count; d++) {
        const struct reference_domain *domain = &machine->domains[d];
        for (size_t l = 0; l < domain->leaf_count; l++) {
            const struct reference_leaf *leaf = &domain->leaves[l];
            size_t count = (size_t)1 << (leaf->lg2 - 12);
            for (size_t i = 0; leaf->pages != NULL && i < count; i++) {
                uint64_t address = leaf->iova + i * REFERENCE_PAGE_BYTES;
                if (!leaf->pages[i].in_truth)
                    continue;
                bool reported = domain->last_reported_count > 0 &&
                                bsearch(&address, domain->last_reported, domain->last_reported_count,
                                        sizeof(address), compare_numbers) != NULL;
                machine->metrics.lost_pages += !reported;
            }
        }
    }
}
