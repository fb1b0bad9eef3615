#!/bin/sh
# Map and unmap records that a cell cannot follow: the cell fails with the record and the address, the others go on,
# the exit code is 1, and failed.csv says why. Leaf sizes that a format does not have end before anything runs.
# shellcheck source=/dev/null
. "$LIB"
experiment base.yaml
sed 's|^mapping:.*|mapping: {source: trace}|' base.yaml >start.yaml

# records LINE...: a trace that maps and writes a page, and then these records.
records() {
    {
        echo "time_ns,device,op,iova,bytes,address"
        echo "0,1,map,0x100000,0x1000,0x7000"
        echo "10,1,write,0x100000,64,"
        for line in "$@"; do echo "$line"; done
        echo "100,1,write,0x100000,64,"
    } >t.csv
}

# stops NAME RECORD ADDRESS TEXT: the cell of `trace` stops at the record, one that looks at no map goes on.
stops() {
    { sed "s/^name:.*/name: $1/" start.yaml && echo "sweep: {mapping.source: [trace, touched]}"; } >"$1.yaml"
    expect 1 run "$1.yaml"
    says "failed    record $2: error: "
    says "$3"
    says "$4"
    says "mapping.source=trace  t.csv"
    prints "1 failed"
    [ "$(column status "results/$1/results.csv" | tr '\n' ' ')" = "failed ok " ] || fail "the other cell did not go on"
    [ "$(wc -l <"results/$1/failed.csv")" = 2 ] || fail "failed.csv has not one row"
    grep -q "mapping.source=trace,t.csv,.*record $2: error: .*$3.*" "results/$1/failed.csv" ||
        fail "failed.csv does not say where"
    clean "results/$1"
}

records "20,1,map,0x0ff000,0x2000,0"
stops mapped 3 "0xff000: the page at 0x100000 is mapped already" "mapping.conflicts: count"
records "20,1,map,0x200000,0x1000," "30,1,unmap,0x200000,0x3000,"
stops unmapped 4 "0x200000: the page at 0x201000 is not mapped" "mapping.conflicts: count"
records "20,1,unmap,0x300000,0x1000,"
stops nothing 3 "0x300000: the page at 0x300000 is not mapped" "mapping.conflicts: count"
records "20,1,map,0x1000000000000,0x1000,0"
stops width 3 "0x1000000000000" "raise iommu.levels or iommu.address_bits"
records "20,1,map,0xfffffffff000,0x2000,0"
stops over_width 3 "0xfffffffff000" "beyond the IOVA width"
records "20,1,map,0x200000,0x2000,0xffffffffff000"
stops output 3 "0x200000" "the output address is beyond what an entry can hold"

# Arm at 4 KiB holds 48 bits of output, at 64 KiB 52.
sed -i 's/amd-v1/smmu-s1/' start.yaml
records "20,1,map,0x200000,0x2000,0xfffffffff000"
stops arm_output 3 "0x200000" "the output address is beyond what an entry can hold"
sed -i 's/source: trace/source: trace, page_sizes: [64KiB]/; s/smmu-s1/smmu-s1, granule: 64KiB/' start.yaml
records "20,1,map,0x200000,0x10000,0xffff00000000"
sed -i '2s/.*/0,1,map,0x100000,0x10000,0x10000/' t.csv
sed 's/^name:.*/name: wide_output/' start.yaml >wide_output.yaml
expect 0 run wide_output.yaml
records "20,1,map,0x200000,0x10000,0"
stops multiple 1 "0x100000: not a multiple" "list a smaller size"

# conflicts: count goes on; what is free is mapped, what is mapped is removed.
experiment base.yaml
sed 's|^mapping:.*|mapping: {source: trace, conflicts: count}|; s/^name:.*/name: counted/' base.yaml >counted.yaml
records "20,1,map,0x0ff000,0x3000,0" "30,1,write,0x0ff000,0x3000," "40,1,unmap,0x0fe000,0x3000," "50,1,unmap,0x500000,0x1000,"
expect 0 run counted.yaml
says_not "failed"
row() { column "$1" results/counted/results.csv; }
[ "$(row map_conflicts)" = 3 ] || fail "not three conflicts"
[ "$(row leaves)" = 1 ] || fail "what was free was not mapped, or what was mapped not removed"
[ "$(row leaves_mapped)" = 3 ] || fail "not three leaves"
[ "$(row faults_translation)" = 1 ] || fail "the last write met a mapping"
[ "$(row unmapped_dirty_pages)" = 2 ] || fail "not two dirty pages went"

# Sizes that the format does not have, with those that it has.
sizes() {
    sed "s|^iommu:.*|iommu: {$2}|; s|^mapping:.*|mapping: {source: trace, page_sizes: [$3]}|; s/^name:.*/name: $1/" base.yaml >"$1.yaml"
    expect 2 run "$1.yaml"
    says "$4"
    nothing_ran "results/$1"
}
sizes granule "model: smmu-s1, granule: 16KiB" "16KiB, 64KiB" "write 16KiB, 32MiB"
sizes group "model: smmu-s1" "4KiB, 128KiB" "64KiB"
sizes narrow "model: smmu-s1, address_bits: 32" "4KiB, 16GiB" "write 4KiB, 2MiB, 1GiB, 64KiB or 32MiB"
sizes no_level "model: smmu-s2, granule: 64KiB, address_bits: 32" "64KiB, 16GiB" "write 64KiB, 512MiB or 2MiB"
sizes replicas "model: intel-ss" "4KiB, 8KiB" "write 4KiB, 2MiB or 1GiB"
sizes napot "model: riscv-g" "4KiB, 128KiB" "64KiB"
