/* Pre-copy as a policy alone (semantics.md 11): rounds, the end, and closed forms of converging migrations. */
#include <criterion/criterion.h>
#include <string.h>

#include "sim/config.h"
#include "sim/policy/policy.h"

static const struct harvest_policy *precopy(void)
{
    size_t i = 0;
    while (strcmp(harvest_policies[i]->name, "precopy") != 0)
        i++;
    return harvest_policies[i];
}

static struct cell_config link_of(uint64_t bytes_per_s, uint64_t limit_ns, uint64_t max_rounds)
{
    return (struct cell_config){.tracking.start_ns = 500,
                                .harvest = {.link_rate = bytes_per_s,
                                            .downtime_limit_ns = limit_ns,
                                            .max_rounds = max_rounds}};
}

/* 4096 bytes at 3 GB/s are 1365.33 ns: rounded up. */
Test(precopy, a_round_takes_as_long_as_its_bytes)
{
    struct cell_config config = link_of(3000000000, 1366, 30);
    struct policy_state state = {0};
    precopy()->first(&state, &config, 10);
    cr_expect_eq(state.next_ns, 500 + 13654);
    cr_expect_eq(state.rounds, 1);
    precopy()->after(&state, &config, 2);
    cr_expect_eq(state.next_ns, 500 + 13654 + 2731);
    cr_expect_not(state.ended);
    precopy()->after(&state, &config, 1); /* takes 1366 ns: the limit itself is enough */
    cr_expect(state.ended && state.converged);
    cr_expect_eq(state.rounds, 2);
    cr_expect_eq(state.precopy_bytes, 12 * 4096);
    cr_expect_eq(state.stop_bytes, 4096);
    cr_expect_eq(state.rounds_ns, 13654 + 2731);
    cr_expect_eq(state.next_ns, POLICY_NEVER);
}

Test(precopy, the_last_round_stops_without_converging)
{
    struct cell_config config = link_of(1000000000, 0, 2);
    struct policy_state state = {0};
    precopy()->first(&state, &config, 1);
    precopy()->after(&state, &config, 5);
    cr_expect_not(state.ended);
    precopy()->after(&state, &config, 4);
    cr_expect(state.ended && !state.converged);
    cr_expect_eq(state.stop_bytes, 4 * 4096);
}

/* A constant dirty rate below the link: each round shrinks by the ratio (V4), so that after round i there are
 * pages * ratio^(i+1) left. */
Test(precopy, rounds_shrink_geometrically)
{
    struct cell_config config = link_of(4096000000, 1000, 30); /* a page a microsecond */
    struct policy_state state = {0};
    uint64_t pages = 1 << 20;
    precopy()->first(&state, &config, pages);
    unsigned rounds = 0;
    while (!state.ended) {
        pages /= 4; /* written while the round lasted, at a quarter of the link's rate */
        precopy()->after(&state, &config, pages);
        rounds++;
    }
    cr_expect_eq(rounds, 10); /* 4^10 = 2^20: one page is left, which takes 1000 ns */
    cr_expect_eq(state.stop_bytes, 4096);
    cr_expect_eq(state.precopy_bytes, ((UINT64_C(1) << 22) - 4) / 3 * 4096);
}

/* Rounds longer than time itself end the schedule, not the arithmetic. */
Test(precopy, no_overflow)
{
    struct cell_config config = link_of(1, 0, 3);
    struct policy_state state = {0};
    precopy()->first(&state, &config, UINT64_C(1) << 40);
    cr_expect_eq(state.next_ns, POLICY_NEVER);
    cr_expect_eq(state.rounds_ns, POLICY_NEVER);
    precopy()->after(&state, &config, 1);
    cr_expect_eq(state.next_ns, POLICY_NEVER);
    cr_expect_eq(state.rounds, 2);
}
