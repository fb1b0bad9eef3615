#!/bin/sh
# report: the tables and the page again, from finished cells alone. tests/report looks at the page in a browser.
# shellcheck source=/dev/null
. "$LIB"
trace t.csv 5000
experiment one.yaml "question: 'Less </script> than \"more\"?'" "sweep:" "  iommu.model: [amd-v1, smmu-s1]" \
    "  harvest.interval: [100us, 200us]"
expect 0 run one.yaml
cp -r results/one before

# Nothing but the folder is needed, and everything is the same again.
mkdir away
mv one.yaml t.csv away/
rm results/one/results.csv results/one/intervals.csv results/one/timing.csv results/one/failed.csv results/one/report.html
expect 0 report results/one/
[ "$(head -n 1 out | tr -s ' ' | cut -d' ' -f1,2)" = "report results/one/report.html" ] || fail "does not print the page"
for file in results intervals timing failed plan; do same "before/$file.csv" "results/one/$file.csv"; done
same before/report.html results/one/report.html
clean results/one

# One file: nothing is loaded, the data cannot end its element, and the library has its licence with it.
page=results/one/report.html
if grep -E -q '<(link[^>]*href="[^d]|img|iframe)|<script[^>]* src=|@import|url\(' "$page"; then fail "the page loads something"; fi
[ "$(grep -c '^</script>$\|</script>$' "$page")" = 4 ] || fail "an element ends early"
grep -q 'Less \\u003c/script>' "$page" || fail "the question is not there as data"
if grep -q 'Chart.js v3' "$page"; then
    grep -q 'Permission is hereby granted' "$page" || fail "the library without its licence"
else
    prints "tables only"
fi

# A part of the cells; results.csv has all.
expect 0 report results/one -k '*smmu-s1*'
same before/results.csv results/one/results.csv
grep -q '"rows":2,' "$page" || fail "not the two cells that are kept"
expect 0 report -q results/one
[ ! -s out ] || fail "-q prints"

# A cell that cannot be read is left out and counted; the rest is reported.
cell=$(column cell results/one/results.csv | sed -n 2p)
echo '{' >"results/one/cells/$cell/result.json"
expect 0 report results/one
says "1 of the plan's 4 rows"
says "run the experiment again"
[ "$(wc -l <results/one/results.csv)" = 4 ] || fail "not three rows"
grep -q '"missing":1,' "$page" || fail "the page does not know what is missing"

expect 2 report results/one -k nowhere
says "matches no label of the 3 rows"

# Without any cell that can be read, the table that there is stays.
cp -r before bare
rm -r bare/cells
expect 4 report bare
says "results.csv stays as it is"
same before/results.csv bare/results.csv

# A folder that holds no results has one message with the remedy, the others are reported.
mkdir empty
rm results/one/report.html
expect 2 report empty nowhere results/one
says "empty: error: holds no results"
says "nowhere: error: there is no such folder"
has results/one/report.html
has_not empty/report.html
has_not nowhere

# So has a damaged one, and nothing in it changes.
cp -r before damaged
printf 'cell,label,trace,trace_sha256\nx,"y' >damaged/plan.csv
expect 4 report damaged
says "damaged/plan.csv: row 2: error: "
same before/results.csv damaged/results.csv
clean damaged
echo 'no,such,columns' >damaged/plan.csv
expect 4 report damaged
says 'column 1 is not "cell"'
echo '{' >damaged/datapackage.json
expect 4 report damaged
says "damaged/datapackage.json"
cp -r before older
sed -i 's/"dirtywalk_model_version": "[0-9]*"/"dirtywalk_model_version": "0"/' older/datapackage.json
expect 2 report older
says "model version 0"
same before/report.html older/report.html
cp -r before torn
echo '{"runs": ' >torn/provenance.json
expect 4 report torn
says "torn/provenance.json"
same before/report.html torn/report.html
clean torn
