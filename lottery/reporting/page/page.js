// The tables, and everything in its place.

function tables(parent, study) {
  const cell = (key) => {
    const { scale, digits, label } = data.quantities[key];
    const read = (row) => row.measured[key];
    return { title: label, value: (row) => read(row)?.mean ?? null, text: (row) => written(read(row), scale, digits) };
  };
  const columns = [
    { title: "level", value: (row) => row.level, text: (row) => String(row.level) },
    { title: "arm", value: (row) => row.arm, text: (row) => row.arm, textual: true },
    { title: "weights, %", value: (row) => row.density, text: (row) => percent(row.density) },
    ...Object.keys(data.quantities).filter((key) => study.levels.some((row) => row.measured[key])).map(cell),
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
    { title: "seconds measured", value: (row) => row.measured.train_seconds?.mean ?? null,
      text: (row) => (row.measured.train_seconds ? number(row.measured.train_seconds.mean, 1) : "") },
    { title: "networks", value: (row) => row.networks, text: (row) => row.networks + (row.diverged ? ` (${row.diverged} diverged)` : "") },
  ];
  parent.append(table(columns, study.levels, "means ± half widths of 95 % t-intervals over replicates; select a heading to sort"));
  if (!study.verdicts.length) return;
  const judged = [
    { title: "question", value: (row) => row.name, text: (row) => row.name, textual: true },
    { title: "level", value: (row) => row.level, text: (row) => String(row.level) },
    { title: "weights, %", value: (row) => row.density, text: (row) => percent(row.density) },
    { title: "answer", value: (row) => row.answer, text: (row) => row.answer, textual: true, style: (row) => row.answer },
    { title: "because", value: (row) => row.numbers, text: (row) => row.numbers, textual: true },
    { title: "to settle it", value: (row) => row.missing, text: (row) => row.missing, textual: true },
  ];
  const write = () => table(judged, study.verdicts, "verdicts; what the ± of a difference is stands above, under the answers");
  parent.append(folded("all verdicts, with the numbers they rest on", (inside) => inside.append(write())));
}

function standings(parent) {
  const [value, gain] = data.headings;
  const columns = [
    { title: "weights, %", value: (row) => row.density, text: (row) => percent(row.density) },
    { title: "study", value: (row) => row.label, text: (row) => row.label, textual: true, style: () => "long" },
    { title: value, value: (row) => row.value?.mean ?? null,
      text: (row) => (row.value ? written(row.value, row.metric.scale, row.metric.digits) : "diverged") },
    { title: gain, value: (row) => row.gain?.mean ?? null, text: (row) => written(row.gain, row.metric.scale, row.metric.digits) },
    { title: "matching", value: (row) => row.matching, text: (row) => (row.gain ? row.matching : ""), textual: true,
      style: (row) => row.matching },
    { title: "inference FLOPs", value: (row) => row.flops, text: (row) => operations(row.flops) },
    { title: "training FLOPs", value: (row) => row.train_flops, text: (row) => operations(row.train_flops) },
    { title: "with rounds before", value: (row) => row.total_train_flops, text: (row) => operations(row.total_train_flops) },
  ];
  parent.append(
    element("h3", {}, "studies by density"),
    table(columns, data.standings, `controls left out; ${gain}: paired by seed and replicate, model and data being the same; ± as in the verdicts`),
  );
}

const place = document.getElementById("report");
densityFigure(place.querySelector("#figure-density"));
curvesFigure(place.querySelector("#figure-curves"));
if (data.studies.some((study) => study.masks)) masksFigure(place.querySelector("#figure-masks"));
for (const at of place.querySelectorAll("[data-chart]")) exhibitFigure(at, data.charts[Number(at.dataset.chart)]);
const section = place.querySelector("#tables");
if (SEVERAL) standings(section);
for (const study of data.studies) {
  if (data.studies.length > 3) {
    section.append(folded(study.title, (inside) => tables(inside, study)));
  } else {
    section.append(element("h3", {}, study.title));
    tables(section, study);
  }
}
