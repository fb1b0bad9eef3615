plots.push({
  id: "amplification", title: "Over-reporting",
  needs: ["reported_pages", "written_pages"], varies: [], unless: ["harvest_interval_ns"],
  words: (rows) => (rows.every((row) => amplification(row) === amplification(rows[0])) ? `Pages reported for each page written: ${sayRange(rows, amplification, "×")}.` : null),
  draw(rows) {
    return { finding: `Pages reported for each page written: ${sayRange(rows, amplification, "×")}.`,
      ...bars(rows, { x: { title: "amplification: pages reported / pages written", unit: "×" }, pieces: [{ label: "amplification", value: amplification }] }) };
  },
});
