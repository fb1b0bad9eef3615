#!/bin/sh
# Accesses beyond the format's width and outside the mapping are faults, counted, not errors.
# shellcheck source=/dev/null
. "$LIB"
cat >t.csv <<'END'
time_ns,device,op,iova,bytes
0,1,write,0x1000,64
10,1,write,0xffff000000000000,64
20,1,read,0x80000000,64
END
experiment faults.yaml
expect 0 run faults.yaml
[ "$(column faults_translation results/faults/results.csv)" = 2 ] || fail "not two faults"
[ "$(column iotlb_misses results/faults/results.csv)" = 3 ] || fail "not three misses"
