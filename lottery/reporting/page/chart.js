// One system of coordinates, laid out for the width that its figure has: text keeps its size, and what lies outside of
// the frame is not drawn.

const HEIGHTS = { least: 280, most: 440, share: 0.5 };

// Draws into a figure, and anew whenever its width is another; gives what draws it anew.
function kept(figure, draw) {
  let width;
  const again = () => {
    width = figure.clientWidth;
    figure.replaceChildren();
    draw();
  };
  const changed = () => figure.isConnected && figure.clientWidth !== width && again();
  new ResizeObserver(() => requestAnimationFrame(changed)).observe(figure);
  again();
  return again;
}

// A line through points, or steps as wide as a bin around each.
function path(points, frame, bin) {
  const [x, y] = [(value) => frame.px(value).toFixed(1), (value) => frame.py(value).toFixed(1)];
  if (!bin) return points.map((point, index) => `${index ? "L" : "M"}${x(point.x)} ${y(point.y)}`).join(" ");
  return points
    .map((point, index) => `${index ? "V" : `M${x(point.x - bin / 2)} `}${y(point.y)}H${x(point.x + bin / 2)}`)
    .join(" ");
}

// Intervals around a line, as a band.
function bands(series, frame) {
  for (const one of series) {
    const sure = one.points.filter((point) => point.spread);
    if (!sure.length) continue;
    const edge = (sign) => sure.map((point) => ({ x: point.x, y: sign > 0 ? point.high : point.low }));
    const around = `${path(edge(1), frame)} ${path(edge(-1).reverse(), frame).replace("M", "L")}Z`;
    shape("path", { d: around, class: "spread", style: `fill: ${one.colour}` }, frame.group);
  }
}

function lines(series, frame) {
  for (const one of series) {
    const style = `stroke: ${one.colour}`;
    const line = { d: path(one.points, frame, one.bin), class: "line", style, "stroke-dasharray": one.dash ?? "" };
    shape("path", line, frame.group);
    for (const point of one.points) {
      if (!point.half) continue;
      const [x, low, high] = [frame.px(point.x), frame.py(point.low), frame.py(point.high)];
      const bar = `M${x} ${low}V${high}M${x - 3} ${low}h6M${x - 3} ${high}h6`;
      shape("path", { d: bar, class: "bar", style, fill: "none" }, frame.group);
    }
  }
}

// The box with a point's numbers: beside the point, and within the figure.
function teller(figure) {
  const tip = element("div", { class: "tip", hidden: "", role: "status" });
  figure.append(tip);
  return {
    show: (text, node) => {
      tip.textContent = text;
      tip.hidden = false;
      const [frame, at] = [figure.getBoundingClientRect(), node.getBoundingClientRect()];
      tip.style.left = `${Math.max(0, Math.min(at.left - frame.left + 12, frame.width - tip.offsetWidth - 4))}px`;
      tip.style.top = `${at.top - frame.top + 14}px`;
    },
    hide: () => (tip.hidden = true),
  };
}

// A dot that can be pointed at, or moved to by the tab key, and tells its numbers then.
function pointed(svg, look, text, tip) {
  const said = { "aria-label": text.replaceAll("\n", ", "), tabindex: "0", role: "img" };
  const node = shape("circle", { r: 4, class: "point", ...look, ...said }, svg);
  for (const event of ["mouseenter", "focus"]) node.addEventListener(event, () => tip.show(text, node));
  for (const event of ["mouseleave", "blur"]) node.addEventListener(event, tip.hide);
}

// A dot on each point.
function dots(series, frame, svg, tip) {
  for (const one of series) {
    const style = `fill: ${one.colour}`;
    for (const point of one.points.filter(frame.holds)) {
      pointed(svg, { cx: frame.px(point.x), cy: frame.py(point.y), style }, point.tip, tip);
    }
  }
}

// Lines of many points have one dot, on the point nearest to the pointer; the arrow keys move it, too.
function follower(series, frame, svg, tip) {
  const own = series.map((one) => ({ ...one, points: one.points.filter(frame.holds) })).filter((one) => one.points.length);
  if (!own.length) return;
  const node = shape("circle", { r: 4, class: "near", visibility: "hidden" }, svg);
  let [line, index] = [0, own[0].points.length];
  const away = (point, x, y) => Math.hypot(frame.px(point.x) - x, frame.py(point.y) - y);
  const best = (points, measure) =>
    points.reduce((found, point, at) => (measure(point) < measure(points[found]) ? at : found), 0);
  const move = () => {
    const point = own[line].points[index];
    const place = { cx: frame.px(point.x), cy: frame.py(point.y), visibility: "visible" };
    for (const [key, value] of Object.entries(place)) node.setAttribute(key, value);
    node.style.fill = own[line].colour;
    tip.show(point.tip, node);
  };
  const hide = () => (node.setAttribute("visibility", "hidden"), tip.hide());
  const point = (event) => {
    const box = svg.getBoundingClientRect();
    const scale = svg.viewBox.baseVal.width / box.width;
    const [x, y] = [scale * (event.clientX - box.left), scale * (event.clientY - box.top)];
    const nearest = own.map((one) => best(one.points, (at) => away(at, x, y)));
    line = best(own, (one) => away(one.points[nearest[own.indexOf(one)]], x, y));
    index = nearest[line];
    move();
  };
  const key = (event) => {
    const along = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const across = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!along && !across) return;
    event.preventDefault();
    if (along) {
      index = Math.min(own[line].points.length - 1, Math.max(0, index + along));
    } else {
      const { x } = own[line].points[Math.min(index, own[line].points.length - 1)];
      line = (line + across + own.length) % own.length;
      index = best(own[line].points, (at) => Math.abs(at.x - x));
    }
    move();
  };
  svg.setAttribute("tabindex", "0");
  for (const event of ["pointermove", "pointerdown"]) svg.addEventListener(event, point);
  for (const event of ["pointerleave", "blur"]) svg.addEventListener(event, hide);
  svg.addEventListener("keydown", key);
}

// Lines are drawn `across` at [label, y], and faint ones at the x of `marks`.
// series: [{colour, dash, bin, quiet, points: [{x, y, low, high, half, spread, tip}]}]; x runs from high to low where
// `reversed`. Lines that are `quiet` have no dots. Gives the frame; null, where nothing is drawn.
function chart(figure, series, options) {
  const width = Math.max(280, figure.clientWidth);
  const height = Math.round(Math.min(HEIGHTS.most, Math.max(HEIGHTS.least, HEIGHTS.share * width)));
  const svg = shape("svg", { viewBox: `0 0 ${width} ${height}`, role: "img", "aria-label": options.title }, figure);
  const tip = teller(figure);
  const there = placed(options);
  const drawn = series
    .map((one) => ({ ...one, points: one.points.filter((point) => there(point.x)) }))
    .filter((one) => one.points.length);
  if (!drawn.length) {
    const why = series.length ? "nothing is left to draw" : "nothing is switched on";
    write(svg, why, { x: width / 2, y: height / 2, "text-anchor": "middle" });
    return null;
  }
  const frame = axes(svg, width, height, drawn, options);
  if (options.band) {
    const { low, high, mean } = options.band;
    const across = { x: frame.left, width: frame.right - frame.left, class: "band" };
    shape("rect", { ...across, y: frame.py(high), height: frame.py(low) - frame.py(high) }, frame.group);
    const middle = { x1: frame.left, x2: frame.right, y1: frame.py(mean), y2: frame.py(mean), class: "dense" };
    shape("line", middle, frame.group);
  }
  for (const x of (options.marks ?? []).filter(there)) {
    shape("line", { x1: frame.px(x), x2: frame.px(x), y1: 0, y2: height, class: "mark" }, frame.group);
  }
  for (const [, y] of (options.across ?? []).filter(([, at]) => !options.logY || at > 0)) {
    shape("line", { x1: frame.left, x2: frame.right, y1: frame.py(y), y2: frame.py(y), class: "across" }, frame.group);
  }
  bands(drawn, frame);
  lines(drawn, frame);
  dots(drawn.filter((one) => !one.quiet), frame, svg, tip); // above all lines, so that each can be pointed at
  if (options.follow) follower(drawn, frame, svg, tip);
  return frame;
}
