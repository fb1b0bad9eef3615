/* Elements, tables and figures. */

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === false) continue;
    if (name.startsWith("on"))
      made.addEventListener(name.slice(2), value);
    else
      made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

/* Sentences begin with a capital, wherever their parts come from. */
function sentence(text) {
  return element("p", {class: "finding"}, capital(text));
}

function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function section(id, title, ...children) {
  return element(
      "section", {id, "aria-labelledby": id + "-title"}, element("h2", {id: id + "-title"}, title), ...children);
}

/* A table that scrolls by itself when the page is narrow. */
function scrolling(table, name, tall = false) {
  return element(
      "div", {class: tall ? "scroll tall" : "scroll", role: "region", tabindex: "0", "aria-label": name}, table);
}

/* columns: {title, unit, text, className}. A row is a list of values; the first column heads its row. */
function plainTable(caption, columns, rows) {
  const head = element(
      "tr", {},
      ...columns.map(
          (column) => element("th", {scope: "col", class: isNumber(column) ? "number" : "text"}, column.title)));
  const body =
      rows.map((row) => element("tr", {}, ...row.map((value, c) => {
                 const text = isNumber(columns[c]) ? format(value, columns[c].unit) : String(value ?? "–");
                 const attributes = {class: isNumber(columns[c]) ? "number" : "text " + (columns[c].className ?? "")};
                 return c === 0 ? element("th", {scope: "row", ...attributes}, text) : element("td", attributes, text);
               })));
  return element(
      "table", {}, element("caption", {}, caption), element("thead", {}, head), element("tbody", {}, ...body));
}

function isNumber(column) {
  return column.unit !== undefined;
}

const TABLE_ROWS_MOST = 500;

/* The numbers of a chart, for those who cannot see it and those who copy. */
function numbers(caption, columns, rows) {
  const shown = rows.slice(0, TABLE_ROWS_MOST);
  const cut =
      rows.length > shown.length ? ` The first ${shown.length} of ${rows.length}; results.csv has them all.` : "";
  return element(
      "details", {class: "numbers"}, element("summary", {}, "The numbers: " + plural(rows.length, "row")),
      scrolling(plainTable(caption + cut, columns, shown), caption, true));
}

/* ---- figures ---- */

const haveCharts = typeof Chart !== "undefined";
const drawn = []; /* charts that are on the page: {canvas, make} */

/* A figure with a canvas that `make` describes for Chart.js; it is made anew when colours change. */
function figure(title, description, height, make) {
  if (!haveCharts) return element("figure", {}, title ? element("h3", {}, title) : null);
  const canvas = element("canvas", {
    role: "img",
    "aria-label": [title, description, "The numbers are in the table below."].filter(Boolean).join(". ")
  });
  drawn.push({canvas, make, chart: null});
  return element(
      "figure", {}, title ? element("h3", {}, title) : null,
      element("div", {class: "canvas", style: `height:${height}px`}, canvas));
}

function drawFigures() {
  if (!haveCharts) return;
  for (const one of drawn.filter((each) => !each.canvas.isConnected)) one.chart?.destroy();
  drawn.splice(0, drawn.length, ...drawn.filter((one) => one.canvas.isConnected));
  for (const one of drawn) {
    if (one.chart) continue;
    one.chart = new Chart(one.canvas, one.make());
  }
}

function redrawFigures() {
  for (const one of drawn) {
    one.chart?.destroy();
    one.chart = null;
  }
  drawFigures();
}
