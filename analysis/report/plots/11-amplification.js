plots.push({
  id: "amplification",
  title: "Over-reporting",
  needs: ["reported_pages", "written_pages"],
  varies: [],
  unless: ["harvest_interval_ns"],
  words: (rows) => (rows.every((row) => amplification(row) === amplification(rows[0])) ? sayAmplification(rows) : null),
  draw(rows) {
    return {
      finding: eachTrace(rows, sayAmplification),
      ...bars(rows, {
        x: {title: "amplification: pages reported / pages written", unit: "×"},
        pieces: [{label: "amplification", value: amplification}]
      })
    };
  },
});
