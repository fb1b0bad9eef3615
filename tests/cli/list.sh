#!/bin/sh
# What exists, in three forms.
# shellcheck source=/dev/null
. "$LIB"

expect 0 list
for word in amd-v1 intel-ss smmu-s1 smmu-s2 hardware periodic touched; do prints "$word"; done
expect 0 list models
prints "smmu-s2"
expect 0 list columns
prints "false_leaf"
prints "(ns; = walk_reads * walk_read + "
expect 0 list keys
prints "granule of an SMMU (default 4KiB; for smmu-s1 and smmu-s2)"
prints "and its hardware (required)"
expect 0 list cost
prints "by a harvest (default 2.75ns; assumed: all)"
expect 0 list columns --markdown
prints "|"
expect 0 list models --json
prints '"smmu-s1"'
expect 0 list --schema
prints '"iotlb"'
expect 2 list modles
says 'did you mean "models"'
expect 2 list models/smmu-s3
says "smmu-s"
