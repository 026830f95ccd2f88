// The figures of the page: how each is made from its study's numbers, and what can be chosen.

function densityFigure(parent) {
  const arms = [...new Set(data.studies.flatMap((study) => study.levels.map((level) => level.arm)))];
  const there = Object.keys(MEASURES).filter((key) => data.studies.some((study) => study.levels.some((one) => one[key])));
  const state = { key: there[0], log: true, arms: new Set(SEVERAL ? ["main"] : arms), studies: new Set(data.studies.keys()) };
  const figure = element("figure", { id: "density" });
  const said = element("p", { class: "soft", id: "band" });
  const draw = () => {
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
            `${ARM(arm)}, level ${level.level}\n${percent(level.density)} % of weights\n` +
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
      title: `${label} against the share of weights that remain`, x: "weights remaining, %", y: label, log: state.log,
      reversed: true, xTicks: state.log ? densities : undefined, xText: (at) => percent(at / 100),
      band: dense ? { mean, low: mean - half, high: mean + half } : null,
    });
    said.textContent = !dense ? "There is no one dense network to draw." : SEVERAL ? `Band: the dense network of ${data.studies[from].title}.` : "";
  };
  const controls = element("div", { class: "controls" });
  parent.append(controls, figure, said);
  const again = kept(figure, draw);
  controls.append(choice("show ", there.map((key) => [key, MEASURES[key].label]), (key) => ((state.key = key), again())));
  for (const arm of arms) {
    const toggle = (on) => (state.arms[on ? "add" : "delete"](arm), again());
    controls.append(check(ARM(arm), state.arms.has(arm), toggle, SEVERAL ? undefined : colour(arm)));
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
  const at = (4 * index) / Math.max(1, count - 1);
  const from = Math.min(3, Math.floor(at));
  return `color-mix(in oklab, var(--density-${from + 1}) ${(100 * (at - from)).toFixed(0)}%, var(--density-${from}))`;
}

// A study's curves of one arm, beside the dense network's: at most eight, from the densest to the sparsest.
function chosenCurves(which) {
  const [index, arm] = which.split("/");
  const own = data.studies[Number(index)].curves.filter((one) => one.arm === arm || (one.level === 0 && one.arm === "main"));
  own.sort((a, b) => b.density - a.density);
  const shown = own.filter((_, at) => own.length <= 7 || at % Math.ceil(own.length / 7) === 0 || at === own.length - 1);
  return shown.map((curve, at) => ({ ...curve, arm, colour: densityColour(at, shown.length), on: true }));
}

function curvesFigure(parent) {
  const options = data.studies.flatMap((study, index) =>
    [...new Set(study.curves.map((curve) => curve.arm))].map((arm) => [
      `${index}/${arm}`, (SEVERAL ? `${study.title}: ` : "") + ARM(arm),
    ]),
  );
  if (!options.length) return;
  const state = { curves: chosenCurves(options[0][0]), spread: false, whole: false };
  const figure = element("figure", { id: "curves" });
  const legend = element("div", { class: "controls", id: "legend" });
  const said = element("p", { class: "soft" });
  const draw = () => {
    const series = state.curves.filter((curve) => curve.on).map((curve) => ({
      colour: curve.colour, quiet: true,
      points: curve.points.map(([step, mean, half]) => ({
        x: step, y: 100 * mean, spread: state.spread ? 100 * half : 0,
        tip: `${percent(curve.density)} % of weights\nstep ${number(step, 0)}: ${written({ mean, half_width: half }, 100, 2)} %`,
      })),
    }));
    // The climb from chance is the same for all; what differs lies near the top.
    const ends = series.map((one) => one.points.at(-1).y);
    const floor = Math.min(...ends) - Math.max(2 * (Math.max(...ends) - Math.min(...ends)), 2);
    const frame = chart(figure, series, {
      title: `test accuracy against the training step, ${ARM(state.curves[0].arm)}`, x: "training step", y: "test accuracy, %",
      xText: (at) => number(at, 0), follow: true, floor: state.whole ? undefined : floor,
    });
    const below = frame && series.some((one) => one.points.some((point) => !frame.holds(point)));
    said.textContent = below ? `What lies below ${number(frame.low, 1)} % is outside of the frame: “whole range” shows it.` : "";
  };
  const controls = element("div", { class: "controls" });
  parent.append(controls, figure, legend, said);
  const again = kept(figure, draw);
  const toggles = () =>
    state.curves.map((curve) => check(`${percent(curve.density)} %`, true, (on) => ((curve.on = on), again()), curve.colour));
  const choose = (which) => {
    state.curves = chosenCurves(which);
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
    const { masks } = there[index];
    inside.replaceChildren();
    layers(inside, masks);
    if (masks.overlaps.length) overlaps(inside, masks.overlaps);
    if (masks.weights) weightsFigure(inside, masks.weights);
  };
  if (there.length > 1) {
    const titles = there.map((study, index) => [String(index), study.title]);
    parent.append(element("div", { class: "controls" }, choice("show ", titles, draw)));
  }
  parent.append(inside);
  draw(0);
}

// A map of layers and levels; its numbers can be read, so it is a table.
function layers(parent, masks) {
  const least = Math.max(1e-4, Math.min(...masks.layers.flatMap((layer) => layer.densities)));
  const shade = (density) => {
    const share = 1 - Math.log(Math.max(density, least)) / Math.log(Math.min(least, 0.999));
    return `background: color-mix(in oklab, var(--main) ${(50 * share).toFixed(0)}%, var(--panel))`;
  };
  const columns = masks.levels.map((level, at) => ({
    title: percent(level.density), value: (layer) => layer.densities[at],
    text: (layer) => String(Number((100 * layer.densities[at]).toPrecision(3))),
    shade: (layer) => shade(layer.densities[at]),
  }));
  const names = { title: "layer", value: (layer) => layer.name, text: (layer) => layer.name, textual: true };
  const caption = "Tickets: weights kept in each layer, %, mean over replicates; columns: weights remaining in the network, %.";
  parent.append(element("h3", {}, "density of layers"), table([names, ...columns], masks.layers, caption, "heat"));
}

function overlaps(parent, kinds) {
  const state = { at: 0 };
  const figure = element("figure", { id: "overlap" });
  const said = element("p", { class: "soft" });
  const draw = () => {
    const { title, points } = kinds[state.at];
    const all = points.every((point) => point.chance === 1);
    const masks = points.map((point) => ({
      x: 100 * point.density, y: 100 * point.mean,
      tip:
        `${percent(point.density)} % of weights\n${number(100 * point.mean, 1)} % of them in common\n` +
        `pairs: ${point.pairs}, from ${number(100 * point.low, 1)} to ${number(100 * point.high, 1)} %\n` +
        `chance: ${number(100 * point.chance, 1)} %`,
    }));
    const chance = points.map((point) => ({ x: 100 * point.density, y: 100 * point.chance }));
    chart(figure, [{ colour: "var(--soft)", dash: "6 3", quiet: true, points: chance }, { arm: "main", points: masks }], {
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
    choice("pairs: ", kinds.map((kind, at) => [String(at), kind.title]), (at) => ((state.at = at), again())),
    element("span", {}, swatch(colour("main")), " masks"), element("span", {}, swatch("var(--soft)"), " chance (dashed)"),
  );
}

function weightsFigure(parent, weights) {
  const inks = { "initial, kept": colour("main"), "initial, pruned": colour("other"), "trained, kept": colour("reinit") };
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
