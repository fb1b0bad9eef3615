plots.push({
  id: "flush",
  title: "Flush commands of harvests",
  needs: ["flush_commands", "flush_syncs", "harvests"],
  varies: [],
  anyOf: ["iommu_model", "harvest_flush", "iommu_ril", "mapping_page_sizes"],
  words: (rows) => (isPresent("flush_commands", rows) ? null : "No harvest issued an invalidation command."),
  draw(rows) {
    const per = (name) => (row) => ratio(get(row, name), get(row, "harvests"));
    return {
      finding: eachTrace(
          rows,
          (some) => `invalidation commands for each harvest: ${sayRange(some, per("flush_commands"), "commands")}.`),
      ...bars(rows, {
        x: {title: "commands per harvest", unit: "commands"},
        pieces: [
          {label: "invalidations", value: per("flush_commands")}, {label: "waits", colour: 4, value: per("flush_syncs")}
        ]
      })
    };
  },
});
