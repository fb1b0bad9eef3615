/* Puts the page together, and again when a filter, a price or the colours change. */

const filters = new Map(); /* of parameters: the index of the one value to show */

function shownRows() {
  const all = [...Array(data.rows).keys()];
  return all.filter((row) => [...filters].every(([name, index]) => at(row, parameter(name)) === index));
}

function filterControls() {
  const usable = parameters.filter((one) => one.name !== "mapping_regions" || !parameter("mapped_bytes"));
  if (usable.length === 0) return null;
  const controls = usable.map((one) => {
    const id = "filter-" + one.name;
    const change = (event) => {
      if (event.target.value === "")
        filters.delete(one.name);
      else
        filters.set(one.name, Number(event.target.value));
      showAll();
      document.getElementById(id)?.focus();
    };
    return element(
        "div", {}, element("label", {"for": id}, one.label),
        element(
            "select", {id, onchange: change}, element("option", {value: ""}, "all"),
            ...one.shown.map(
                (text, index) => element("option", {value: index, selected: filters.get(one.name) === index}, text))));
  });
  return element(
      "form", {onsubmit: (event) => event.preventDefault()},
      element(
          "fieldset", {class: "filters"}, element("legend", {}, "Show only, everywhere on this page"), ...controls));
}

/* A plot is shown when its columns have values and what it varies varies. */
function plotSection(plot, rows) {
  const varied = varying(rows).map((one) => one.name);
  const has = (name) => rows.some((row) => get(row, name) !== null);
  if (!plot.needs.every(has) || !plot.varies.every((name) => varied.includes(name))) return null;
  if ((plot.unless ?? []).some((name) => varied.includes(name)) ||
      (plot.anyOf && !plot.anyOf.some((name) => varied.includes(name))))
    return null;
  if ((plot.series && !data.series) || rows.length < (plot.atLeast ?? 1)) return null;
  const words = plot.words?.(rows);
  if (words) return {plot, finding: words, made: section(plot.id, plot.title, sentence(words))};
  const drawing = plot.draw(rows);
  if (drawing === null) return null;
  const notes = [...new Set(drawing.notes.filter(Boolean))].join(" ");
  const panels = drawing.figures.filter((one) => one.tagName === "FIGURE").length > 1 ?
      element("div", {class: "panels"}, ...drawing.figures) :
      element("div", {}, ...drawing.figures);
  return {
    plot,
    finding: drawing.finding,
    made: section(
        plot.id, plot.title, sentence(drawing.finding), panels, notes ? element("p", {class: "note"}, notes) : null,
        drawing.table)
  };
}

function showAll() {
  const rows = shownRows();
  const main = document.getElementById("main");
  const scroll = window.scrollY;
  const sections = rows.length ? plots.map((plot) => plotSection(plot, rows)).filter(Boolean) : [];
  const findings = sections.filter((one) => ["amplification", "missed", "cost"].includes(one.plot.id))
                       .map(
                           (one) => element(
                               "li", {}, capital(one.finding), " ",
                               element("a", {href: "#" + one.plot.id}, one.plot.title + "\u00a0→")));
  const empty = element(
      "p", {class: "box", role: "status"},
      data.rows ? "No cell has all of these values; choose others." : "No cell has finished.");
  const parts = [
    askedSection(findings), healthSection(), filterControls(),
    ...(rows.length ? [verdictSection(rows), ...sections.map((one) => one.made)] : [empty]), failedSection(),
    provenanceSection(), dictionarySection()
  ];
  main.replaceChildren(...parts.filter(Boolean));
  const links = [...main.querySelectorAll("section")].map(
      (one) => element("li", {}, element("a", {href: "#" + one.id}, one.querySelector("h2").textContent)));
  document.getElementById("contents").replaceChildren(element("ul", {}, ...links));
  drawFigures();
  window.scrollTo(0, scroll);
}

/* A slider that is held must stay where it is: only what costs change is made anew. */
function pricesMoved() {
  const rows = shownRows();
  for (const id of ["verdict", "toggle", "cost", "pareto"]) {
    const old = document.getElementById(id);
    if (!old) continue;
    const made =
        id === "verdict" ? verdictSection(rows) : plotSection(plots.find((plot) => plot.id === id), rows)?.made;
    if (!made) continue;
    if (id === "cost") made.querySelector(".prices").replaceWith(old.querySelector(".prices"));
    old.replaceWith(made);
  }
  drawFigures();
}

function start() {
  document.getElementById("top").append(...headerParts());
  document.getElementById("end").append(...footerParts().filter(Boolean));
  if (haveCharts) {
    Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
    Chart.defaults.font.size = 12;
  }
  showAll();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redrawFigures);
  matchMedia("(max-width: 639px)").addEventListener("change", showAll);
  /* Paper is white. */
  window.addEventListener("beforeprint", () => {
    document.documentElement.dataset.theme = "light";
    redrawFigures();
  });
  window.addEventListener("afterprint", () => {
    delete document.documentElement.dataset.theme;
    redrawFigures();
  });
}

start();
