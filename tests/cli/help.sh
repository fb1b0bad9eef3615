#!/bin/sh
# The help of every command, the version, and what is wrong on the command line itself.
# shellcheck source=/dev/null
. "$LIB"

expect 0 --help
prints "dirtywalk run"
head -n 8 out | grep -q "dirtywalk check" || fail "the examples do not come first"
prints "Commands"
expect 0 --version
prints "dirtywalk "
expect 0 --usage
for command in run check show tables report list; do
    expect 0 "$command" --help
    prints "Usage: dirtywalk $command"
    expect 0 "$command" --usage
done
expect 0 run --help
prints "DIRTYWALK_BATCH_RECORDS"
for option in --output --jobs --set --keep --shard --fresh --memory --stop-on-error --progress --quiet \
    --verbose; do
    prints "$option"
done

expect 2
expect 2 rum
says 'did you mean "run"?'
expect 2 report
says "which results?"
expect 2 repport results/x
says 'did you mean "report"?'
expect 2 run
says "which experiment?"
expect 2 run a.yaml b.yaml
says "one too many"
expect 2 run --wrong a.yaml
expect 2 run -j x a.yaml
says "--jobs x"
expect 2 run --memory 8 a.yaml
says "write 512MiB or 8GiB"
expect 2 run --progress loud a.yaml
says "is not auto, plain, json or never"
expect 2 run -S 4/4 a.yaml
says "is not I/N"
expect 2 run -s novalue a.yaml
says "is not KEY=VALUE"
expect 2 run missing.yaml
says "missing.yaml"
nothing_ran results/missing
