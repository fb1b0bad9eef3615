plots.push({
  id: "leaves", title: "Over-reporting by leaf size",
  needs: ["reported_pages", "written_pages"], varies: ["mapping_page_sizes"], unless: ["harvest_interval_ns"],
  draw(rows) {
    return { finding: `Pages reported for each page written: ${sayRange(rows, amplification, "×")}.`,
      ...bars(rows, { x: { title: "amplification: pages reported / pages written", unit: "×" }, pieces: [{ label: "amplification", value: amplification }] }) };
  },
});
