plots.push({
  id: "missed",
  title: "Missed and lost pages",
  needs: ["missed_pages", "lost_pages"],
  varies: [],
  words: (rows) =>
      (isPresent("missed_pages", rows) || isPresent("lost_pages", rows) ?
           null :
           `No page was missed by a harvest and none was lost at the end, in ${plural(rows.length, "cell")}.`),
  draw(rows) {
    const missed = (row) => get(row, "missed_pages"), lost = (row) => get(row, "lost_pages");
    const clean = rows.filter((row) => !missed(row) && !lost(row)).length;
    const finding = eachTrace(
                        rows,
                        (some) => `missed by a harvest: ${sayRange(some, missed, "pages")}; lost at the end: ${
                            sayRange(some, lost, "pages")}.`) +
        ` ${
                        clean ? `${plural(clean, "cell")} of ${formatCount(rows.length)} missed nothing.` :
                                "Every cell missed some."}`;
    if (!varying(rows).includes(parameter("iotlb_entries")))
      return {
        finding,
        ...bars(rows, {
          x: {title: "truly dirty pages", unit: "pages"},
          pieces: [
            {label: "missed by a harvest", colour: 1, value: missed}, {label: "lost at the end", colour: 3, value: lost}
          ]
        })
      };
    const parts =
        [["missed pages", missed], ["lost pages", lost]]
            .filter(([, value]) => rows.some(value))
            .map(([title, value]) => curves(rows, {
                   x: "iotlb_entries",
                   y: {title, unit: "pages"},
                   value,
                   log: {
                     x: !rows.some(
                         (row) => parameter("iotlb_entries").words[at(row, parameter("iotlb_entries"))] === "0")
                   }
                 }));
    return {
      finding,
      figures: parts.flatMap((part) => part.figures),
      table: element("div", {}, ...parts.map((part) => part.table)),
      notes: parts[0].notes
    };
  },
});
