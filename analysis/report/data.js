/* The data of the page: rows are cells on traces that finished; columns are those of results.csv. */

const data = JSON.parse(document.getElementById("data").textContent);
const fields = new Map(data.fields.map((field) => [field.name, field]));

/* The value of a column in a row: a number, null where there is none, or text. */
function get(row, name) {
  const column = data.columns[name];
  if (column === undefined) return null;
  if ("all" in column) return typeof column.all === "string" && isMetric(name) ? Number(column.all) : column.all;
  if (column.words) return column.words[column.at[row]];
  const value = column.values[row];
  return typeof value === "string" && isMetric(name) ? Number(value) : value;
}

/* The same without rounding, for sums that must be exact. */
function exact(row, name) {
  const column = data.columns[name];
  if (column === undefined) return 0n;
  return BigInt(("all" in column ? column.all : column.values[row]) ?? 0);
}

function isMetric(name) {
  return fields.has(name) && "section" in fields.get(name);
}

/* Does any row have a value other than 0? */
function isPresent(name, rows) {
  return rows.some((row) => get(row, name));
}

/* ---- parameters ---- */

/* What differs among the rows, in the order of the table; a trace is one of them. */
const parameters = Object.keys(data.columns)
  .filter((name) => !isMetric(name) && name !== "cell" && data.columns[name].words)
  .map((name) => {
    const unit = fields.get(name)?.unit ?? "";
    const words = data.columns[name].words;
    const shown = words.map((word) => (name === "trace" ? sayTrace(word, words) : sayValue(word, unitOf(name, unit))));
    return { name, unit, words, shown, label: name === "trace" ? "trace" : sayName(name, unit), help: fields.get(name)?.description ?? "" };
  });

/* Sizes are listed without a unit of the column. */
function unitOf(name, unit) {
  return unit || (/_bytes$/.test(name) ? "bytes" : "");
}

function sayTrace(path, all) {
  const base = (text) => text.slice(text.lastIndexOf("/") + 1).replace(/\.(csv|dwt|log|txt)(\.gz)?$/, "");
  return all.filter((other) => base(other) === base(path)).length > 1 ? path : base(path);
}

function parameter(name) {
  return parameters.find((one) => one.name === name);
}

function at(row, one) {
  return data.columns[one.name].at[row];
}

/* The same rows by the values of some parameters, in the order of the plan. */
function groupBy(rows, by) {
  const groups = new Map();
  for (const row of rows) {
    const key = by.map((one) => at(row, one)).join(",");
    if (!groups.has(key)) groups.set(key, []);
    groups.get(key).push(row);
  }
  return [...groups.values()];
}

function varying(rows) {
  return parameters.filter((one) => rows.some((row) => at(row, one) !== at(rows[0], one)));
}

/* The parameters that matter for some values: those left out change none of them. Regions repeat what mapped_bytes says,
 * and what walks with another key in a zip says nothing new; later ones go first. */
function thatMatter(rows, candidates, values, keep = []) {
  let left = [...keep, ...candidates.filter((one) => !keep.includes(one))];
  const vector = new Map(rows.map((row) => [row, values.map((value) => value(row)).join(",")]));
  const order = [...candidates].reverse().filter((one) => !keep.includes(one));
  order.sort((a, b) => (b.name === "mapping_regions") - (a.name === "mapping_regions"));
  for (const one of order) {
    const without = left.filter((other) => other !== one);
    if (groupBy(rows, without).every((group) => group.every((row) => vector.get(row) === vector.get(group[0])))) left = without;
  }
  return parameters.filter((one) => left.includes(one));
}

/* ---- groups of rows that are alike ---- */

function sayRow(row, by) {
  return by.map((one) => one.shown[at(row, one)]).filter((text) => text !== "–").join(" · ");
}

/* Rows with the same values are folded into one. Each: {row, rows, words by parameter, label, alike}. */
function fold(rows, by, values) {
  const same = new Map();
  for (const row of rows) {
    const key = (parameter("trace") ? at(row, parameter("trace")) : "") + ":" + values.map((value) => value(row)).join(",");
    if (!same.has(key)) same.set(key, []);
    same.get(key).push(row);
  }
  return [...same.values()].map((group) => {
    const distinct = groupBy(group, by).map((one) => one[0]);
    const words = by.map((one) => [...new Set(distinct.map((row) => one.shown[at(row, one)]))]);
    /* "a = b · c = d" means all four; where not all are there, the first stands for the others. */
    const whole = words.reduce((product, some) => product * some.length, 1) === distinct.length;
    const shown = whole ? words.map((some) => (some.length > 4 ? some.length + " values" : some.join(" = ")))
      : by.map((one) => one.shown[at(group[0], one)]);
    const alike = whole ? 0 : distinct.length - 1;
    const label = shown.filter((text) => text !== "–").join(" · ") + (alike ? ` (and ${alike} alike)` : "");
    return { row: group[0], rows: group, shown, alike, label: label || "all cells" };
  });
}

function median(numbers) {
  const sorted = numbers.filter((value) => value !== null).sort((a, b) => a - b);
  if (sorted.length === 0) return null;
  const middle = sorted.length >> 1;
  return sorted.length % 2 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

function ratio(over, under) {
  return under ? over / under : null;
}

/* Values that no column holds. */
const amplification = (row) => ratio(get(row, "reported_pages"), get(row, "written_pages"));
const missRatio = (row) => ratio(get(row, "iotlb_misses"), get(row, "iotlb_hits") + get(row, "iotlb_misses"));
const scannedPerHarvest = (row) => ratio(get(row, "scanned_entries"), get(row, "harvests"));
