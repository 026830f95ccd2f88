// Axes: what they span, their ticks, and where a value lies in the figure.

const FRAME = { right: 24, top: 34, bottom: 48, inset: 8 };
let clips = 0;

function ticks(low, high, wanted) {
  const rough = (high - low) / wanted || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * [1, 2, 5, 10].find((factor) => factor * power >= rough);
  const first = Math.ceil(low / step);
  const count = Math.floor(high / step + 1e-9) - first + 1;
  const found = Array.from({ length: count }, (_, index) => (first + index) * step + 0); // 0 is not written -0
  return { found, digits: Math.max(0, -Math.floor(Math.log10(step))) };
}

// Ticks of a logarithm: powers of ten, or what lies between them where the axis spans few; of less than a third of one,
// those of numbers.
function powers(low, high, wanted) {
  const decades = Math.log10(high / low);
  if (decades < 0.5) return ticks(low, high, wanted);
  const factors = decades < 1.5 ? [1, 2, 5] : [1];
  const every = Math.max(1, Math.ceil(decades / wanted));
  const first = Math.floor(Math.log10(low));
  const exponents = Array.from({ length: Math.ceil(decades / every) + 2 }, (_, index) => first + index * every);
  const all = exponents.flatMap((exponent) => factors.map((factor) => factor * 10 ** exponent));
  return { found: all.filter((at) => at >= low * (1 - 1e-9) && at <= high * (1 + 1e-9)), digits: null };
}

// A number at an axis: with so many digits, or none that it doesn't need.
function tick(value, digits) {
  if (digits !== null && digits <= 5 && Math.abs(value) < 1e6) return number(value, digits);
  return brief(value, 4);
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
  const known = (point) => point.half || (options.wide && point.spread);
  const ys = points.flatMap((point) => known(point) ? [point.low, point.y, point.high] : [point.y]);
  if (options.band) ys.push(options.band.low, options.band.high);
  ys.push(...(options.across ?? []).map(([, at]) => at).filter((at) => !options.logY || at > 0));
  let [x0, x1] = [Math.min(...xs), Math.max(...xs)];
  if (x0 === x1) [x0, x1] = [x0 - 0.5, x1 + 0.5];
  const [floor, ceiling] = [options.floor ?? -Infinity, options.ceiling ?? Infinity];
  let [y0, y1] = options.range ?? [Math.max(Math.min(...ys), floor), Math.min(Math.max(...ys), ceiling)];
  if (options.logY) [y0, y1] = [Math.log10(y0), Math.log10(y1)];
  if (y0 >= y1) [y0, y1] = [y1 - Math.max(1, Math.abs(y1) / 10), y1 + Math.max(1, Math.abs(y1) / 10)];
  const pad = 0.04 * (y1 - y0);
  return [x0, x1, y0 - pad, y1 + pad];
}

// Grid, numbers and names of the axes; gives where values lie, and a group that is clipped to the frame.
function axes(svg, width, height, series, options) {
  const map = options.log ? Math.log10 : (value) => value;
  const mapY = options.logY ? Math.log10 : (value) => value;
  let [x0, x1, y0, y1] = spans(series, options, map);
  const [right, top, bottom] = [width - FRAME.right, FRAME.top, height - FRAME.bottom];
  const wanted = (bottom - top) / 50;
  let yTicks = options.logY ? powers(10 ** y0, 10 ** y1, wanted) : ticks(y0, y1, wanted);
  const left = 16 + widest(svg, yTicks.found.map((at) => tick(at, yTicks.digits)));
  if (options.equal) {
    const unit = Math.max((x1 - x0) / (right - left - 2 * FRAME.inset), (y1 - y0) / (bottom - top));
    const grown = (low, high, pixels) => [(low + high - unit * pixels) / 2, (low + high + unit * pixels) / 2];
    [x0, x1] = grown(x0, x1, right - left - 2 * FRAME.inset);
    [y0, y1] = grown(y0, y1, bottom - top);
    yTicks = ticks(y0, y1, wanted);
  }
  const px = (value) => {
    const share = (map(value) - x0) / (x1 - x0);
    return left + FRAME.inset + (options.reversed ? 1 - share : share) * (right - left - 2 * FRAME.inset);
  };
  const py = (value) => top + (1 - (mapY(value) - y0) / (y1 - y0)) * (bottom - top);
  write(svg, options.y, { x: 6, y: 19, class: "name" });
  for (const at of yTicks.found) {
    shape("line", { x1: left, x2: right, y1: py(at), y2: py(at), class: "grid" }, svg);
    write(svg, tick(at, yTicks.digits), { x: left - 8, y: py(at) + 4, "text-anchor": "end", class: "y" });
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
  return { left, right, px, py, low: y0, high: y1, group, holds: (point) => mapY(point.y) >= y0 && mapY(point.y) <= y1 };
}
