// Layers x heads, coloured by a measure.
const cellOf = (module, head, value, scale, sorted) => {
  const color = value === null ? null : scale.at(value);
  const chosen = module.site === state.site && head === state.head;
  const name = nameOf(module.site, head);
  const button = element(
    "button",
    {
      type: "button",
      class: `${sorted ? "sorted" : ""} ${value === null ? "unknown" : ""}`,
      title: `${name}: ${number(value)}`,
      "aria-label": `${name}, ${measureOf[state.measure].label} ${number(value)}`,
      "aria-current": String(chosen),
      tabindex: chosen ? "0" : "-1",
      "data-site": module.site,
      "data-head": head,
      onclick: () => change({ site: module.site, head, query: null, cell: null }),
    },
    sorted ? name : short(value),
  );
  if (sorted) button.append(element("br"), short(value));
  if (color) {
    button.style.background = css(color);
    button.style.color = inkOn(color);
  }
  return button;
};

const gridByPlace = (modules, valueAt, scale) => {
  const columns = Math.max(...modules.map((module) => module.heads));
  const grid = element("div", { class: "grid", role: "group" });
  grid.style.gridTemplateColumns = `max-content repeat(${columns}, max-content)`;
  grid.append(element("span", { class: "name" }));
  for (let head = 0; head < columns; head++) grid.append(element("span", { class: "name column" }, `head ${head}`));
  for (const module of modules) {
    grid.append(element("span", { class: "name" }, `${module.stack} ${module.layer}`));
    for (let head = 0; head < columns; head++) {
      const there = head < module.heads;
      grid.append(there ? cellOf(module, head, valueAt(module.site, head), scale, false) : element("span"));
    }
  }
  return grid;
};

const gridByValue = (heads, valueAt, scale) => {
  const grid = element("div", { class: "grid", role: "group" });
  grid.style.gridTemplateColumns = "repeat(auto-fill, minmax(5.6rem, 1fr))";
  grid.style.minWidth = "min(100%, 36rem)";
  grid.append(...heads.map((each) => cellOf(each, each.head, valueAt(each.site, each.head), scale, true)));
  return grid;
};

const drawLegend = (scale, nulls) => {
  const stops = Array.from({ length: 9 }, (_, i) => css(colorAt(scale.palette, i / 8))).join(",");
  const bar = element("i");
  bar.style.background = `linear-gradient(to right, ${stops})`;
  const told = nulls.length ? `by chance ${nulls.map(number).join(" to ")} (${measureOf[state.measure].null})` : "";
  document.getElementById("legend").replaceChildren(number(scale.low), bar, number(scale.high), element("span", {}, told));
};

const rangeOfNull = (run) => {
  const values = Object.values(run.null[state.measure] ?? {}).flat().filter((x) => x !== null);
  if (!values.length) return [];
  const [low, high] = [Math.min(...values), Math.max(...values)];
  return number(low) === number(high) ? [low] : [low, high];
};

const drawGrids = () => {
  const scale = scaleOf(state.measure);
  const place = document.getElementById("grids");
  const had = place.contains(document.activeElement);
  const parts = runs.map((run) => {
    const valueAt = (site, head) => scoreOf(run, state.measure, site, head);
    const grid =
      state.order === "place" ? gridByPlace(run.modules, valueAt, scale) : gridByValue(headsInOrder(run), valueAt, scale);
    const title = runs.length > 1 ? [element("h3", {}, `${run.name}, step ${stepText(stepOf(run))}`)] : [];
    return element("div", {}, ...title, grid);
  });
  if (content.comparable) {
    const valueAt = (site, head) => {
      const [a, b] = runs.map((run) => scoreOf(run, state.measure, site, head));
      return a === null || b === null ? null : b - a;
    };
    const all = runs[0].modules.flatMap((m) => Array.from({ length: m.heads }, (_, head) => valueAt(m.site, head) ?? 0));
    const far = Math.max(...all.map(Math.abs)) || 1;
    const difference = gridByPlace(runs[0].modules, valueAt, scaleOver(-far, far));
    parts.push(element("div", { class: "difference" }, element("h3", {}, `${runs[1].name} less ${runs[0].name}`), difference));
  }
  place.replaceChildren(...parts);
  if (had) place.querySelector('[aria-current="true"]')?.focus();
  drawLegend(scale, rangeOfNull(runs[0]));
  const measure = measureOf[state.measure];
  const unmeasured = runs.every((run) => scoresOf(run)[state.measure] === undefined);
  document.getElementById("measure-says").textContent =
    `${measure.label}: ${measure.says}.` + (unmeasured ? " It was not measured at this step: only at the last one." : "");
};
