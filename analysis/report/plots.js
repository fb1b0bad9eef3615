/* The plots, in the order of their files. Each: {id, title, needs: columns that have values, varies: parameters that
 * must vary, words(rows): says it in a sentence instead, or null, draw(rows): {finding, figures, table, notes}}. */
const plots = [];
