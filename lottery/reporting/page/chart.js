// One system of coordinates, laid out for the width that its figure has: text keeps its size, and what lies outside of
// the frame is not drawn.

const HEIGHTS = { least: 280, most: 440, share: 0.5 };
const FRAME = { right: 24, top: 34, bottom: 48, inset: 8 };
let clips = 0;

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

function ticks(low, high, wanted) {
  const rough = (high - low) / wanted || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
  const first = Math.ceil(low / step);
  const count = Math.floor(high / step + 1e-9) - first + 1;
  const found = Array.from({ length: count }, (_, index) => (first + index) * step + 0); // 0 is not written -0
  return { found, digits: Math.max(0, -Math.floor(Math.log10(step))) };
}

// Whether the axis has a place for an x: a logarithm has none for 0.
const placed = (options) => (x) => !options.log || x > 0;

function write(svg, text, attributes) {
  const node = shape("text", attributes, svg);
  node.textContent = text;
  return node;
}

// The width of the widest of some texts.
function widest(svg, texts) {
  const nodes = texts.map((text) => write(svg, text, {}));
  const width = Math.max(0, ...nodes.map((node) => node.getComputedTextLength()));
  for (const node of nodes) node.remove();
  return width;
}

// What the frame spans: x as it is drawn, which may be a logarithm, and y.
function spans(series, options, map) {
  const points = series.flatMap((one) => one.points);
  const xs = points.map((point) => map(point.x));
  const ys = points.flatMap((point) => point.half ? [point.low, point.high] : [point.y]);
  if (options.band) ys.push(options.band.low, options.band.high);
  let [x0, x1] = [Math.min(...xs), Math.max(...xs)];
  if (x0 === x1) [x0, x1] = [x0 - 0.5, x1 + 0.5];
  const [floor, ceiling] = [options.floor ?? -Infinity, options.ceiling ?? Infinity];
  let [y0, y1] = options.range ?? [Math.max(Math.min(...ys), floor), Math.min(Math.max(...ys), ceiling)];
  if (y0 >= y1) [y0, y1] = [y1 - 1, y1 + 1];
  const pad = 0.04 * (y1 - y0);
  return [x0, x1, y0 - pad, y1 + pad];
}

// Grid, numbers and names of the axes; gives where values lie, and a group that is clipped to the frame.
function axes(svg, width, height, series, options) {
  const map = options.log ? Math.log10 : (value) => value;
  const [x0, x1, y0, y1] = spans(series, options, map);
  const [right, top, bottom] = [width - FRAME.right, FRAME.top, height - FRAME.bottom];
  const yTicks = ticks(y0, y1, (bottom - top) / 50);
  const left = 16 + widest(svg, yTicks.found.map((at) => number(at, yTicks.digits)));
  const px = (value) => {
    const share = (map(value) - x0) / (x1 - x0);
    return left + FRAME.inset + (options.reversed ? 1 - share : share) * (right - left - 2 * FRAME.inset);
  };
  const py = (value) => top + (1 - (value - y0) / (y1 - y0)) * (bottom - top);
  write(svg, options.y, { x: 6, y: 19, class: "name" });
  for (const at of yTicks.found) {
    shape("line", { x1: left, x2: right, y1: py(at), y2: py(at), class: "grid" }, svg);
    write(svg, number(at, yTicks.digits), { x: left - 8, y: py(at) + 4, "text-anchor": "end", class: "y" });
  }
  const xTicks = options.xTicks?.filter(placed(options)) ?? ticks(x0, x1, Math.max(2, (right - left) / 65)).found;
  const apart = 10 + widest(svg, xTicks.map(options.xText));
  let last = null;
  for (const at of xTicks) {
    if (last !== null && Math.abs(px(at) - last) < apart) continue;
    last = px(at);
    shape("line", { x1: last, x2: last, y1: top, y2: bottom, class: "grid" }, svg);
    write(svg, options.xText(at), { x: last, y: bottom + 18, "text-anchor": "middle", class: "x" });
  }
  write(svg, options.x, { x: (left + right) / 2, y: height - 8, "text-anchor": "middle", class: "name" });
  const id = `frame-${(clips += 1)}`;
  const clip = shape("clipPath", { id }, shape("defs", {}, svg));
  shape("rect", { x: left, y: top, width: right - left, height: bottom - top }, clip);
  const group = shape("g", { "clip-path": `url(#${id})` }, svg);
  return { left, right, px, py, low: y0, high: y1, group, holds: (point) => point.y >= y0 && point.y <= y1 };
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

// A dot on each point; one after the other can be pointed at, or moved to by the tab key.
function dots(series, frame, svg, tip) {
  for (const one of series) {
    const style = `fill: ${one.colour}`;
    for (const point of one.points.filter(frame.holds)) {
      const dot = { cx: frame.px(point.x), cy: frame.py(point.y), r: 4, class: "point", style, tabindex: "0", role: "img" };
      const node = shape("circle", { ...dot, "aria-label": point.tip.replaceAll("\n", ", ") }, svg);
      for (const event of ["mouseenter", "focus"]) node.addEventListener(event, () => tip.show(point.tip, node));
      for (const event of ["mouseleave", "blur"]) node.addEventListener(event, tip.hide);
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
  bands(drawn, frame);
  lines(drawn, frame);
  dots(drawn.filter((one) => !one.quiet), frame, svg, tip); // above all lines, so that each can be pointed at
  if (options.follow) follower(drawn, frame, svg, tip);
  return frame;
}
