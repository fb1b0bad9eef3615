#include "traces/qemu/qemu_learn.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "sim/base/memory.h"
#include "traces/qemu/qemu_threads.h"

enum { PAGE_BYTES = 4096 };

/* What a thread did last, to be matched with the translation that follows. */
struct thread {
    uint64_t space_page, nvme_page, nic_page; /* page + 1, or 0 */
    struct qemu_space *space;
};

struct qemu_learner {
    struct qemu_known *known;
    struct qemu_threads places;
    struct thread threads[QEMU_THREADS];
    unsigned device_count;
    uint16_t devices[QEMU_BITS]; /* the device of each bit in `used` */
    struct log_table used;       /* page -> bit per device that translated it since it was invalidated */
    struct qemu_maps maps;
};

struct qemu_learner *qemu_learner_new(struct qemu_known *known, struct error *error)
{
    struct qemu_learner *learner = memory_zeroed(1, sizeof *learner, error);
    if (learner)
        learner->known = known;
    return learner;
}

void qemu_learner_free(struct qemu_learner *learner)
{
    if (!learner)
        return;
    log_table_clear(&learner->used, NULL);
    qemu_maps_clear(&learner->maps);
    memory_free(learner);
}

/* ---- the things that are named ---- */

static struct thread *thread_of(struct qemu_learner *learner, uint64_t id)
{
    bool fresh;
    struct thread *thread = &learner->threads[qemu_thread_place(&learner->places, id, &fresh)];
    if (fresh)
        *thread = (struct thread){0};
    return thread;
}

/* NULL with an error when there is no room. */
static struct qemu_space *space_of(struct qemu_known *known, uint64_t as, struct error *error)
{
    unsigned i = 0;
    while (i < known->space_count && known->spaces[i].as != as)
        i++;
    if (i == QEMU_SPACES) {
        error_set(error, ERROR_TRACE, "error: more than %d address spaces", QEMU_SPACES);
        return NULL;
    }
    if (i == known->space_count)
        known->spaces[known->space_count++] = (struct qemu_space){.as = as};
    return &known->spaces[i];
}

static struct qemu_domain *domain_of(struct qemu_known *known, uint64_t domain, struct error *error)
{
    unsigned i = 0;
    while (i < known->domain_count && known->domains[i].domain != domain)
        i++;
    if (i == QEMU_DOMAINS) {
        error_set(error, ERROR_TRACE, "error: more than %d IOMMU domains", QEMU_DOMAINS);
        return NULL;
    }
    if (i == known->domain_count)
        known->domains[known->domain_count++] = (struct qemu_domain){.domain = domain};
    return &known->domains[i];
}

const struct qemu_space *qemu_space_of(const struct qemu_known *known, uint64_t as)
{
    for (unsigned i = 0; i < known->space_count; i++)
        if (known->spaces[i].as == as)
            return &known->spaces[i];
    return NULL;
}

const struct qemu_domain *qemu_domain_of(const struct qemu_known *known, uint64_t domain)
{
    for (unsigned i = 0; i < known->domain_count; i++)
        if (known->domains[i].domain == domain)
            return &known->domains[i];
    return NULL;
}

/* ---- votes ---- */

static void vote(struct qemu_votes *votes, uint16_t device)
{
    unsigned i = 0;
    while (i < votes->count && votes->devices[i] != device)
        i++;
    if (i == QEMU_VOTED)
        return;
    if (i == votes->count)
        votes->devices[votes->count++] = device;
    votes->votes[i]++;
}

/* The device with more votes than any other. */
static bool elected(const struct qemu_votes *votes, uint16_t *device)
{
    uint64_t best = 0;
    bool alone = false;
    for (unsigned i = 0; i < votes->count; i++) {
        if (votes->votes[i] > best) {
            best = votes->votes[i];
            *device = votes->devices[i];
            alone = true;
        } else if (votes->votes[i] == best) {
            alone = false;
        }
    }
    return alone;
}

/* An access to a page that one device alone can reach. */
static void vote_by_page(const struct qemu_learner *learner, uint64_t iova, struct qemu_votes *votes)
{
    uint16_t device;
    if (qemu_maps_device(&learner->maps, iova, &device))
        vote(votes, device);
}

static bool learn_access(struct qemu_learner *learner, const struct qemu_event *event, struct error *error)
{
    struct qemu_known *known = learner->known;
    struct thread *thread = thread_of(learner, event->thread);
    uint64_t page = event->iova / PAGE_BYTES;
    struct qemu_space *space = thread->space = space_of(known, event->as, error);
    if (!space)
        return false;
    if (event->kind == QEMU_ACCESS && !space->name[0]) {
        size_t length = event->name_length < sizeof space->name ? event->name_length : sizeof space->name - 1;
        memcpy(space->name, event->name, length);
        space->name[length] = '\0';
    }
    thread->space_page = page + 1;
    vote_by_page(learner, event->iova, &space->votes);
    return true;
}

static bool learn_translation(struct qemu_learner *learner, const struct qemu_event *event,
                              struct error *error)
{
    struct qemu_known *known = learner->known;
    struct thread *thread = thread_of(learner, event->thread);
    uint64_t page = event->iova / PAGE_BYTES;
    if (event->writes || event->reads)
        known->has_directions = true;
    if (thread->space_page == page + 1)
        vote(&thread->space->votes, event->device);
    if (thread->nvme_page == page + 1)
        vote(&known->nvme_votes, event->device);
    if (thread->nic_page == page + 1)
        vote(&known->nic_votes, event->device);
    if (event->domain) {
        struct qemu_domain *domain = domain_of(known, event->domain, error);
        if (!domain)
            return false;
        vote(&domain->votes, event->device);
    }
    unsigned i = 0;
    while (i < learner->device_count && learner->devices[i] != event->device)
        i++;
    if (i == QEMU_BITS)
        return true;
    if (i == learner->device_count)
        learner->devices[learner->device_count++] = event->device;
    uint64_t *bits = log_table_full(&learner->used) ? log_table_find(&learner->used, page)
                                                    : log_table_make(&learner->used, page, error);
    if (bits)
        *bits |= UINT64_C(1) << i;
    return bits || log_table_full(&learner->used);
}

static bool learn_invalidation(struct qemu_learner *learner, const struct qemu_event *event,
                               struct error *error)
{
    unsigned device;
    struct qemu_domain *domain = domain_of(learner->known, event->domain, error);
    if (!domain)
        return false;
    uint64_t first = event->iova / PAGE_BYTES, pages = event->bytes / PAGE_BYTES;
    for (uint64_t i = 0; i < pages && i < QEMU_LEARNT_PAGES; i++) {
        const uint64_t *bits = log_table_find(&learner->used, first + i);
        if (bits && qemu_one_bit(*bits, &device))
            vote(&domain->votes, learner->devices[device]);
        log_table_remove(&learner->used, first + i);
    }
    return true;
}

bool qemu_learn(struct qemu_learner *learner, const struct qemu_event *event, struct error *error)
{
    struct qemu_known *known = learner->known;
    struct qemu_space *space;
    switch (event->kind) {
    case QEMU_NAMED:
        if (!(space = space_of(known, event->as, error)))
            return false;
        space->decided = true;
        space->device = event->device;
        return true;
    case QEMU_ACCESS:
        known->has_access = true;
        return learn_access(learner, event, error);
    case QEMU_AS_MAP:
        known->has_as_map = true;
        return learn_access(learner, event, error);
    case QEMU_NVME_ADDRESS:
        thread_of(learner, event->thread)->nvme_page = event->iova / PAGE_BYTES + 1;
        vote_by_page(learner, event->iova, &known->nvme_votes);
        return true;
    case QEMU_NVME_OWN:
        thread_of(learner, event->thread)->nvme_page = 0;
        return true;
    case QEMU_NIC_WRITE:
    case QEMU_NIC_DESCRIPTOR:
        thread_of(learner, event->thread)->nic_page = event->iova / PAGE_BYTES + 1;
        vote_by_page(learner, event->iova, &known->nic_votes);
        return true;
    case QEMU_TRANSLATE:
        return learn_translation(learner, event, error);
    case QEMU_INVALIDATE:
        return learn_invalidation(learner, event, error);
    default:
        return qemu_maps_take(&learner->maps, event, error);
    }
}

/* ---- decisions ---- */

static bool name_space(struct qemu_known *known, struct qemu_space *space, struct error *error)
{
    char name[LOG_DEVICE_NAME_BYTES];
    int length =
        snprintf(name, sizeof name, "%s%sas:0x%" PRIx64, space->name, space->name[0] ? " " : "", space->as);
    return log_device_named(&known->unnamed, name, (unsigned)length, &space->device, error);
}

bool qemu_learned(struct qemu_known *known, struct error *error)
{
    bool any = false;
    for (unsigned i = 0; i < known->space_count; i++) {
        struct qemu_space *space = &known->spaces[i];
        if (!space->decided)
            space->decided = elected(&space->votes, &space->device);
        any |= space->decided || space->name[0] != '\0';
    }
    for (unsigned i = 0; i < known->space_count; i++) {
        struct qemu_space *space = &known->spaces[i];
        /* Where others can be told, one that nothing speaks for is the machine's own memory. */
        space->left_out = !space->decided && !space->name[0] && any;
        if (!space->decided && !space->left_out && !name_space(known, space, error))
            return false;
    }
    for (unsigned i = 0; i < known->domain_count; i++)
        known->domains[i].decided = elected(&known->domains[i].votes, &known->domains[i].device);
    known->nvme_decided = elected(&known->nvme_votes, &known->nvme);
    known->nic_decided = elected(&known->nic_votes, &known->nic);
    return true;
}
