/* What report.py asks of a page; put into it after it is loaded. Each function returns what is wrong. */
window.checks = {
  blankCharts() {
    const blank = (canvas) => {
      const pixels = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
      const colours = new Set();
      for (let i = 0; i < pixels.length; i += 4)
        if (pixels[i + 3] > 200) colours.add(pixels[i] << 16 | pixels[i + 1] << 8 | pixels[i + 2]);
      return colours.size < 4 ||
          Chart.getChart(canvas).getSortedVisibleDatasetMetas().every((meta) => !meta.data.length);
    };
    return [...document.querySelectorAll("canvas")].filter(blank).map((canvas) => canvas.getAttribute("aria-label"));
  },

  accessibility() {
    const faults = [];
    const expect = (good, fault) => good || faults.push(fault);
    const all = (query) => [...document.querySelectorAll(query)];
    const named = (one) => one.getAttribute("aria-label") || one.textContent.trim();
    expect(document.documentElement.lang === "en" && document.title.includes("dirtywalk"), "language or title");
    expect(all("h1").length === 1 && all("h1")[0].textContent, "one heading of the page");
    for (const mark of ["main", "nav", "header", "footer"]) expect(all(mark).length === 1, "landmark " + mark);
    for (const one of all("section"))
      expect(document.getElementById(one.getAttribute("aria-labelledby"))?.textContent, "section without a name");
    for (const one of all("input, select"))
      expect(one.labels.length && one.labels[0].textContent.trim(), "control without a label: " + one.id);
    for (const one of all("table")) expect(one.caption?.textContent, "table without a caption");
    for (const one of all("th")) expect(one.scope, "head without a scope: " + one.textContent);
    for (const one of all("button, a, summary, canvas")) expect(named(one), "without a name: " + one.outerHTML);
    for (const one of all("canvas")) {
      expect(one.getAttribute("role") === "img", "chart that is no image: " + named(one));
      expect(one.closest("section").querySelector(".numbers table"), "chart without its numbers: " + named(one));
    }
    for (const one of all("[tabindex]")) expect(one.tabIndex <= 0, "focus out of order");
    for (const one of all(".scroll, pre")) expect(one.tabIndex === 0, "scrolls without the keyboard");
    for (const one of all("#contents a")) expect(document.querySelector(one.hash), "link to nothing: " + one.hash);
    const ids = all("[id]").map((one) => one.id);
    expect(new Set(ids).size === ids.length, "an id twice");
    return faults;
  },

  /* 4.5 for text, 3 for marks (WCAG 2.1, 1.4.3 and 1.4.11). */
  lowContrast() {
    const style = getComputedStyle(document.documentElement);
    const parts = (name) => {
      const text = style.getPropertyValue("--" + name).trim().slice(1);
      const wide = text.length === 3 ? [...text].map((digit) => digit + digit).join("") : text;
      return [0, 2, 4].map((at) => parseInt(wide.slice(at, at + 2), 16) / 255);
    };
    const linear = (part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    const light = (name) => {
      const [r, g, b] = parts(name).map(linear);
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const contrast = (a, b) => {
      const [x, y] = [light(a), light(b)].sort((p, q) => q - p);
      return (x + 0.05) / (y + 0.05);
    };
    const pairs = [
      ["text", "page", 4.5], ["soft", "page", 4.5], ["soft", "panel", 4.5], ["accent", "page", 4.5],
      ["text", "best", 4.5], ["text", "panel", 4.5], ["c0", "page", 3], ["c1", "page", 3], ["c2", "page", 3]
    ];
    return pairs.filter(([a, b, least]) => contrast(a, b) < least).map(([a, b]) => [a, b, contrast(a, b)]);
  },

  wrongCosts() {
    const wrong = [];
    for (let row = 0; row < data.rows; row++)
      for (const cost of COSTS)
        if (BigInt(costOf(row, cost)) !== exact(row, cost.name))
          wrong.push([row, cost.name, costOf(row, cost), get(row, cost.name)]);
    return wrong;
  },

  focusIsInOrder() {
    const some = [...document.querySelectorAll("a[href], button, input, select, summary, [tabindex='0']")];
    return some.every((one, i) => i === 0 || (some[i - 1].compareDocumentPosition(one) & 4) > 0);
  },

  /* The column of the verdict whose head begins so. */
  column(title) {
    const heads = [...document.querySelectorAll("#verdict thead th")];
    const at = heads.findIndex((one) => one.innerText.trim().startsWith(title));
    return [...document.querySelectorAll("#verdict tbody tr")].map((line) => line.children[at].firstChild.textContent);
  },

  choose(id, value) {
    const one = document.getElementById(id);
    one.value = value;
    one.dispatchEvent(new Event("change"));
    return one.selectedOptions[0].textContent;
  },

  shown(query) {
    const one = document.querySelector(query);
    return one ? one.getClientRects().length > 0 : null;
  },

  look() {
    return [document.documentElement.dataset.theme ?? "", getComputedStyle(document.body).backgroundColor];
  },

  watchPrinting() {
    window.seen = [];
    for (const moment of ["beforeprint", "afterprint"])
      window.addEventListener(moment, () => window.seen.push([moment, ...checks.look()]));
  },

  axes(query) {
    return Object.values(Chart.getChart(document.querySelector(query)).options.scales).map((scale) => scale.type);
  },
};
