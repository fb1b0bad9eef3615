plots.push({
  id: "toggle",
  title: "Cost of switching on against mapped memory",
  needs: ["toggle_ns"],
  varies: ["mapped_bytes"],
  draw(rows) {
    const toggle = costNamed("toggle_ns");
    return {
      finding: `Switching tracking on and off costs ${sayRange(rows, toggle, "ns")}.`,
      ...curves(rows, {
        x: "mapped_bytes",
        y: {title: "cost of switching on and off", unit: "ns"},
        value: toggle,
        log: {x: true, y: rows.every((row) => toggle(row) > 0)}
      })
    };
  },
});
