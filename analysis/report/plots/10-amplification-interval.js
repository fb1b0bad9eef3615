plots.push({
  id: "amplification",
  title: "Over-reporting against the harvest interval",
  needs: ["reported_pages", "written_pages"],
  varies: ["harvest_interval_ns"],
  draw(rows) {
    return {
      finding: eachTrace(rows, sayAmplification),
      ...curves(rows, {
        x: "harvest_interval_ns",
        y: {title: "amplification", unit: "×", zero: false},
        value: amplification,
        log: {x: true}
      })
    };
  },
});

function sayAmplification(rows) {
  return `pages reported for each page written: ${sayRange(rows, amplification, "×")}.`;
}
