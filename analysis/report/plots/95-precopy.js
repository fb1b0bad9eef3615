plots.push({
  id: "precopy",
  title: "Pre-copy",
  needs: ["rounds", "precopy_bytes", "stop_bytes", "downtime_ns"],
  varies: [],
  draw(rows) {
    const some = rows.filter((row) => get(row, "rounds") !== null);
    const sent = bars(some, {
      x: {title: "bytes sent", unit: "bytes"},
      pieces: [
        {label: "by rounds", value: (row) => get(row, "precopy_bytes")},
        {label: "with the guest stopped", colour: 1, value: (row) => get(row, "stop_bytes")}
      ]
    });
    const down = bars(some, {
      x: {title: "downtime", unit: "ns"},
      pieces: [{label: "downtime", colour: 3, value: (row) => get(row, "downtime_ns")}]
    });
    const groups = fold(
        some, varying(some),
        ["rounds", "migration_ns", "converged", "trace_exhausted"].map((name) => (row) => get(row, name)));
    return {
      finding: `Rounds: ${sayRange(some, (row) => get(row, "rounds"), "rounds")}; downtime ${
          sayRange(some, (row) => get(row, "downtime_ns"), "ns")}; ${
          formatCount(
              some.filter((row) => get(row, "converged")).length)} of ${plural(some.length, "cell")} converged.`,
      figures: [...sent.figures, ...down.figures],
      notes: [...sent.notes],
      table: element(
          "div", {}, sent.table, down.table,
          numbers(
              "Rounds",
              [
                {title: "cells"}, {title: "rounds", unit: "rounds"}, {title: "whole migration", unit: "ns"},
                {title: "converged"}, {title: "trace ended first"}
              ],
              groups.map(
                  (group) =>
                      [group.label, get(group.row, "rounds"), get(group.row, "migration_ns"),
                       get(group.row, "converged") ? "yes" : "no", get(group.row, "trace_exhausted") ? "yes" : "no"])))
    };
  },
});
