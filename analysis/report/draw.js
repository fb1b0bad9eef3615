/* What plots have in common: which parameters matter, one chart for each trace, curves or bars, and the table. */

const SERIES_MOST = 7, PANELS_MOST = 6, BARS_MOST = 24;

/* Curves of `value` against a parameter: {figures, tables, finding}. spec: {x: parameter, y: {title, unit}, value, log}
 */
function curves(rows, spec) {
  const x = parameter(spec.x);
  const trace = parameter("trace");
  const panel = trace && varying(rows).includes(trace) ? [trace] : [];
  const others = independent(rows, [
                   x, ...varying(rows).filter((one) => one !== x)
                 ]).filter((one) => one !== x && !panel.includes(one));
  const matter = thatMatter(rows, [...others, ...panel, x], [spec.value], [
                   ...panel, x
                 ]).filter((one) => one !== x && !panel.includes(one));
  const idle = others.filter((one) => !matter.includes(one));
  const by = thatExplain(rows, matter, [...panel, x], spec.value);
  const spread = matter.filter((one) => !by.includes(one));
  const panels = groupBy(rows, panel).slice(0, PANELS_MOST);
  const tableRows = [];
  const figures = panels.map((some) => {
    const series = groupBy(some, by).map(
        (group) => ({
          label: sayRow(group[0], by) || spec.y.title,
          points: groupBy(group, [x])
                      .map((same) => ({x: Number(x.words[at(same[0], x)]), y: median(same.map(spec.value))}))
                      .filter((point) => point.y !== null && !Number.isNaN(point.x))
                      .sort((a, b) => a.x - b.x),
        }));
    for (const group of groupBy(some, [...by, x])) {
      const values = group.map(spec.value).filter((value) => value !== null);
      const names = [...panel, ...by].map((one) => one.shown[at(group[0], one)]);
      tableRows.push([
        ...names, Number(x.words[at(group[0], x)]), median(values),
        ...(spread.length ? [Math.min(...values), Math.max(...values)] : [])
      ]);
    }
    const title = panel.length ? sayRow(some[0], panel) : null;
    return figure(
        title, `${spec.y.title} against ${x.label}, ${plural(series.length, "line")}`, 320,
        () => lineChart({title: x.label, unit: x.unit, log: spec.log?.x}, {...spec.y, log: spec.log?.y}, series));
  });
  const columns = [...panel, ...by].map((one) => ({title: one.label}));
  columns.push(
      {title: x.label, unit: x.unit}, {title: (spread.length ? "median " : "") + spec.y.title, unit: spec.y.unit});
  if (spread.length) columns.push({title: "least", unit: spec.y.unit}, {title: "most", unit: spec.y.unit});
  if (columns[0].unit !== undefined) {
    columns.unshift({title: "cells"});
    tableRows.forEach((row) => row.unshift("all"));
  }
  return {
    figures,
    table: numbers(`${spec.y.title} against ${x.label}`, columns, tableRows),
    notes: [idleNote(idle), spreadNote(spread), panelNote(panel, rows)]
  };
}

/* So many parameters that there are SERIES_MOST curves: first the one that leaves the least unexplained. */
function thatExplain(rows, candidates, given, value) {
  const left = (by) => groupBy(rows, [...given, ...by]).reduce((sum, group) => {
    const values = group.map(value).filter((each) => each !== null);
    const mean = values.reduce((a, b) => a + b, 0) / values.length;
    return sum + values.reduce((a, b) => a + (b - mean) ** 2, 0);
  }, 0);
  const kept = [];
  for (let rest = [...candidates]; rest.length > 0;) {
    rest = rest.filter((one) => groupBy(rows, [...kept, one]).length <= SERIES_MOST);
    if (rest.length === 0) break;
    const scored = rest.map((one) => [left([...kept, one]), one]);
    const best = scored.reduce((a, b) => (b[0] < a[0] ? b : a))[1];
    kept.push(best);
    rest = rest.filter((one) => one !== best);
  }
  return candidates.filter((one) => kept.includes(one));
}

/* Stacked bars, one for each group of rows that differ. spec: {x: {title, unit}, pieces: [{label, value}]} */
function bars(rows, spec) {
  const pieces = spec.pieces.filter((piece) => rows.some((row) => piece.value(row)));
  const kept = pieces.length ? pieces : spec.pieces.slice(0, 1);
  const free = independent(rows, varying(rows));
  const matter = thatMatter(rows, free, kept.map((piece) => piece.value));
  const idle = free.filter((one) => !matter.includes(one));
  const groups =
      fold(rows, matter, kept.map((piece) => piece.value)).sort((a, b) => traceIndex(a.row) - traceIndex(b.row));
  const total = (group) => kept.reduce((sum, piece) => sum + (piece.value(group.row) ?? 0), 0);
  const shown =
      groups.length <= BARS_MOST ? groups : [...groups].sort((a, b) => total(b) - total(a)).slice(0, BARS_MOST);
  const labels = shown.map((group) => group.label);
  const columns = [{title: "cells"}, ...kept.map((piece) => ({title: piece.label, unit: spec.x.unit}))];
  if (kept.length > 1) columns.push({title: "together", unit: spec.x.unit});
  const tableRows = groups.map(
      (group) => [group.label, ...kept.map((piece) => piece.value(group.row)), ...(kept.length > 1 ? [total(group)] : [
                  ])]);
  const figures = [figure(
      null, spec.x.title + ", " + plural(shown.length, "bar"), barHeight(labels),
      () => barChart(
          spec.x, labels,
          kept.map(
              (piece) => (
                  {label: piece.label, colour: piece.colour, values: shown.map((group) => piece.value(group.row))}))))];
  return {
    figures,
    groups,
    table: numbers(spec.x.title, columns, tableRows),
    notes: [
      idleNote(idle),
      groups.length > shown.length ?
          `The ${BARS_MOST} largest of ${groups.length} are drawn; the table has the others.` :
          null
    ]
  };
}

function idleNote(idle) {
  if (idle.length === 0) return null;
  return `Here ${list(idle.map((one) => one.label))} ${idle.length === 1 ? "changes" : "change"} nothing.`;
}

function spreadNote(spread) {
  return spread.length ? `Lines are medians over ${
                             list(spread.map((one) => one.label))}; the table has the range. Filter above to see one.` :
                         null;
}

function panelNote(panel, rows) {
  const count = panel.length ? groupBy(rows, panel).length : 0;
  return count > PANELS_MOST ? `${PANELS_MOST} of ${count} traces are drawn; filter above to see others.` : null;
}

/* Where `value` is least and where it is most, in words: {low, high, lowName, highName, by}; null where it has none. */
function extremes(rows, value) {
  const some = rows.filter((row) => value(row) !== null);
  if (some.length === 0) return null;
  const values = some.map(value);
  const low = values.reduce((a, b) => Math.min(a, b)), high = values.reduce((a, b) => Math.max(a, b));
  const by = thatMatter(some, independent(some, varying(some)), [value]);
  const name = (wanted) => {
    const lines = fold(some.filter((row) => value(row) === wanted), by, [value], some);
    return lines.length > 1 ? `${lines[0].label} and others` : lines[0].label;
  };
  return {low, high, lowName: name(low), highName: name(high), by};
}

/* "from 1.00 × (4 KiB) to 3.28 × (2 MiB)" */
function sayRange(rows, value, unit) {
  const range = extremes(rows, value);
  if (range === null) return "no value";
  if (range.low === range.high) return `${format(range.low, unit)} in every cell`;
  return `from ${format(range.low, unit)} (${range.lowName}) to ${format(range.high, unit)} (${range.highName})`;
}

/* A sentence for each trace, or one for all when there are many. */
function eachTrace(rows, say) {
  const groups = parameter("trace") ? groupBy(rows, [parameter("trace")]) : [rows];
  if (groups.length === 1 || groups.length > 3) return say(rows);
  return groups.map((group) => `On ${sayRow(group[0], [parameter("trace")])}: ${say(group)}`).join(" ");
}
