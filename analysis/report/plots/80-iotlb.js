plots.push({
  id: "iotlb",
  title: "IOTLB and walks",
  needs: ["iotlb_hits", "iotlb_misses", "walk_reads", "requests"],
  varies: [],
  draw(rows) {
    const reads = (row) => ratio(get(row, "walk_reads"), get(row, "requests"));
    const finding = eachTrace(
        rows,
        (some) => `requests that miss the IOTLB: ${sayRange(some, missRatio, "%")}; table reads per request: ${
            sayRange(some, reads, "reads")}.`);
    const parts = varying(rows).includes(parameter("iotlb_entries")) ?
        [
          curves(rows, {
            x: "iotlb_entries",
            y: {title: "IOTLB misses of all lookups", unit: "%"},
            value: missRatio,
            log: logEntries(rows)
          }),
          curves(rows, {
            x: "iotlb_entries",
            y: {title: "table reads per request", unit: "reads"},
            value: reads,
            log: logEntries(rows)
          })
        ] :
        [
          bars(
              rows,
              {x: {title: "IOTLB misses of all lookups", unit: "%"}, pieces: [{label: "misses", value: missRatio}]}),
          bars(rows, {
            x: {title: "table reads per request", unit: "reads"},
            pieces: [{label: "reads", colour: 2, value: reads}]
          })
        ];
    return {
      finding,
      figures: parts.flatMap((part) => part.figures),
      table: element("div", {}, ...parts.map((part) => part.table)),
      notes: parts[0].notes
    };
  },
});

function logEntries(rows) {
  const entries = parameter("iotlb_entries");
  return {x: rows.every((row) => entries.words[at(row, entries)] !== "0"), y: false};
}
