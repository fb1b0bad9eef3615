plots.push({
  id: "cost",
  title: "Cost by cause",
  needs: COSTS.map((cost) => cost.name),
  varies: [],
  draw(rows) {
    const made = bars(rows, {
      x: {title: "cost over the whole trace", unit: "ns"},
      pieces: COSTS.map((cost, index) => ({label: cost.label, colour: index, value: (row) => costOf(row, cost)}))
    });
    return {
      finding: `${eachTrace(rows, (some) => `all costs together: ${sayRange(some, (row) => totalCost(row), "ns")}.`)} ${
          sensitivity(rows)}`,
      ...made,
      figures: [priceControls(rows), ...made.figures]
    };
  },
});

/* Does the cheapest design stay the cheapest when an assumed price is halved or doubled? */
function sensitivity(rows) {
  const trace = parameter("trace");
  const cheapest = (moved) => groupBy(rows, trace ? [trace] : [])
                                  .map((group) => {
                                    const costs = group.map((row) => totalCost(row, moved));
                                    const least = Math.min(...costs);
                                    return group.filter((_, index) => costs[index] === least).join(",");
                                  })
                                  .join(";");
  if (rows.length < 2 || rows.length > 2000) return "";
  const now = cheapest(factors);
  const upset =
      pricesUsed(rows)
          .filter(isAssumed)
          .flatMap(
              (price) => [0.5, 2].map(
                  (factor) => [price.name, factor, cheapest(new Map([
                                                     ...factors, [price.name, (factors.get(price.name) ?? 1) * factor]
                                                   ])) !== now]))
          .filter(([, , changes]) => changes);
  if (upset.length === 0)
    return "Which cells are the cheapest does not change when any one assumed price is halved or doubled.";
  return `Which cells are the cheapest changes when ${
      listSome(upset.map(([name, factor]) => `${name} is ${factor === 2 ? "doubled" : "halved"}`))}.`;
}

/* One slider for each price that matters, from a tenth to ten times. */
function priceControls(rows) {
  const reset = () => {
    factors.clear();
    showAll();
    document.getElementById("price-reset")?.focus();
  };
  return element(
      "fieldset", {class: "prices"},
      element("legend", {}, "Prices: move one, and every cost on this page is computed anew"),
      ...pricesUsed(rows).map((price) => priceControl(rows, price)),
      element(
          "div", {}, element("button", {type: "button", id: "price-reset", onclick: reset}, "Prices as they were")));
}

const SLIDER_STEPS = 20; /* for a factor of ten */

function priceControl(rows, price) {
  const id = "price-" + price.name;
  const output = element("output", {"for": id});
  const tell = () => {
    output.textContent = sayPrice(rows, price);
    slider.setAttribute("aria-valuetext", output.textContent);
  };
  const move = (event) => {
    const step = Number(event.target.value);
    if (step === 0)
      factors.delete(price.name);
    else
      factors.set(price.name, 10 ** (step / SLIDER_STEPS));
    tell();
    pricesMoved();
  };
  const step = Math.round(SLIDER_STEPS * Math.log10(factors.get(price.name) ?? 1));
  const slider =
      element("input", {type: "range", id, min: -SLIDER_STEPS, max: SLIDER_STEPS, step: 1, value: step, oninput: move});
  tell();
  const assumed = price.assumed ? `assumed: ${price.assumed}` : "assumed";
  const mark = isAssumed(price) ? element("span", {class: "assumed"}, assumed) : null;
  return element(
      "div", {}, output, element("label", {"for": id, title: price.help, class: "name"}, price.name, " ", mark),
      slider);
}

function sayPrice(rows, price) {
  const values = [...new Set(rows.map((row) => Number(priceOf(row, price.name)) / 1000))].sort((a, b) => a - b);
  const factor = factors.get(price.name);
  const text = values.length === 1 ? format(values[0], "ns") :
                                     `${format(values[0], "ns")} – ${format(values[values.length - 1], "ns")}`;
  return factor === undefined ? text : `${text} (× ${digits(factor)})`;
}
