/* Costs anew from counters and prices (section 12), so that a price can be moved; with no price moved they are the
 * columns of results.csv to the nanosecond. */

const COSTS = [
  {
    name: "walk_ns",
    label: "walks and lookups",
    terms: [
      ["walk_reads", "walk_read"], ["walk_cache_hits", "walk_cache_hit"], ["iotlb_hits", "iotlb_hit"],
      ["atc_misses", "atc_miss"]
    ]
  },
  {
    name: "dirty_update_ns",
    label: "dirty updates by hardware",
    terms: [["dirty_updates", "ad_update"], ["access_updates", "ad_update"]]
  },
  {
    name: "harvest_ns",
    label: "harvests",
    terms: [
      ["scanned_entries", "scan_entry"], ["cleared_entries", "clear_entry"], ["reported_pages", "report_page"],
      ["log_drained", "log_read"]
    ]
  },
  {
    name: "flush_ns",
    label: "flushes of harvests and ATCs",
    terms: [["flush_commands", "command"], ["flush_syncs", "sync"], ["atc_commands", "atc_command"]]
  },
  {name: "unmap_ns", label: "flushes of unmaps", terms: [["unmap_commands", "command"], ["unmap_syncs", "sync"]]},
  {
    name: "toggle_ns",
    label: "switching on and off",
    terms: [
      ["context_updates", "context_update"], ["toggle_scanned_entries", "scan_entry"],
      ["toggle_cleared_entries", "clear_entry"], ["toggle_written_entries", "clear_entry"],
      ["toggle_commands", "command"], ["toggle_syncs", "sync"]
    ]
  },
  {name: "fault_ns", label: "faults", terms: [["faults_recoverable", "fault"]]},
  {name: "split_ns", label: "splitting leaves", terms: [["split_entries", "split_entry"]]},
];

const prices = new Map(data.prices.map((price) => [price.name, price]));
const factors = new Map(); /* of prices that were moved */

/* A price of a row's design in ps: a sweep may have set it. */
function priceOf(row, name, moved = factors) {
  const price = prices.get(name);
  if (price === undefined) return 0n;
  const set = get(row, price.column);
  const vendor = data.vendors[get(row, "iommu_model")];
  const ps = set !== null && set !== "" ? Math.round(Number(set) * 1000) : price.ps[vendor];
  const factor = moved.get(name);
  return BigInt(factor === undefined ? ps : Math.round(ps * factor));
}

/* One cost of a row in ns. */
function costOf(row, cost, moved = factors) {
  let ps = 0n;
  for (const [counter, price] of cost.terms) {
    const count = exact(row, counter);
    if (count) ps += count * priceOf(row, price, moved);
  }
  return Number((ps + 500n) / 1000n);
}

function totalCost(row, moved = factors) {
  return COSTS.reduce((sum, cost) => sum + costOf(row, cost, moved), 0);
}

function costNamed(name) {
  const cost = COSTS.find((one) => one.name === name);
  return (row) => costOf(row, cost);
}

/* `assumed` is there for a price that no source gives; for some vendors only, it names them. */
function isAssumed(price) {
  return price.assumed !== undefined;
}

/* The prices that move any cost of these rows. */
function pricesUsed(rows) {
  const counters = new Map();
  for (const cost of COSTS)
    for (const [counter, price] of cost.terms) counters.set(price, [...(counters.get(price) ?? []), counter]);
  return data.prices.filter((price) => (counters.get(price.name) ?? []).some((counter) => isPresent(counter, rows)));
}
