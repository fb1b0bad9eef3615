const FALSE_CAUSES = [
  ["false_leaf", "a larger leaf was written"],
  ["false_untracked", "the method reports everything"],
  ["false_granule", "report granule"],
  ["false_ats", "a translation request"],
  ["false_residue", "dirty since before the start"],
  ["false_born", "mapped dirty"],
];
plots.push({
  id: "false",
  title: "False pages by cause",
  needs: FALSE_CAUSES.map(([name]) => name),
  varies: [],
  words: (rows) =>
      (isPresent("false_pages", rows) ?
           null :
           `No page was reported that is not truly dirty, in ${plural(rows.length, "cell")}.`),
  draw(rows) {
    const present = FALSE_CAUSES.filter(([name]) => isPresent(name, rows));
    return {
      finding:
          `${eachTrace(rows, (some) => `false pages: ${sayRange(some, (row) => get(row, "false_pages"), "pages")}.`)} ${
              present.length === 1 ? "The only cause" : "The causes"}: ${list(present.map(([, label]) => label))}.`,
      ...bars(rows, {
        x: {title: "pages reported and not truly dirty", unit: "pages"},
        pieces: FALSE_CAUSES.map(([name, label], index) => ({label, colour: index, value: (row) => get(row, name)}))
      })
    };
  },
});
