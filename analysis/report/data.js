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
                         const shown =
                             words.map((word) => (name === "trace" ? sayTrace(word, words) : sayValue(word, unit)));
                         return {
                           name,
                           unit,
                           words,
                           shown,
                           label: name === "trace" ? "trace" : sayName(name, unit),
                           help: fields.get(name)?.description ?? ""
                         };
                       });

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

/* Where two parameters say the same, regions go before the sum of their sizes, and else the later one goes. */
function inOrderOfLeaving(by) {
  return [...by].reverse().sort((a, b) => (b.name === "mapping_regions") - (a.name === "mapping_regions"));
}

/* The parameters that matter for some values: those left out change none of them. */
function thatMatter(rows, candidates, values, keep = []) {
  let left = [...keep, ...candidates.filter((one) => !keep.includes(one))];
  const vector = new Map(rows.map((row) => [row, values.map((value) => value(row)).join(",")]));
  for (const one of inOrderOfLeaving(candidates.filter((one) => !keep.includes(one)))) {
    const without = left.filter((other) => other !== one);
    if (groupBy(rows, without).every((group) => group.every((row) => vector.get(row) === vector.get(group[0]))))
      left = without;
  }
  return parameters.filter((one) => left.includes(one));
}

/* Parameters without those that another one decides: what walks in a zip, regions beside their sum. */
function independent(rows, by) {
  let left = by;
  for (const one of inOrderOfLeaving(by)) {
    const others = left.filter((other) => other !== one);
    if (one.name !== "trace" && others.some((other) => other.name !== "trace" && follows(rows, one, other)))
      left = others;
  }
  return left;
}

function follows(rows, one, other) {
  return groupBy(rows, [other]).every((group) => group.every((row) => at(row, one) === at(group[0], one)));
}

/* ---- names of rows, and rows that are alike ---- */

/* "amd-v1 · 4 KiB on r3-nvme-net"; a value that says nothing by itself has its key before it. */
function joinNames(by, shown) {
  const parts = by.map((one, index) => [one, shown[index]]).filter(([, text]) => text !== "" && !text.startsWith("–"));
  const named = parts.filter(([one]) => one.name !== "trace");
  const names =
      named
          .map(([one, text]) => {
            const word = one.label.split(" ").slice(1).join(" ") || one.label;
            if (text === "true" || text === "false") return text === "true" ? word : "no " + word;
            const says = named.length > 1 || one.name === "iommu_model" ? !/^(none|all)\b/.test(text) : one.unit !== "";
            return says && (one.unit !== "" || !/^[0-9. =\u202f]+$/.test(text)) ? text : `${word} ${text}`;
          })
          .join(" · ");
  const trace = parts.find(([one]) => one.name === "trace")?.[1];
  return names && trace ? `${names} on ${trace}` : names || trace || "";
}

function sayRow(row, by) {
  return joinNames(by, by.map((one) => one.shown[at(row, one)]));
}

/* Rows with the same values, of one trace unless traces change nothing, are folded into one line, as far as it stays
 * exact: "a = b · c = d" means all four. Each line: {row, rows, shown: text by parameter, label}; a label leaves out what
 * takes every value of `among`. */
function fold(rows, by, values, among = rows) {
  const free = independent(among, by);
  const apart = by.some((one) => one.name === "trace") ? traceIndex : () => "";
  const valueOf = new Map(rows.map((row) => [row, values.map((each) => each(row)).join(",") + "@" + apart(row)]));
  const key =
      (line,
       but) => [valueOf.get(line.rows[0]), ...free.map((one) => (one === but ? "" : [...line.sets.get(one)].join("+")))]
                   .join("|");
  let lines = rows.map((row) => ({rows: [row], sets: new Map(by.map((one) => [one, new Set([at(row, one)])]))}));
  for (const one of [undefined, ...free]) { /* first what no parameter tells apart */
    const merged = new Map();
    for (const line of lines) {
      const into = merged.get(key(line, one));
      if (into === undefined)
        merged.set(key(line, one), line);
      else {
        into.rows.push(...line.rows);
        for (const [each, set] of line.sets) set.forEach((word) => into.sets.get(each).add(word));
      }
    }
    lines = [...merged.values()];
  }
  const all = new Map(by.map((one) => [one, new Set(among.map((row) => at(row, one))).size]));
  return lines.map((line) => {
    const shown = by.map((one) => {
      const words = [...line.sets.get(one)].sort((a, b) => a - b).map((word) => one.shown[word]);
      return words.length > 4 ? `${words.slice(0, 3).join(" = ")} = ${words.length - 3} more` : words.join(" = ");
    });
    const told = (one) =>
        free.includes(one) && (line.sets.get(one).size < all.get(one) || (all.get(one) === 1 && by.length === 1));
    const label = joinNames(by, shown.map((text, index) => (told(by[index]) ? text : "")));
    return {row: line.rows[0], rows: line.rows, shown, label: label || "all cells"};
  });
}

function traceIndex(row) {
  return parameter("trace") ? at(row, parameter("trace")) : 0;
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
