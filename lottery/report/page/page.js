"use strict";
// Draws the report from the JSON in the page. Whatever comes from a run is set as text, never as markup.

const data = JSON.parse(document.getElementById("data").textContent);
const SVG = "http://www.w3.org/2000/svg";
const DASHES = ["", "6 3", "2 3", "8 3 2 3"];
const MEASURES = {
  test_accuracy: { label: "test accuracy at the end, %", scale: 100, digits: 2 },
  early_stop_step: { label: "early-stop step", scale: 1, digits: 0 },
  early_stop_test_accuracy: { label: "test accuracy at the early-stop step, %", scale: 100, digits: 2 },
};
const ARM = (arm) => (arm === "main" ? "ticket" : arm);
const colour = (arm) => `var(--${["main", "reinit", "random", "shuffle"].includes(arm) ? arm : "other"})`;
const SEVERAL = data.studies.length > 1;
// Of a study among several: hues a golden angle apart, so that neighbours differ however many there are.
const studyColour = (index) => (SEVERAL ? `hsl(${(205 + 137.5 * index) % 360} 60% 48%)` : undefined);
const number = (value, digits) =>
  value.toLocaleString("en", { minimumFractionDigits: digits, maximumFractionDigits: digits });

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

// Operations in words, such as 160 G.
function operations(count) {
  if (count === null) return "";
  const units = ["", " k", " M", " G", " T", " P", " E"];
  const power = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(Math.max(count, 1)) / 3)));
  return Number((count / 1000 ** power).toPrecision(3)) + units[power];
}

// A table whose columns can be sorted: columns of {title, value, text, textual}.
function table(columns, rows, caption) {
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
            return element("td", kind ? { class: kind } : {}, column.text(row));
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
  const whole = element("table", {}, element("caption", { class: "soft" }, caption), element("thead", {}, head), body);
  return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, whole);
}

function ticks(low, high, wanted) {
  const rough = (high - low) / wanted || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
  const found = [];
  for (let at = Math.ceil(low / step) * step; at <= high + step * 1e-9; at += step) found.push(at);
  return { found, digits: Math.max(0, -Math.floor(Math.log10(step))) };
}

// series: [{name, arm, dash, points: [{x, y, half, tip, dots}]}]; x runs from high to low where `reversed`.
function chart(figure, series, options) {
  const [width, height, left, right, top, bottom] = [760, 380, 64, 16, 14, 46];
  const svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": options.title }, figure);
  const tip = element("div", { class: "tip", hidden: "", role: "status" });
  figure.append(tip);
  const all = series.flatMap((one) => one.points);
  if (!all.length) {
    shape("text", { x: width / 2, y: height / 2, "text-anchor": "middle" }, svg).textContent = "nothing is switched on";
    return;
  }
  const map = (value) => (options.log ? Math.log10(value) : value);
  const xs = all.map((point) => map(point.x));
  const lows = all.map((point) => point.y - (point.half || 0));
  const highs = all.map((point) => point.y + (point.half || 0));
  if (options.band) [lows, highs].forEach((list) => list.push(options.band.low, options.band.high));
  let [x0, x1] = [Math.min(...xs), Math.max(...xs)];
  if (x0 === x1) [x0, x1] = [x0 - 0.5, x1 + 0.5];
  let [y0, y1] = [Math.max(Math.min(...lows), options.floor ?? -Infinity), Math.max(...highs)];
  if (y0 === y1) [y0, y1] = [y0 - 1, y1 + 1];
  const pad = 0.04 * (y1 - y0);
  [y0, y1] = [y0 - pad, y1 + pad];
  const px = (value) => {
    const share = (map(value) - x0) / (x1 - x0);
    return left + 8 + (options.reversed ? 1 - share : share) * (width - left - right - 16);
  };
  const py = (value) => top + (1 - (Math.max(value, y0) - y0) / (y1 - y0)) * (height - top - bottom);
  const yTicks = ticks(y0, y1, 6);
  for (const at of yTicks.found) {
    shape("line", { x1: left, x2: width - right, y1: py(at), y2: py(at), class: "grid" }, svg);
    shape("text", { x: left - 8, y: py(at) + 4, "text-anchor": "end" }, svg).textContent = number(at, yTicks.digits);
  }
  let last = null;
  const marks = options.xTicks ?? ticks(x0, x1, 7).found;
  for (const at of marks) {
    if (last !== null && Math.abs(px(at) - last) < 44) continue;
    last = px(at);
    shape("line", { x1: last, x2: last, y1: top, y2: height - bottom, class: "grid" }, svg);
    shape("text", { x: last, y: height - bottom + 18, "text-anchor": "middle" }, svg).textContent = options.xText(at);
  }
  shape("text", { x: (left + width - right) / 2, y: height - 8, "text-anchor": "middle" }, svg).textContent = options.x;
  if (options.band) {
    const { low, high, mean } = options.band;
    const box = { x: left, width: width - left - right, y: py(high), height: Math.max(0, py(low) - py(high)), class: "band" };
    shape("rect", box, svg);
    shape("line", { x1: left, x2: width - right, y1: py(mean), y2: py(mean), class: "dense" }, svg);
  }
  const show = (point, node) => {
    tip.textContent = point.tip;
    tip.hidden = false;
    const [frame, at] = [figure.getBoundingClientRect(), node.getBoundingClientRect()];
    const x = Math.min(at.left - frame.left + 12, Math.max(0, frame.width - tip.offsetWidth - 4));
    tip.style.left = `${x}px`;
    tip.style.top = `${at.top - frame.top + 14}px`;
  };
  const points = document.createElementNS(SVG, "g"); // above all lines, so that each can be pointed at
  for (const one of series) {
    const style = `stroke: ${one.colour ?? colour(one.arm)}`;
    const path = one.points.map((point, index) => `${index ? "L" : "M"}${px(point.x).toFixed(1)} ${py(point.y).toFixed(1)}`);
    shape("path", { d: path.join(" "), class: "line", style, "stroke-dasharray": one.dash ?? "" }, svg);
    for (const point of one.points) {
      if (point.half) {
        const [x, low, high] = [px(point.x), py(point.y - point.half), py(point.y + point.half)];
        shape("path", { d: `M${x} ${low}V${high}M${x - 3} ${low}h6M${x - 3} ${high}h6`, class: "bar", style, fill: "none" }, svg);
      }
      if (options.quiet) continue;
      const fill = `fill: ${one.colour ?? colour(one.arm)}`;
      const dot = { cx: px(point.x), cy: py(point.y), r: 4, class: "point", style: fill, tabindex: "0", role: "img" };
      const node = shape("circle", { ...dot, "aria-label": point.tip.replaceAll("\n", ", ") }, points);
      for (const event of ["mouseenter", "focus"]) node.addEventListener(event, () => show(point, node));
      for (const event of ["mouseleave", "blur"]) node.addEventListener(event, () => (tip.hidden = true));
    }
  }
  svg.append(points);
}

function check(name, on, change, swatch) {
  const box = element("input", { type: "checkbox" });
  box.checked = on;
  box.addEventListener("change", () => change(box.checked));
  const mark = element("span", { class: "swatch", "aria-hidden": "true" });
  if (swatch) mark.style.background = swatch;
  return element("label", {}, box, ...(swatch ? [mark] : []), name);
}

function choice(name, entries, change) {
  const select = element("select", {}, ...entries.map(([value, text]) => element("option", { value }, text)));
  select.addEventListener("change", () => change(select.value));
  return element("label", {}, name, select);
}

function densityFigure(parent) {
  const arms = [...new Set(data.studies.flatMap((study) => study.levels.map((level) => level.arm)))];
  const there = Object.keys(MEASURES).filter((key) => data.studies.some((study) => study.levels.some((one) => one[key])));
  const state = { key: there[0], log: true, arms: new Set(SEVERAL ? ["main"] : arms), studies: new Set(data.studies.keys()) };
  const figure = element("figure", { id: "density" });
  const said = element("p", { class: "soft", id: "band" });
  const draw = () => {
    figure.replaceChildren();
    const { scale, digits, label } = MEASURES[state.key];
    const series = [];
    for (const [index, study] of data.studies.entries()) {
      if (!state.studies.has(index)) continue;
      for (const arm of arms.filter((one) => state.arms.has(one))) {
        const own = study.levels.filter((level) => level.arm === arm && level[state.key]);
        own.sort((a, b) => b.density - a.density);
        const points = own.map((level) => ({
          x: 100 * level.density,
          y: scale * level[state.key].mean,
          half: scale * (level[state.key].half_width ?? 0),
          tip:
            (SEVERAL ? `${study.title}\n` : "") +
            `${ARM(arm)}, level ${level.level}\n${number(100 * level.density, 1)} % of weights\n` +
            `${written(level[state.key], scale, digits)}\n` +
            level[state.key].values.map((value) => number(scale * value, digits)).join("  "),
        }));
        if (points.length) {
          series.push({ arm, colour: studyColour(index), dash: SEVERAL ? DASHES[arms.indexOf(arm) % DASHES.length] : "", points });
        }
      }
    }
    // Of one model and data there is one band; of several, none.
    const beside = new Set([...state.studies].map((index) => data.studies[index].dense).filter((index) => index !== null));
    const [from] = beside;
    const dense = beside.size === 1 && data.studies[from].levels.find((one) => one.level === 0 && one[state.key]);
    const half = dense ? scale * (dense[state.key].half_width ?? 0) : 0;
    const mean = dense ? scale * dense[state.key].mean : 0;
    const densities = [...new Set(series.flatMap((one) => one.points.map((point) => point.x)))].sort((a, b) => b - a);
    chart(figure, series, {
      title: `${label} against the share of weights that remain`, x: "weights remaining, %", log: state.log, reversed: true,
      xTicks: state.log ? densities : undefined, xText: (at) => number(at, at < 99.95 ? 1 : 0),
      band: dense ? { mean, low: mean - half, high: mean + half } : null,
    });
    said.textContent = !dense ? "There is no one dense network to draw." : SEVERAL ? `Band: the dense network of ${data.studies[from].title}.` : "";
  };
  const controls = element("div", { class: "controls" });
  controls.append(choice("show ", there.map((key) => [key, MEASURES[key].label]), (key) => ((state.key = key), draw())));
  for (const arm of arms) {
    const toggle = (on) => (state.arms[on ? "add" : "delete"](arm), draw());
    controls.append(check(ARM(arm), state.arms.has(arm), toggle, SEVERAL ? undefined : colour(arm)));
  }
  controls.append(check("logarithmic", true, (on) => ((state.log = on), draw())));
  if (SEVERAL) {
    data.studies.forEach((study, index) => {
      const toggle = (on) => (state.studies[on ? "add" : "delete"](index), draw());
      controls.append(check(study.title, true, toggle, studyColour(index)));
    });
  }
  parent.append(controls, figure, said);
  draw();
}

function curvesFigure(parent) {
  const options = data.studies.flatMap((study, index) =>
    [...new Set(study.curves.map((curve) => curve.arm))].map((arm) => [
      `${index}/${arm}`, (SEVERAL ? `${study.title}: ` : "") + ARM(arm),
    ]),
  );
  if (!options.length) return;
  const figure = element("figure", { id: "curves" });
  const legend = element("div", { class: "controls" });
  const draw = (value) => {
    figure.replaceChildren();
    legend.replaceChildren();
    const [index, arm] = value.split("/");
    const study = data.studies[Number(index)];
    const own = study.curves.filter((curve) => curve.arm === arm || (curve.level === 0 && curve.arm === "main"));
    const shown = own.filter((_, at) => own.length <= 7 || at % Math.ceil(own.length / 7) === 0 || at === own.length - 1);
    const ends = shown.map((curve) => 100 * curve.points.at(-1)[1]);
    const series = shown.map((curve, at) => {
      const ink = `hsl(${220 - (200 * at) / Math.max(1, shown.length - 1)} 65% 52%)`;
      const mark = element("span", { class: "swatch", "aria-hidden": "true" });
      mark.style.background = ink;
      legend.append(element("span", {}, mark, ` ${number(100 * curve.density, 1)} %`));
      return { colour: ink, points: curve.points.map(([x, y]) => ({ x, y: 100 * y, tip: "" })) };
    });
    const spread = Math.max(...ends) - Math.min(...ends);
    chart(figure, series, {
      title: `test accuracy against the training step, ${ARM(arm)}`, x: "training step; colours: weights remaining",
      xText: (at) => number(at, 0), quiet: true, floor: Math.min(...ends) - Math.max(2 * spread, 2),
    });
  };
  const controls = element("div", { class: "controls" }, choice("show ", options, draw));
  parent.append(controls, figure, legend);
  draw(options[0][0]);
}

function tables(parent, study) {
  const cell = (key) => {
    const { scale, digits, label } = MEASURES[key];
    return { title: label, value: (row) => row[key]?.mean ?? null, text: (row) => written(row[key], scale, digits) };
  };
  const columns = [
    { title: "level", value: (row) => row.level, text: (row) => String(row.level) },
    { title: "arm", value: (row) => row.arm, text: (row) => ARM(row.arm), textual: true },
    { title: "weights, %", value: (row) => row.density, text: (row) => number(100 * row.density, 1) },
    ...Object.keys(MEASURES).filter((key) => study.levels.some((row) => row[key])).map(cell),
    { title: "compression", value: (row) => row.compression_ratio,
      text: (row) => (row.compression_ratio ? `${number(row.compression_ratio, 1)}×` : "") },
    { title: "theoretical speed-up", value: (row) => row.theoretical_speedup,
      text: (row) => (row.theoretical_speedup ? `${number(row.theoretical_speedup, 1)}×` : "") },
    { title: "inference FLOPs", value: (row) => row.flops, text: (row) => operations(row.flops) },
    { title: "training FLOPs", value: (row) => row.train_flops, text: (row) => operations(row.train_flops) },
    { title: "of dense", value: (row) => row.train_flops_of_dense,
      text: (row) => (row.train_flops_of_dense === null ? "" : `${number(100 * row.train_flops_of_dense, 1)} %`) },
    { title: "with rounds before", value: (row) => row.total_train_flops, text: (row) => operations(row.total_train_flops) },
    // A share of what its chunk took, the same for all of its networks: no interval.
    { title: "seconds measured", value: (row) => row.train_seconds?.mean ?? null,
      text: (row) => (row.train_seconds ? number(row.train_seconds.mean, 1) : "") },
    { title: "networks", value: (row) => row.networks, text: (row) => row.networks + (row.diverged ? ` (${row.diverged} diverged)` : "") },
  ];
  parent.append(table(columns, study.levels, "means ± half widths of 95 % t-intervals over replicates; select a heading to sort"));
  if (!study.verdicts.length) return;
  const judged = [
    { title: "question", value: (row) => row.name, text: (row) => row.name, textual: true },
    { title: "level", value: (row) => row.level, text: (row) => String(row.level) },
    { title: "weights, %", value: (row) => row.density, text: (row) => number(100 * row.density, 1) },
    { title: "answer", value: (row) => row.answer, text: (row) => row.answer, textual: true, style: (row) => row.answer },
    { title: "because", value: (row) => row.numbers, text: (row) => row.numbers, textual: true },
    { title: "to settle it", value: (row) => row.missing, text: (row) => row.missing, textual: true },
  ];
  const write = () => table(judged, study.verdicts, "verdicts; what the ± of a difference is stands above, under the answers");
  parent.append(folded("all verdicts, with the numbers they rest on", (inside) => inside.append(write())));
}

// What is made when it is first opened: thousands of cells that nobody looks at cost seconds.
function folded(title, fill) {
  const made = element("details", {}, element("summary", {}, title));
  made.addEventListener("toggle", () => fill(made), { once: true });
  return made;
}

function methods(parent) {
  const columns = [
    { title: "weights, %", value: (row) => row.density, text: (row) => number(100 * row.density, 1) },
    { title: "study", value: (row) => row.label, text: (row) => row.label, textual: true },
    { title: "test accuracy, %", value: (row) => row.accuracy?.mean ?? null,
      text: (row) => (row.accuracy ? written(row.accuracy, 100, 2) : "diverged") },
    { title: "minus dense, points", value: (row) => row.difference?.mean ?? null, text: (row) => written(row.difference, 100, 2) },
    { title: "matching", value: (row) => row.matching, text: (row) => (row.difference ? row.matching : ""), textual: true,
      style: (row) => row.matching },
    { title: "inference FLOPs", value: (row) => row.flops, text: (row) => operations(row.flops) },
    { title: "training FLOPs", value: (row) => row.train_flops, text: (row) => operations(row.train_flops) },
    { title: "with rounds before", value: (row) => row.total_train_flops, text: (row) => operations(row.total_train_flops) },
  ];
  parent.append(
    element("h3", {}, "studies by density"),
    table(columns, data.methods, "controls left out; minus dense: paired by seed and replicate, model and data being the same; ± as in the verdicts"),
  );
}

const place = document.getElementById("report");
densityFigure(place.querySelector("#figure-density"));
curvesFigure(place.querySelector("#figure-curves"));
const section = place.querySelector("#tables");
if (SEVERAL) methods(section);
for (const study of data.studies) {
  if (data.studies.length > 3) {
    section.append(folded(study.title, (inside) => tables(inside, study)));
  } else {
    section.append(element("h3", {}, study.title));
    tables(section, study);
  }
}
