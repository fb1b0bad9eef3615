/* The verdict: one line for each set of cells that are equal in every column, the best of each trace marked. */

const VERDICT_ROWS = 100;
const VERDICTS = [
  {title: "amplification", unit: "×", value: amplification, best: Math.min},
  {title: "missed", unit: "pages", value: (row) => get(row, "missed_pages"), best: Math.min},
  {title: "lost", unit: "pages", value: (row) => get(row, "lost_pages"), best: Math.min},
  {
    title: "unmapped dirty",
    unit: "pages",
    value: (row) => get(row, "unmapped_dirty_pages"),
    best: Math.min,
    hide: true
  },
  {title: "IOTLB miss", unit: "%", value: missRatio, best: Math.min},
  {title: "scanned per harvest", unit: "entries", value: scannedPerHarvest, best: Math.min},
  {title: "rounds", unit: "rounds", value: (row) => get(row, "rounds"), best: Math.min, hide: true},
  {title: "downtime", unit: "ns", value: (row) => get(row, "downtime_ns"), best: Math.min, hide: true},
  ...COSTS.map((cost) => ({
                 title: cost.name.slice(0, -3).replace("_", " ") + " cost",
                 unit: "ns",
                 value: (row) => costOf(row, cost),
                 best: Math.min,
                 hide: true
               })),
  {title: "all costs", unit: "ns", value: (row) => totalCost(row), best: Math.min},
];

const verdictState = {
  sort: null,
  down: false,
  all: false,
  search: ""
};

/* Equal in every metric, not only in those that the table shows. */
function foldAll(rows) {
  const metrics = Object.keys(data.columns).filter((name) => isMetric(name) && !("all" in data.columns[name]));
  return fold(
      rows, varying(rows), [...metrics.map((name) => (row) => get(row, name)), ...(factors.size ? [totalCost] : [])]);
}

function verdictSection(rows) {
  const by = varying(rows);
  const some = VERDICTS.filter((column) => !column.hide || rows.some((row) => column.value(row)));
  const same =
      rows.length > 1 ? some.filter((column) => rows.every((row) => column.value(row) === column.value(rows[0]))) : [];
  const columns = some.filter((column) => !same.includes(column));
  const lines = foldAll(rows).map(
      (group) => ({group, values: columns.map((column) => column.value(group.row)), trace: traceIndex(group.row)}));
  const best = columns.map((column, c) => bestOf(lines, c, column.best));
  const status = element("p", {class: "note", role: "status"});
  const region = element("div");
  const search = element("input", {
    type: "search",
    id: "verdict-search",
    placeholder: "as in smmu-s1 4 KiB",
    value: verdictState.search,
    oninput: (event) => {
      verdictState.search = event.target.value;
      fill();
    }
  });
  function fill() {
    const wanted =
        verdictState.search.toLowerCase().replaceAll(THIN, "").replace(/\s+/g, " ").trim().split(" ").filter(Boolean);
    const found = lines.filter((line) => {
      const text = line.group.rows.map((row) => sayRow(row, by)).join(" ").toLowerCase().replaceAll(THIN, "");
      return wanted.every((word) => text.includes(word));
    });
    const sorted = sortLines(found, by.length, columns);
    const shown = verdictState.all ? sorted : sorted.slice(0, VERDICT_ROWS);
    region.replaceChildren(
        scrolling(verdictTable(shown, by, columns, best, fill), "Verdict", shown.length > 40),
        ...(shown.length < sorted.length ? [element(
                                               "button", {
                                                 type: "button",
                                                 onclick: () => {
                                                   verdictState.all = true;
                                                   fill();
                                                 }
                                               },
                                               `Show all ${formatCount(sorted.length)} lines`)] :
                                           []));
    const folded = rows.length - lines.length;
    status.textContent = `${plural(found.length, "line")} for ${
                             plural(found.reduce((sum, line) => sum + line.group.rows.length, 0), "cell")}` +
        (folded > 0 ? "; cells that are equal in every column share a line (a = b)." : ".") +
        (same.length ?
             ` The same everywhere: ${
                 list(same.map((column) => `${column.title} ${format(column.value(rows[0]), column.unit)}`))}.` :
             "") +
        (factors.size ? " Costs are computed with the prices that you moved." : "");
  }
  fill();
  return section(
      "verdict", "Verdict", sentence(eachTrace(rows, verdictFinding)),
      element(
          "div", {class: "controls"},
          element("div", {}, element("label", {"for": "verdict-search"}, "show lines with"), search)),
      region, status);
}

/* Per trace; nothing is best where all are equal. */
function bestOf(lines, c, pick) {
  const marks = new Map();
  for (const key of new Set(lines.map((line) => line.trace))) {
    const values =
        lines.filter((line) => line.trace === key).map((line) => line.values[c]).filter((value) => value !== null);
    if (new Set(values).size > 1) marks.set(key, pick(...values));
  }
  return marks;
}

function sortLines(lines, parameterCount, columns) {
  const {sort, down} = verdictState;
  if (sort === null || sort >= parameterCount + columns.length) return [...lines].sort((a, b) => a.trace - b.trace);
  const key = (line) => (sort < parameterCount ? line.group.shown[sort] : line.values[sort - parameterCount]);
  const order = (a, b) => {
    const [x, y] = [key(a), key(b)];
    if (x === null || y === null) return (x === null) - (y === null);
    if (sort < parameterCount) return String(x).localeCompare(String(y), undefined, {numeric: true}) * (down ? -1 : 1);
    return (x - y) * (down ? -1 : 1);
  };
  return [...lines].sort(order);
}

function verdictTable(lines, by, columns, best, fill) {
  const heads = [
    ...(by.length ? by.map((one) => [one.label, "text", one.help]) : [["cells", "text", ""]]),
    ...columns.map((column) => [column.title, "number", ""])
  ];
  const head = element(
      "tr", {},
      ...heads.map(
          ([title, className, help], index) => element(
              "th", {
                scope: "col",
                class: className,
                title: help,
                "aria-sort": verdictState.sort === index ? (verdictState.down ? "descending" : "ascending") : "none"
              },
              element(
                  "button", {
                    type: "button",
                    "data-sort": index,
                    onclick: () => {
                      verdictState.down = verdictState.sort === index ? !verdictState.down : false;
                      verdictState.sort = index;
                      fill();
                      document.querySelector(`#verdict [data-sort="${index}"]`).focus();
                    }
                  },
                  title))));
  const body = lines.map((line) => {
    const names = by.length ? line.group.shown : ["all"];
    return element(
        "tr", {},
        ...names.map(
            (text, index) => element(
                index === 0 ? "th" : "td", {scope: index === 0 ? "row" : null, class: "text"}, ...unbroken(text))),
        ...line.values.map((value, c) => {
          const isBest = best[c].has(line.trace) && value === best[c].get(line.trace);
          return element(
              "td", {class: isBest ? "number best" : "number"}, format(value, columns[c].unit),
              isBest ? element("span", {class: "unseen"}, " (best)") : null);
        }));
  });
  return element(
      "table", {},
      element(
          "caption", {},
          parameter("trace") ? "The best of each trace is marked. Costs are over the whole trace." :
                               "The best of each column is marked. Costs are over the whole trace."),
      element("thead", {}, head), element("tbody", {}, ...body));
}

/* "smmu-s1 = smmu-s2" breaks at the sign alone. */
function unbroken(text) {
  return text.split(/(?<= = )/).map((part) => element("span", {class: "whole"}, part));
}

function verdictFinding(rows) {
  const range = extremes(rows, amplification);
  const cost = extremes(rows, (row) => totalCost(row));
  const parts = [];
  if (range && range.low !== range.high)
    parts.push(`over-reporting differs by ${format(range.high / range.low, "×")}, decided by ${
        list(range.by.map((one) => one.label))}.`);
  else if (range)
    parts.push(`all cells report ${format(range.low, "×")} the pages that were written.`);
  if (cost && cost.low !== cost.high)
    parts.push(`The cheapest, ${cost.lowName}, costs ${format(cost.low, "ns")}; the dearest, ${cost.highName}, ${
        format(cost.high, "ns")}.`);
  return parts.join(" ");
}
