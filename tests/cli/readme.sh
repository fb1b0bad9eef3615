#!/bin/sh
# The tables of the README are what the program prints.
# shellcheck source=/dev/null
. "$LIB"
root=$(dirname "$LIB")/../..

# block TITLE: the first code block below a heading.
block() {
    awk -v title="## $1" '$0 == title { on = 1 } on && /^```/ { if (open) exit; open = 1; next } open' "$root/README.md"
}
expect 0 run "$root/configs/examples/first.yaml" -o first
sed '/^$/,$d' out >printed
block "What the demo shows" >told
same told printed

expect 0 run "$root/configs/examples/churn.yaml" -o churn
expect 0 show churn -k unmap_flush --by trace,iommu.model,mapping.unmap_flush \
    --columns amplification,missed_pages,iotlb_miss_rate,flush_ns,unmap_ns,unmapped_dirty_pages
block "When the tables change: what unmaps cost and lose" >told
[ "$(wc -l <told)" -ge 7 ] || fail "where is the table?"
while read -r line; do prints "$line"; done <told
