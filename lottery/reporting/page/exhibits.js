// What probes and analyses found: charts, maps and matrices of any kind, as the data say.

const ROUND = 6; // so many places have colours of their own; then they come back, with another dash
const inkOf = (one) => (one.shade === null ? armColour(one.place % ROUND) : shadeColour(one.shade));
const dashOf = (one) => {
  const round = one.shade === null ? Math.floor(one.place / ROUND) : 0;
  return one.dashed ? DASHES[1] : DASHES[round % DASHES.length];
};

// How a line, or a spot, looks in a legend.
function sample(look) {
  const svg = shape("svg", { viewBox: "0 0 26 12", class: "sample", "aria-hidden": "true" }, element("span"));
  if (look.spot) {
    shape("circle", { cx: 13, cy: 6, r: 4, style: spotStyle(look) }, svg);
  } else {
    const line = { d: "M1 6H25", class: "line", style: `stroke: ${look.ink}`, "stroke-dasharray": look.dash };
    shape("path", line, svg);
  }
  return svg;
}

const spotStyle = (look) => `fill: ${look.hollow ? "var(--panel)" : look.ink}; stroke: ${look.ink}; stroke-width: 2`;

// A box for each label, to switch what it is of on and off.
function legend(labelled, state, again) {
  const looks = new Map(labelled.map(([label, look]) => [label, look]).reverse());
  return [...new Set(labelled.map(([label]) => label))].map((label) => {
    const made = check(label, true, (on) => (state.off[on ? "delete" : "add"](label), again()));
    made.insertBefore(sample(looks.get(label)), made.lastChild);
    return made;
  });
}

function exhibitFigure(parent, one) {
  if (one.kind === "matrix") return matrixTable(parent, one);
  parent.append(element("h3", {}, one.title));
  return one.kind === "map" ? mapFigure(parent, one) : curvesChart(parent, one);
}

function curvesChart(parent, one) {
  const [figure, controls, state] = [element("figure"), element("div", { class: "controls" }), { off: new Set(), bands: true }];
  const { log } = one;
  const xs = one.curves.flatMap((curve) => curve.stretches.flatMap((points) => points.map(([x]) => x)));
  const densities = [...new Set(xs)].filter((x) => x > 0).sort((a, b) => b - a);
  const xText = one.sparser_right ? (at) => percent(at / 100) : (at) => brief(at, 6);
  const told = (curve, [x, mean, half]) =>
    `${curve.label}\n${one.x}: ${xText(x)}\n${brief(mean, 4)}${half === null ? "" : ` ± ${brief(half, 2)}`}`;
  const draw = () => {
    const series = one.curves.filter((curve) => !state.off.has(curve.label)).flatMap((curve) =>
      curve.stretches.map((points) => {
        const marked = curve.points || points.length === 1;
        return {
          colour: inkOf(curve), dash: dashOf(curve), quiet: !marked,
          points: points.map((point) => {
            const [at, y, , low, high] = point;
            const x = log ? at * curve.aside : at + curve.aside;
            const sure = state.bands && low !== null;
            return { x, y, low, high, half: sure && marked, spread: sure && !marked, tip: told(curve, point) };
          }),
        };
      }),
    );
    chart(figure, series, {
      title: one.title, x: one.x, y: one.y, xText, log, logY: one.scales[1] === "log", across: one.across, marks: one.marks, wide: true,
      reversed: one.sparser_right, follow: series.some((line) => line.quiet),
      xTicks: one.sparser_right ? densities : log && densities.length ? powers(densities.at(-1), densities[0], 8).found : undefined,
    });
  };
  parent.append(figure, controls);
  const again = kept(figure, draw);
  controls.append(...legend(one.curves.map((curve) => [curve.label, { ink: inkOf(curve), dash: dashOf(curve) }]), state, again));
  const lines = { ink: "var(--soft)", dash: DASHES[2] };
  if (one.mark && one.marks.length) controls.append(element("label", {}, sample(lines), one.mark));
  controls.append(...one.across.map(([label]) => element("label", {}, sample({ ink: "var(--soft)", dash: "6 3" }), label)));
  if (one.curves.some((curve) => curve.stretches.some((points) => points.some((point) => point[3] !== null)))) {
    controls.append(check("95 % intervals", true, (on) => ((state.bands = on), again())));
  }
}

// From one place of the figure to another, with a head, and some way off both.
function arrow(group, from, to, ink) {
  const [dx, dy] = [to[0] - from[0], to[1] - from[1]];
  const length = Math.hypot(dx, dy);
  if (length < 14) return;
  const [ux, uy] = [dx / length, dy / length];
  const at = (along, aside) => `${(to[0] - along * ux - aside * uy).toFixed(1)} ${(to[1] - along * uy + aside * ux).toFixed(1)}`;
  const d = `M${at(length - 6, 0)}L${at(6, 0)}M${at(12, 4)}L${at(6, 0)}L${at(12, -4)}`;
  shape("path", { d, class: "arrow", style: `stroke: ${ink}` }, group);
}

function mapFigure(parent, one) {
  const [figure, controls, state] = [element("figure"), element("div", { class: "controls" }), { off: new Set() }];
  const places = one.spots.flatMap(({ at, towards }) => [at, ...(towards ? [towards] : [])]).map(([x, y]) => ({ x, y }));
  const draw = () => {
    const width = Math.max(280, figure.clientWidth);
    const height = Math.round(Math.min(560, Math.max(HEIGHTS.least, 0.75 * width)));
    const svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": one.title }, figure);
    const tip = teller(figure);
    if (!places.length) return;
    const options = { x: one.unit, y: one.unit, xText: (at) => brief(at, 4), equal: true };
    const frame = axes(svg, width, height, [{ points: places }], options);
    const pixels = ([x, y]) => [frame.px(x), frame.py(y)];
    const spots = one.spots.filter((spot) => !state.off.has(spot.label));
    for (const spot of spots) if (spot.towards) arrow(frame.group, pixels(spot.at), pixels(spot.towards), inkOf(spot));
    for (const spot of spots) {
      const [cx, cy] = pixels(spot.at);
      const text = `${[spot.label, spot.note].filter(Boolean).join(", ")}\n${spot.at.map((value) => brief(value, 3)).join(", ")}`;
      pointed(svg, { cx, cy, style: spotStyle({ ink: inkOf(spot), hollow: spot.hollow }) }, text, tip);
    }
  };
  parent.append(figure, controls);
  const again = kept(figure, draw);
  const look = (spot) => ({ ink: inkOf(spot), hollow: spot.hollow, spot: true });
  controls.append(...legend(one.spots.map((spot) => [spot.label, look(spot)]), state, again));
}

function matrixTable(parent, one) {
  const known = one.values.flat().filter((value) => value !== null);
  const [low, high] = [Math.min(...known), Math.max(...known)];
  const share = (value) => (high > low ? (value - low) / (high - low) : 0);
  const columns = one.columns.map((title, at) => ({
    title, value: ([, values]) => values[at], text: ([, values]) => (values[at] === null ? "" : brief(values[at], 3)),
    shade: ([, values]) =>
      values[at] === null ? "" : `background: color-mix(in oklab, var(--arm-0) ${(50 * share(values[at])).toFixed(0)}%, var(--panel))`,
  }));
  const names = { title: "", value: ([name]) => name, text: ([name]) => name, textual: true };
  const rows = one.rows.map((name, at) => [name, one.values[at]]);
  parent.append(element("h3", {}, one.title), table([names, ...columns], rows, one.unit, "heat"));
}
