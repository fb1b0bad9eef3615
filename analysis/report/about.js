/* The parts around the results: what was asked, what the program found about its own set-up, where the numbers come
 * from. */

function headerParts() {
  const {name, question} = data.experiment;
  const run = data.provenance?.runs?.at(-1);
  document.title = `${name} – dirtywalk report`;
  return [
    element("p", {class: "kicker"}, `dirtywalk · ${name}` + (run ? ` · ${run.end.slice(0, 10)}` : "")),
    element("h1", {}, question ?? name)
  ];
}

function askedSection(findings) {
  const traces = data.provenance?.traces ?? [];
  const cells = data.rows + data.rows_left_out + data.failed.count;
  const facts = [[
    "cells",
    `${plural(cells, "cell")} done${data.failed.count ? `, ${formatCount(data.failed.count)} of them failed` : ""}${
        data.keep ? `; this page shows those kept by ${data.keep}` : ""}`
  ]];
  for (const one of parameters.filter((each) => each.name !== "trace" && each.name !== "mapping_regions"))
    facts.push([one.label, listSome(one.shown.map((text) => (text === "–" ? "– (not looked at)" : text)), 9)]);
  const warnings = [];
  if (data.missing)
    warnings.push(`${formatCount(data.missing)} of the plan's ${plural(data.planned, "row")} ${
        data.missing === 1 ? "is" :
                             "are"} not there yet or cannot be read: run the experiment again to complete them.`);
  if (data.rows_left_out)
    warnings.push(`The page holds the first ${formatCount(data.rows)} rows; ${
        formatCount(data.rows_left_out)} more are in results.csv. dirtywalk report --keep PATTERN shows a part.`);
  if (!haveCharts)
    warnings.push("This program was built without Chart.js (Debian's libjs-chart.js), so the page has tables only.");
  const asked = element(
      "dl", {class: "facts"}, ...facts.flatMap(([name, text]) => [element("dt", {}, name), element("dd", {}, text)]));
  return section(
      "asked", "In short", ...warnings.map((text) => element("p", {class: "box", role: "note"}, text)),
      findings.length ?
          element("div", {class: "short"}, element("ul", {class: "findings"}, ...findings), element("div", {}, asked)) :
          asked,
      traces.length ? scrolling(traceTable(traces), "Traces") : null);
}

function traceTable(traces) {
  const shown = data.columns.trace;
  const first = (path) => [...Array(data.rows).keys()].find((row) => get(row, "trace") === path);
  const about = traces.slice(0, 100).map((trace) => {
    const row = shown ? first(trace.path) : undefined;
    const value = (name) => (row === undefined ? null : get(row, name));
    return [
      trace.path, trace.records, value("span_ns"), value("device_count"), value("write_bytes"), value("read_bytes"),
      trace.bytes
    ];
  });
  return plainTable(
      plural(traces.length, "trace"),
      [
        {title: "trace", className: "long"}, {title: "records", unit: "records"}, {title: "span", unit: "ns"},
        {title: "devices", unit: "devices"}, {title: "written", unit: "bytes"}, {title: "read", unit: "bytes"},
        {title: "file", unit: "bytes"}
      ],
      about);
}

/* What the run found about its own set-up: [{sentence, remedy, cells}]. */
function healthSection() {
  const health = data.provenance?.health;
  const body = health === undefined ?
      [element("p", {}, "The run did not look at its own set-up.")] :
      health.length === 0 ?
      [element("p", {class: "box good"}, "Nothing to report: the run found nothing odd about its own set-up.")] :
      health.map(
          (line) => element(
              "p", {class: "box"}, element("strong", {}, line.sentence), line.remedy ? `; ${line.remedy}` : "",
              line.cells ? element("span", {class: "soft"}, ` (${plural(line.cells, "cell")})`) : null));
  return section("health", "Health", ...body);
}

function failedSection() {
  if (data.failed.count === 0) return null;
  const rows = data.failed.rows.map((row) => [row.label, row.trace, row.message]);
  return section(
      "failed", "Failed cells",
      sentence(`${plural(data.failed.count, "cell")} failed and ${
          data.failed.count === 1 ? "is" : "are"} in no table above.`),
      scrolling(
          plainTable(
              data.failed.count > rows.length ? `The first ${rows.length}; failed.csv has them all` : "Why they failed",
              [{title: "cell", className: "long"}, {title: "trace"}, {title: "message", className: "long"}], rows),
          "Failed cells", true));
}

function quoted(word) {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function provenanceSection() {
  const provenance = data.provenance;
  if (!provenance)
    return section(
        "provenance", "Provenance", element("p", {}, "The folder has no provenance.json: no run came to its end."));
  const run = provenance.runs?.at(-1);
  const program = run?.program ?? provenance.program;
  const facts = [
    [
      "program",
      `dirtywalk ${program.version}, commit ${program.commit}${
          program.commit_dirty ? " with changes" : ""}, model version ${program.model_version}`
    ],
    ["built by", `${program.compiler}, ${program.build_type}`],
    ["experiment", `${provenance.experiment.file}, SHA-256 ${provenance.experiment.sha256}`]
  ];
  if (run)
    facts.push(
        ["libraries", run.libraries.join(", ")],
        [
          "machine",
          `${run.host.name}: ${run.host.cpu}, ${plural(run.host.cores, "core")}, ${
              format(run.host.memory_bytes, "bytes")}, ${run.host.kernel}`
        ],
        [
          "runs",
          `${formatCount(provenance.runs.length)}, the last from ${run.start} to ${run.end} with ${
              plural(run.jobs, "thread")}`
        ]);
  return section(
      "provenance", "Provenance", run ? element("h3", {}, "The command of the last run") : null,
      run ? element("pre", {tabindex: "0"}, `cd ${quoted(run.working_folder)}\n${run.argv.map(quoted).join(" ")}`) :
            null,
      element("dl", {class: "facts"}, ...facts.flatMap(([name,
                                                         text]) => [element("dt", {}, name), element("dd", {}, text)])),
      scrolling(
          plainTable(
              "Traces by content", [{title: "trace"}, {title: "SHA-256", className: "hash"}],
              provenance.traces.slice(0, 100).map((trace) => [trace.path, trace.sha256])),
          "Traces by content", true),
      element(
          "details", {}, element("summary", {}, "The experiment file"),
          element("pre", {tabindex: "0"}, data.experiment.yaml)));
}

function dictionarySection() {
  const rows = data.fields.map((field) => [field.name, field.unit ?? "–", field.section ?? "–", field.description]);
  return section(
      "dictionary", "What the columns of results.csv mean",
      element(
          "details", {class: "dictionary"}, element("summary", {}, plural(rows.length, "column")),
          scrolling(
              plainTable(
                  "Section: of the semantics",
                  [{title: "column"}, {title: "unit"}, {title: "section"}, {title: "meaning", className: "long"}],
                  rows),
              "Columns", true)));
}

function footerParts() {
  const licence = document.getElementById("chart-licence").textContent.trim();
  return [
    element(
        "p", {},
        "Counters are exact; costs are counters times prices, several of which are assumptions. " +
            "Everything on this page is in results.csv and intervals.csv beside it."),
    haveCharts ? element(
                     "details", {}, element("summary", {}, `Charts: Chart.js ${Chart.version}, its licence`),
                     element("pre", {tabindex: "0"}, licence)) :
                 null
  ];
}
