"use strict";
// Draws the report from the JSON in the page. Whatever comes from a run is set as text, never as markup.

const data = JSON.parse(document.getElementById("data").textContent);
const SVG = "http://www.w3.org/2000/svg";
const DASHES = ["", "6 3", "2 3", "8 3 2 3"];
// An arm's colour goes by its place: the networks that studies are about come first, then controls.
const COLOURS = 6;
const armColour = (place) => `var(--${place < COLOURS ? `arm-${place}` : "other"})`;
const colour = (index) => armColour(data.series[index].place);
const SEVERAL = data.studies.length > 1;
// Of a study among several: hues a golden angle apart, so that neighbours differ however many there are.
const studyColour = (index) => (SEVERAL ? `hsl(${(205 + 137.5 * index) % 360} 60% 48%)` : undefined);
const number = (value, digits) =>
  value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });
// A number of any size, in so many digits.
const brief = (value, digits) => {
  const size = Math.abs(value);
  if (value !== 0 && (size >= 1e6 || size < 1e-4)) return Number(value.toPrecision(digits)).toExponential();
  return value.toLocaleString("en", { maximumSignificantDigits: digits });
};
// A density, in percent: no two levels of a long study read 0.0.
const percent = (share) => {
  const value = 100 * share;
  if (value === 0 || value >= 99.95) return number(value, 0);
  return value >= 0.1 ? number(value, 1) : String(Number(value.toPrecision(2)));
};

function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

function shape(name, attributes, parent) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  parent.append(made);
  return made;
}

function written(estimate, scale, digits) {
  if (!estimate) return "";
  const half = estimate.half_width === null ? "" : ` ± ${number(scale * estimate.half_width, digits)}`;
  return `${number(scale * estimate.mean, digits)}${half}`;
}

// The ends of an interval as they are drawn: no further than a value can be, whatever a t-interval says.
function ends(mean, half, limits) {
  const [least, most] = [limits[0] ?? -Infinity, limits[1] ?? Infinity];
  return { low: Math.max(mean - half, Math.min(least, mean)), high: Math.min(mean + half, Math.max(most, mean)) };
}

// Operations in words, such as 160 G.
function operations(count) {
  if (count === null) return "";
  const units = ["", " k", " M", " G", " T", " P", " E"];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(count, 1)) / 3)));
  return Number((count / 1000 ** power).toPrecision(3)) + units[power];
}

// A table whose columns can be sorted: columns of {title, value, text, textual, style: class, shade: CSS}.
function table(columns, rows, caption, look = "") {
  const body = element("tbody");
  const head = element("tr");
  const fill = (ordered) =>
    body.replaceChildren(
      ...ordered.map((row) =>
        element(
          "tr",
          {},
          ...columns.map((column) => {
            const kind = [column.textual ? "text" : "", column.style ? column.style(row) : ""].join(" ").trim();
            const shade = column.shade ? { style: column.shade(row) } : {};
            return element("td", { ...(kind ? { class: kind } : {}), ...shade }, column.text(row));
          }),
        ),
      ),
    );
  for (const column of columns) {
    const button = element("button", { type: "button" }, column.title);
    const cell = element("th", { scope: "col", "aria-sort": "none", ...(column.textual ? { class: "text" } : {}) }, button);
    button.addEventListener("click", () => {
      const up = cell.getAttribute("aria-sort") !== "ascending";
      for (const other of head.children) other.setAttribute("aria-sort", "none");
      cell.setAttribute("aria-sort", up ? "ascending" : "descending");
      const sign = up ? 1 : -1;
      fill(
        [...rows].sort((a, b) => {
          const [left, right] = [column.value(a), column.value(b)];
          if (left === null || right === null) return (left === null) - (right === null);
          return sign * (left < right ? -1 : left > right ? 1 : 0);
        }),
      );
    });
    head.append(cell);
  }
  fill(rows);
  const whole = element("table", { class: look }, element("thead", {}, head), body);
  // Beside the table, not in it: a caption is as wide as its table, which may be wider than the page.
  const scroll = element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, whole);
  return element("div", {}, element("p", { class: "soft caption" }, caption), scroll);
}

function swatch(ink) {
  const mark = element("span", { class: "swatch", "aria-hidden": "true" });
  mark.style.background = ink;
  return mark;
}

function check(name, on, change, ink) {
  const box = element("input", { type: "checkbox" });
  box.checked = on;
  box.addEventListener("change", () => change(box.checked));
  return element("label", {}, box, ...(ink ? [swatch(ink)] : []), name);
}

function choice(name, entries, change) {
  const select = element("select", {}, ...entries.map(([value, text]) => element("option", { value }, text)));
  select.addEventListener("change", () => change(select.value));
  return element("label", {}, element("span", { class: "of" }, name), select);
}

// What is made when it is first opened: thousands of cells that nobody looks at cost seconds.
function folded(title, fill) {
  const made = element("details", {}, element("summary", {}, title));
  made.addEventListener("toggle", () => fill(made), { once: true });
  return made;
}
