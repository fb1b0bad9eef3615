/* Configurations for Chart.js: lines, bars, points. Colour is never the only difference: lines have marks and dashes.
 */

function colour(name) {
  return getComputedStyle(document.documentElement).getPropertyValue("--" + name).trim();
}
const seriesColour = (index) => colour("c" + (index % 8));
const MARKS = ["circle", "rectRot", "triangle", "rect", "star", "crossRot", "cross", "dash"];
const DASHES = [[], [7, 4], [2, 3], [10, 4, 2, 4], [], [7, 4], [2, 3], [10, 4, 2, 4]];

function narrow() {
  return window.innerWidth < 640;
}

/* A label in as many lines as a narrow page needs. */
function wrapped(label) {
  const wide = narrow() ? 20 : 44;
  const lines = [];
  for (const word of label.split(" ")) {
    const last = lines.length - 1;
    if (last >= 0 && (lines[last] + " " + word).length <= wide)
      lines[last] += " " + word;
    else
      lines.push(word);
  }
  return lines.length > 1 ? lines : label;
}

function axis(spec, values) {
  const log = spec.log ?? spreads(values);
  const made = {
    type: log ? "logarithmic" : "linear",
    title: {display: true, text: spec.title, color: colour("soft")},
    grid: {color: colour("line"), drawBorder: false},
    ticks: {
      color: colour("soft"),
      maxTicksLimit: narrow() ? 5 : 8,
      maxRotation: 0,
      autoSkipPadding: 12,
      callback: (value) => format(value, spec.unit, true)
    },
    beginAtZero: !log && spec.zero !== false,
  };
  const distinct = [...new Set(values)].sort((a, b) => a - b);
  if (spec.ticksAtValues && distinct.length <= 12) { /* the values that were swept, and no others */
    made.afterBuildTicks = (scale) => {
      scale.ticks = distinct.map((value) => ({value}));
    };
    made.ticks.callback = (value) => format(value, spec.unit);
  } else if (log)
    made.afterBuildTicks = (scale) => {
      scale.ticks = powers(scale.min, scale.max).map((value) => ({value}));
    };
  return made;
}

/* 1, 10, 100 ..., with 2 and 5 between where there are few. */
function powers(min, max) {
  const made = [];
  const few = Math.log10(max / min) < 3;
  for (let power = Math.floor(Math.log10(min)); power <= Math.log10(max); power++)
    for (const step of few ? [1, 2, 5] : [1]) {
      const value = step * 10 ** power;
      if (value >= min * 0.999 && value <= max * 1.001) made.push(value);
    }
  return made;
}

/* Values over two decades and more want a logarithmic axis; 0 has no place on one. */
function spreads(values) {
  const some = values.filter((value) => value !== null);
  return some.length > 0 && Math.min(...some) > 0 && Math.max(...some) / Math.min(...some) > 60;
}

function options(scales, units, legend, sign) {
  return {
    responsive: true,
    maintainAspectRatio: false,
    animation: false,
    normalized: true,
    interaction: {mode: "nearest", intersect: false},
    scales,
    plugins: {
      legend: {
        display: legend,
        position: "bottom",
        align: "start",
        labels: {
          color: colour("text"),
          usePointStyle: true,
          boxHeight: 7,
          padding: 14,
          ...(sign ? {pointStyle: sign, pointStyleWidth: 16} : {})
        }
      },
      tooltip: {callbacks: {label: (item) => tooltip(item, units)}},
    },
  };
}

function tooltip(item, units) {
  const point = item.raw;
  const name = point.name ?? item.dataset.label;
  if (typeof point === "object" && point !== null && "x" in point)
    return `${name}: ${format(point.x, units.x)}, ${format(point.y, units.y)}`;
  return `${name}: ${format(point, units.x)}`;
}

/* series: [{label, points: [{x, y}], area, colour, dashed}] */
function lineChart(x, y, series) {
  const xs = series.flatMap((one) => one.points.map((point) => point.x));
  const ys = series.flatMap((one) => one.points.map((point) => point.y));
  const dense = series.some((one) => one.points.length > 40);
  return {
    type: "line",
    data: {
      datasets: series.map((one, index) => ({
                             label: one.label,
                             data: one.points,
                             fill: one.area ? "origin" : false,
                             backgroundColor: one.area ? colour("area") : seriesColour(one.colour ?? index),
                             borderColor: seriesColour(one.colour ?? index),
                             borderDash: one.area ? [] : DASHES[index % 8],
                             borderWidth: dense ? 1.6 : 2.2,
                             pointStyle: dense ? "line" : MARKS[index % 8],
                             pointRadius: dense ? 0 : 4,
                             pointBorderColor: seriesColour(one.colour ?? index),
                             pointHitRadius: 8,
                             tension: 0,
                           })),
    },
    options: options(
        {x: axis({ticksAtValues: true, ...x}, xs), y: axis(y, ys)}, {x: x.unit, y: y.unit}, series.length > 1,
        dense ? "line" : null),
  };
}

/* One bar for each label, in pieces: [{label, values}]. */
function barChart(x, labels, pieces) {
  const colours = pieces.map((piece, index) => seriesColour(piece.colour ?? index));
  const totals = labels.map((_, row) => pieces.reduce((sum, piece) => sum + (piece.values[row] ?? 0), 0));
  return {
    type: "bar",
    data: {
      labels: labels.map(wrapped),
      datasets: pieces.map((piece, index) => ({
                             label: piece.label,
                             data: piece.values,
                             backgroundColor: colours[index],
                             borderColor: colour("page"),
                             borderWidth: {right: 1},
                             maxBarThickness: 22,
                             minBarLength: 0,
                             stack: "one",
                           })),
    },
    plugins: [endLabels(totals.map((total) => format(total, x.unit)))],
    options: {
      ...options(
          {
            x: {...axis({log: false, ...x}, totals), stacked: true},
            y: {
              stacked: true,
              grid: {display: false},
              ticks: {color: colour("text"), autoSkip: false, font: {size: narrow() ? 10 : 12}}
            },
          },
          {x: x.unit}, pieces.length > 1, "rect"),
      layout: {padding: {right: 62}},
      indexAxis: "y",
      interaction: {mode: "nearest", axis: "y", intersect: false},
    },
  };
}

/* What a bar comes to, behind its end: it can be too small to see. */
function endLabels(texts) {
  return {
    id: "ends",
    afterDatasetsDraw(chart) {
      const {ctx} = chart;
      ctx.save();
      ctx.fillStyle = colour("text");
      ctx.font = `${narrow() ? 10 : 12}px ${Chart.defaults.font.family}`;
      ctx.textBaseline = "middle";
      texts.forEach((text, row) => {
        const ends = chart.getSortedVisibleDatasetMetas().map((meta) => meta.data[row]).filter(Boolean);
        if (ends.length)
          ctx.fillText(text, Math.max(...ends.map((end) => end.x || 0), chart.chartArea.left) + 6, ends[0].y);
      });
      ctx.restore();
    },
  };
}

function barHeight(labels) {
  const lines = labels.map((label) => [wrapped(label)].flat().length);
  return 96 + lines.reduce((sum, count) => sum + Math.max(28, count * 15 + 10), 0);
}

/* series: [{label, points: [{x, y, name}]}]; `front` joins points by a line. */
function pointChart(x, y, series, front) {
  const points = series.flatMap((one) => one.points);
  const made = lineChart({...x, ticksAtValues: false}, y, series);
  made.data.datasets.forEach((one) => Object.assign(one, {showLine: false, pointRadius: 6}));
  made.data.datasets.push({
    label: "best for its cost",
    data: front,
    showLine: true,
    pointRadius: 0,
    borderColor: colour("soft"),
    borderWidth: 1.5,
    borderDash: [4, 4],
    backgroundColor: colour("soft"),
    stepped: "before",
    pointStyle: "line",
  });
  made.options.scales.x = axis({...x, ticksAtValues: false}, points.map((point) => point.x));
  made.options.plugins.legend.display = true;
  return made;
}
