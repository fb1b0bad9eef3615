plots.push({
  id: "pareto",
  title: "Accuracy against cost",
  needs: ["false_pages", "missed_pages", "written_pages"],
  varies: [],
  atLeast: 3,
  words: (rows) =>
      (rows.every((row) => wrong(row) === wrong(rows[0])) ?
           `All cells are equally accurate (${
               format(wrong(rows[0]), "×")} false and missed pages per page written), so the cheapest is the best.` :
           null),
  draw(rows) {
    const cost = (row) => totalCost(row);
    const trace = parameter("trace");
    const groups = fold(rows.filter((row) => wrong(row) !== null), varying(rows), [wrong, cost]);
    if (groups.length < 3) return null;
    const panels = groupBy(groups.map((group) => group.row), trace && varying(rows).includes(trace) ? [trace] : [])
                       .slice(0, PANELS_MOST);
    const byRow = new Map(groups.map((group) => [group.row, group]));
    const model = varying(rows).indexOf(parameter("iommu_model"));
    const nameOf = (row) => (model < 0 ? "cells" : byRow.get(row).shown[model]);
    const names = [...new Set(groups.map((group) => nameOf(group.row)))];
    const fronts = panels.map((some) => front(some, cost));
    const figures = panels.map((some, index) => {
      const series = names
                         .map((name) => ({
                                label: name,
                                points: some.filter((row) => nameOf(row) === name)
                                            .map((row) => ({x: cost(row), y: wrong(row), name: byRow.get(row).label}))
                              }))
                         .filter((one) => one.points.length > 0);
      return figure(
          panels.length > 1 ? sayRow(some[0], [trace]) : null, "False and missed pages per page written, against cost",
          340,
          () => pointChart(
              {title: "cost over the whole trace", unit: "ns", zero: false},
              {title: "false and missed pages per page written", unit: "×", log: false}, series,
              fronts[index].map((row) => ({x: cost(row), y: wrong(row)}))));
    });
    const best = new Set(fronts.flat());
    return {
      finding: `${plural(best.size, "cell")} of ${formatCount(groups.length)} (alike ones once) ${
          best.size === 1 ? "is" : "are"} beaten by no other in both accuracy and cost: ${
          listSome([...best].map((row) => byRow.get(row).label), 3)}.`,
      figures,
      notes: [],
      table: numbers(
          "Accuracy and cost of every cell",
          [
            {title: "cells"}, {title: "cost", unit: "ns"}, {title: "false and missed per written", unit: "×"},
            {title: "beaten by none"}
          ],
          [...groups]
              .sort((a, b) => cost(a.row) - cost(b.row))
              .map((group) => [group.label, cost(group.row), wrong(group.row), best.has(group.row) ? "yes" : ""]))
    };
  },
});

/* Pages of the report that are wrong, for each page written. */
function wrong(row) {
  return ratio(get(row, "false_pages") + get(row, "missed_pages"), get(row, "written_pages"));
}

/* The rows that no other row beats in both. */
function front(rows, cost) {
  const sorted = [...rows].sort((a, b) => cost(a) - cost(b) || wrong(a) - wrong(b));
  const kept = [];
  for (const row of sorted)
    if (kept.length === 0 || wrong(row) < wrong(kept[kept.length - 1])) kept.push(row);
  return kept;
}
