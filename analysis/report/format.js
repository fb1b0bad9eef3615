/* Numbers and names for people; the unit is always there. */

const THIN = "\u202f";

function digits(value) {
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size < 0.001) return value.toExponential(1);
  const text = size >= 100 ? value.toFixed(0) : Number(value.toPrecision(3)).toString();
  return text;
}

/* 123 789 up to a million, then 1.24 M. */
function formatCount(value) {
  const size = Math.abs(value);
  if (size >= 1e15) return value.toExponential(2);
  for (const [step, letter] of [[1e12, "T"], [1e9, "G"], [1e6, "M"]])
    if (size >= step) return digits(value / step) + THIN + letter;
  if (size >= 1000) return Math.round(value).toString().replace(/\B(?=(\d{3})+$)/g, THIN);
  return Number.isInteger(value) ? String(value) : digits(value);
}

function formatShort(value) {
  return Math.abs(value) >= 10000 && Math.abs(value) < 1e6 ? digits(value / 1000) + THIN + "k" : formatCount(value);
}

function formatSteps(value, steps) {
  const size = Math.abs(value);
  for (const [step, unit] of steps)
    if (size >= step) return digits(value / step) + THIN + unit;
  return digits(value) + THIN + steps[steps.length - 1][1];
}

const TIMES = [[1e9, "s"], [1e6, "ms"], [1e3, "µs"], [1, "ns"]];
const SIZES = [[2 ** 50, "PiB"], [2 ** 40, "TiB"], [2 ** 30, "GiB"], [2 ** 20, "MiB"], [2 ** 10, "KiB"], [1, "B"]];
const RATES = [[1e9, "GB/s"], [1e6, "MB/s"], [1e3, "kB/s"], [1, "B/s"]];

/* A value in the unit of its column. */
function format(value, unit, axis = false) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  switch (unit) {
    case "ns":
      return value === 0 ? "0" + THIN + "ns" : formatSteps(value, TIMES);
    case "bytes":
      return formatSteps(value, SIZES);
    case "bytes/s":
      return formatSteps(value, RATES);
    case "×":
      return (value >= 1000 ? formatCount(Math.round(value)) : axis ? digits(value) : value.toFixed(2)) + THIN + "×";
    case "%":
      return (axis ? digits(100 * value) : (100 * value).toFixed(2)) + THIN + "%";
    default:
      return axis ? formatShort(value) : formatCount(value);
  }
}

/* "harvest_interval_ns" is said "harvest interval": its values carry the unit. */
function sayName(name, unit) {
  const suffix = "_" + unit;
  const bare = unit && name.endsWith(suffix) && name.length > suffix.length ? name.slice(0, -suffix.length) : name;
  return bare.replace(/_bytes$/, "").replaceAll("_", " ");
}

/* A parameter as results.csv has it ("4096+2097152") in its unit. */
function sayValue(text, unit) {
  if (text === "") return "–"; /* this design does not look at it */
  if (!unit) return text;
  return text.split("+").map((part) => (/^[0-9.]+$/.test(part) ? format(Number(part), unit) : part)).join(" + ");
}

function plural(count, word) {
  return formatCount(count) + " " + word + (count === 1 ? "" : "s");
}

/* "a, b and c" */
function list(words) {
  return words.length < 2 ? words.join("") : words.slice(0, -1).join(", ") + " and " + words[words.length - 1];
}

/* "a, b and 3 more" */
function listSome(words, most = 4) {
  return words.length <= most ? list(words) :
                                words.slice(0, most - 1).join(", ") + " and " + (words.length - most + 1) + " more";
}
