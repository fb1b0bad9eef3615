/* The cell is chosen: a line for each would hide them all. */
plots.push({
  id: "time",
  title: "Reported, written and true pages over time",
  needs: ["harvests"],
  varies: [],
  series: true,
  draw(rows) {
    const withSeries = rows.filter((row) => seriesOf(row, "time_ns").length > 1);
    if (withSeries.length === 0) return null;
    const groups = fold(withSeries, varying(rows), [(row) => JSON.stringify(data.series.rows[row])]);
    const worst = groups.reduce(
        (a, b) =>
            (get(b.row, "false_pages") + get(b.row, "missed_pages") >
                     get(a.row, "false_pages") + get(a.row, "missed_pages") ?
                 b :
                 a));
    const place = element("div");
    const show = (group) => {
      place.replaceChildren(timeFigure(group), timeNumbers(group));
      drawFigures();
    };
    const choice = element(
        "select", {id: "time-cell", onchange: (event) => show(groups[event.target.value])},
        ...groups.map((group, index) => element("option", {value: index, selected: group === worst}, group.label)));
    place.append(timeFigure(worst), timeNumbers(worst));
    const clean = !get(worst.row, "false_pages") && !get(worst.row, "missed_pages");
    return {
      finding: clean ? "Every page that was reported was truly dirty, and no harvest missed one." :
                       `Of ${format(get(worst.row, "reported_pages"), "pages")} pages reported by ${worst.label}, ${
                           format(
                               get(worst.row, "false_pages"),
                               "pages")} were false: the distance between what was reported and what was truly dirty.`,
      figures: [
        element(
            "div", {class: "controls"}, element("div", {}, element("label", {"for": "time-cell"}, "cells"), choice)),
        place
      ],
      table: null,
      notes: []
    };
  },
});

function seriesOf(row, name) {
  return data.series.pool[data.series.rows[row][name]];
}

const TIME_SERIES = [
  ["written_pages", "written since the harvest before", 0], ["reported_pages", "reported", 1],
  ["true_pages", "reported and truly dirty", 2], ["missed_pages", "truly dirty and not reported", 3]
];

function timeShown(group) {
  return TIME_SERIES.filter(([name]) => name !== "missed_pages" || get(group.row, name) > 0);
}

function timeFigure(group) {
  const harvests = data.series.rows[group.row].harvests;
  const times = seriesOf(group.row, "time_ns");
  const series = timeShown(group).map(([name, label, colour]) => ({
                                        label,
                                        colour,
                                        area: name === "written_pages",
                                        points: seriesOf(group.row, name).map((y, i) => ({x: times[i], y}))
                                      }));
  return figure(
      null, `Pages at each harvest of ${group.label}`, 340,
      () => lineChart(
          {title: "time since the first record", unit: "ns", log: false},
          {title: harvests === 1 ? "pages per harvest" : `pages per ${harvests} harvests`, unit: "pages", log: false},
          series));
}

function timeNumbers(group) {
  const shown = timeShown(group);
  const times = seriesOf(group.row, "time_ns");
  const harvests = data.series.rows[group.row].harvests;
  return numbers(
      `Pages of ${group.label}${harvests === 1 ? "" : `, sums of ${harvests} harvests`}`,
      [{title: "time", unit: "ns"}, ...shown.map(([, label]) => ({title: label, unit: "pages"}))],
      times.map((time, i) => [time, ...shown.map(([name]) => seriesOf(group.row, name)[i])]));
}
