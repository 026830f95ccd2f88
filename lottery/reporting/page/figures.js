// The figures of the page: how each is made from its study's numbers, and what can be chosen.

function densityFigure(parent) {
  const all = [...data.series.keys()];
  const there = Object.keys(data.quantities).filter((key) => data.studies.some((study) => study.levels.some((one) => one.measured[key])));
  const state = { key: there[0], log: true, series: new Set(SEVERAL ? [0] : all), studies: new Set(data.studies.keys()) };
  const figure = element("figure", { id: "density" });
  const said = element("p", { class: "soft", id: "band" });
  const draw = () => {
    const { scale, digits, label, limits } = data.quantities[state.key];
    const series = [];
    for (const [index, study] of data.studies.entries()) {
      if (!state.studies.has(index)) continue;
      for (const which of all.filter((one) => state.series.has(one))) {
        const own = study.levels.filter((level) => level.series === which && level.measured[state.key]);
        own.sort((a, b) => b.density - a.density);
        const points = own.map((level) => {
          const measured = level.measured[state.key];
          return {
            x: 100 * level.density,
            y: scale * measured.mean,
            half: scale * (measured.half_width ?? 0),
            ...ends(scale * measured.mean, scale * (measured.half_width ?? 0), limits),
            tip:
              (SEVERAL ? `${study.title}\n` : "") +
              `${level.arm}, level ${level.level}\n${percent(level.density)} % of weights\n` +
              `${written(measured, scale, digits)}\n` +
              measured.values.map((value) => number(scale * value, digits)).join("  "),
          };
        });
        const dash = SEVERAL ? DASHES[which % DASHES.length] : "";
        if (points.length) series.push({ colour: studyColour(index) ?? colour(which), dash, points });
      }
    }
    // Of one model and data there is one band; of several, none.
    const beside = new Set([...state.studies].map((index) => data.studies[index].dense).filter((index) => index !== null));
    const [from] = beside;
    const dense = beside.size === 1 && data.studies[from].levels.find((one) => one.level === 0)?.measured[state.key];
    const half = dense ? scale * (dense.half_width ?? 0) : 0;
    const mean = dense ? scale * dense.mean : 0;
    const densities = [...new Set(series.flatMap((one) => one.points.map((point) => point.x)))].sort((a, b) => b - a);
    chart(figure, series, {
      title: `${label} against the share of weights that remain`, x: "weights remaining, %", y: label, log: state.log,
      reversed: true, xTicks: state.log ? densities : undefined, xText: (at) => percent(at / 100),
      band: dense ? { mean, ...ends(mean, half, limits) } : null,
    });
    said.textContent = !dense ? "There is no one dense network to draw." : SEVERAL ? `Band: the dense network of ${data.studies[from].title}.` : "";
  };
  const controls = element("div", { class: "controls" });
  parent.append(controls, figure, said);
  const again = kept(figure, draw);
  controls.append(choice("show ", there.map((key) => [key, data.quantities[key].label]), (key) => ((state.key = key), again())));
  for (const which of all) {
    const toggle = (on) => (state.series[on ? "add" : "delete"](which), again());
    controls.append(check(data.series[which].name, state.series.has(which), toggle, SEVERAL ? undefined : colour(which)));
  }
  controls.append(check("logarithmic", true, (on) => ((state.log = on), again())));
  if (SEVERAL) {
    data.studies.forEach((study, index) => {
      const toggle = (on) => (state.studies[on ? "add" : "delete"](index), again());
      controls.append(check(study.title, true, toggle, studyColour(index)));
    });
  }
}

// From the densest to the sparsest, in equal steps of lightness.
function densityColour(index, count) {
  return shadeColour(index / Math.max(1, count - 1));
}

function shadeColour(share) {
  const at = 4 * Math.min(1, Math.max(0, share));
  const from = Math.min(3, Math.floor(at));
  return `color-mix(in oklab, var(--density-${from + 1}) ${(100 * (at - from)).toFixed(0)}%, var(--density-${from}))`;
}

// A study's curves of one series, beside the dense network's: at most eight, from the densest to the sparsest.
function chosenCurves(which) {
  const [study, series] = which.split("/").map(Number);
  const own = data.studies[study].curves.filter((one) => one.series === series || one.level === 0);
  own.sort((a, b) => b.density - a.density);
  const shown = own.filter((_, at) => own.length <= 7 || at % Math.ceil(own.length / 7) === 0 || at === own.length - 1);
  return shown.map((curve, at) => ({ ...curve, colour: densityColour(at, shown.length), on: true }));
}

function curvesFigure(parent) {
  const options = data.studies.flatMap((study, index) =>
    [...new Set(study.curves.map((curve) => curve.series))].sort().map((series) => [
      `${index}/${series}`, (SEVERAL ? `${study.title}: ` : "") + study.names[series],
    ]),
  );
  if (!options.length) return;
  const state = { which: options[0][0], curves: chosenCurves(options[0][0]), spread: false, whole: false };
  const figure = element("figure", { id: "curves" });
  const legend = element("div", { class: "controls", id: "legend" });
  const said = element("p", { class: "soft" });
  const draw = () => {
    const [study, chosen] = state.which.split("/").map(Number);
    const { metric, limits } = data.studies[study];
    const { name, scale, digits, unit, higher_is_better: up } = metric;
    const label = `test ${name.replaceAll("_", " ")}${unit && `, ${unit}`}`;
    const series = state.curves.filter((curve) => curve.on).map((curve) => ({
      colour: curve.colour, quiet: true,
      points: curve.points.map(([step, mean, half]) => ({
        x: step, y: scale * mean, spread: state.spread ? scale * half : 0, ...ends(scale * mean, scale * half, limits),
        tip: `${percent(curve.density)} % of weights\nstep ${number(step, 0)}: ${written({ mean, half_width: half }, scale, digits)} ${unit}`,
      })),
    }));
    // The way from chance is the same for all; what differs lies near where it ends.
    const last = series.map((one) => one.points.at(-1).y);
    const [worst, best] = up ? [Math.min(...last), Math.max(...last)] : [Math.max(...last), Math.min(...last)];
    const edge = worst - (up ? 1 : -1) * Math.max(2 * Math.abs(best - worst), 2);
    const frame = chart(figure, series, {
      title: `${label} against the training step, ${data.studies[study].names[chosen]}`, x: "training step", y: label,
      xText: (at) => number(at, 0), follow: true, [up ? "floor" : "ceiling"]: state.whole ? undefined : edge,
    });
    const cut = frame && series.some((one) => one.points.some((point) => !frame.holds(point)));
    const where = frame && (up ? `below ${number(frame.low, 1)}` : `above ${number(frame.high, 1)}`);
    said.textContent = cut ? `What lies ${where} ${unit} is outside of the frame: “whole range” shows it.` : "";
  };
  const controls = element("div", { class: "controls" });
  parent.append(controls, figure, legend, said);
  const again = kept(figure, draw);
  const toggles = () =>
    state.curves.map((curve) => check(`${percent(curve.density)} %`, true, (on) => ((curve.on = on), again()), curve.colour));
  const choose = (which) => {
    Object.assign(state, { which, curves: chosenCurves(which) });
    legend.replaceChildren("weights remaining:", ...toggles());
    again();
  };
  controls.append(
    choice("show ", options, choose),
    check("95 % intervals", false, (on) => ((state.spread = on), again())),
    check("whole range", false, (on) => ((state.whole = on), again())),
  );
  legend.append("weights remaining:", ...toggles());
}

function masksFigure(parent) {
  const there = data.studies.filter((study) => study.masks);
  const inside = element("div");
  const draw = (index) => {
    const { tickets, overlaps, weights } = there[index].masks;
    inside.replaceChildren();
    layersTable(inside, tickets);
    if (Object.keys(overlaps).length) overlapsFigure(inside, overlaps);
    if (weights) weightsFigure(inside, weights);
  };
  if (there.length > 1) {
    const titles = there.map((study, index) => [String(index), study.title]);
    parent.append(element("div", { class: "controls" }, choice("show ", titles, draw)));
  }
  parent.append(inside);
  draw(0);
}

// A map of layers and levels; its numbers can be read, so it is a table.
function layersTable(parent, tickets) {
  const layers = Object.entries(tickets.layers);
  const least = Math.max(1e-4, Math.min(...layers.flatMap(([, densities]) => densities)));
  const shade = (density) => {
    const share = 1 - Math.log(Math.max(density, least)) / Math.log(Math.min(least, 0.999));
    return `background: color-mix(in oklab, var(--arm-0) ${(50 * share).toFixed(0)}%, var(--panel))`;
  };
  const columns = Object.values(tickets.densities).map((density, at) => ({
    title: percent(density), value: ([, densities]) => densities[at],
    text: ([, densities]) => String(Number((100 * densities[at]).toPrecision(3))),
    shade: ([, densities]) => shade(densities[at]),
  }));
  const names = { title: "layer", value: ([name]) => name, text: ([name]) => name, textual: true };
  const caption = "Tickets: weights kept in each layer, %, mean over replicates; columns: weights remaining in the network, %.";
  parent.append(element("h3", {}, "density of layers"), table([names, ...columns], layers, caption, "heat"));
}

const range = (shares) => `from ${number(100 * Math.min(...shares), 1)} to ${number(100 * Math.max(...shares), 1)}`;

function overlapsFigure(parent, kinds) {
  const titles = Object.keys(kinds);
  const state = { title: titles[0] };
  const figure = element("figure", { id: "overlap" });
  const said = element("p", { class: "soft" });
  const draw = () => {
    const { title } = state;
    const points = kinds[title];
    const all = points.every((point) => point.chance === 1);
    const masks = points.map((point) => ({
      x: 100 * point.density, y: 100 * point.shares.mean,
      tip:
        `${percent(point.density)} % of weights\n${number(100 * point.shares.mean, 1)} % of them in common\n` +
        `pairs: ${point.shares.values.length}, ${range(point.shares.values)} %\n` +
        `chance: ${number(100 * point.chance, 1)} %`,
    }));
    const chance = points.map((point) => ({ x: 100 * point.density, y: 100 * point.chance }));
    chart(figure, [{ colour: "var(--soft)", dash: "6 3", quiet: true, points: chance }, { colour: armColour(0), points: masks }], {
      title: `weights that masks have in common, ${title}`, x: "weights remaining in the sparser, %",
      y: "of them in common, %", log: true, reversed: true, range: [0, 100],
      xTicks: points.map((point) => 100 * point.density), xText: (at) => percent(at / 100),
    });
    said.textContent = all
      ? "Each round prunes what the one before left: chance, too, gives all."
      : "Chance: masks of the same layer densities, drawn independently.";
  };
  const controls = element("div", { class: "controls" });
  parent.append(element("h3", {}, "what masks have in common"), controls, figure, said);
  const again = kept(figure, draw);
  controls.append(
    choice("pairs: ", titles.map((title) => [title, title]), (title) => ((state.title = title), again())),
    element("span", {}, swatch(armColour(0)), " masks"), element("span", {}, swatch("var(--soft)"), " chance (dashed)"),
  );
}

function weightsFigure(parent, weights) {
  const inks = { "initial, kept": armColour(0), "initial, pruned": "var(--other)", "trained, kept": armColour(1) };
  const names = Object.keys(weights.shares);
  const on = new Set(names);
  const figure = element("figure", { id: "weights" });
  const draw = () => {
    const series = names.filter((name) => on.has(name)).map((name) => {
      const bin = (2 * weights.limit) / weights.shares[name].length;
      const points = weights.shares[name].map((y, at) => {
        const x = -weights.limit + (at + 0.5) * bin;
        return { x, y, tip: `${name}\naround ${number(x, 2)} deviations: ${number(y, 3)}` };
      });
      return { colour: inks[name], bin, quiet: true, points };
    });
    chart(figure, series, {
      title: "how large weights are", x: `weight over its layer's deviation at initialization`, y: "share of weights, per unit",
      xText: (at) => number(at, Number.isInteger(at) ? 0 : 1), follow: true,
    });
  };
  const controls = element("div", { class: "controls" });
  const sparsest = `weights of the sparsest tickets: level ${weights.level}, ${percent(weights.density)} % of weights`;
  parent.append(element("h3", {}, sparsest), controls, figure);
  const again = kept(figure, draw);
  for (const name of names) {
    controls.append(check(name, true, (there) => (on[there ? "add" : "delete"](name), again()), inks[name]));
  }
}
