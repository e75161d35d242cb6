// Everything together: menus, keys, tables, and what is drawn when something is chosen.
const chooseHead = (heads, by) => {
  const place = heads.findIndex((each) => each.site === state.site && each.head === state.head);
  const next = heads[Math.min(heads.length - 1, Math.max(0, place + by))];
  change({ site: next.site, head: next.head, query: null, cell: null });
};

const chooseLayer = (by) => {
  if (state.order === "value") return chooseHead(headsInOrder(runs[0]), by);
  const modules = runs[0].modules;
  const place = modules.findIndex((module) => module.site === state.site);
  const module = modules[Math.min(modules.length - 1, Math.max(0, place + by))];
  return change({ site: module.site, head: Math.min(state.head, module.heads - 1), query: null, cell: null });
};

const chooseStep = (by) => {
  const place = Math.min(allSteps.length - 1, Math.max(0, allSteps.indexOf(state.step) + by));
  change({ step: allSteps[place] });
};

const KEYS = {
  ArrowLeft: () => chooseHead(headsInOrder(runs[0]), -1),
  ArrowRight: () => chooseHead(headsInOrder(runs[0]), 1),
  ArrowUp: () => chooseLayer(-1),
  ArrowDown: () => chooseLayer(1),
  "[": () => chooseStep(-1),
  "]": () => chooseStep(1),
};

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, select, textarea, .wide, .tokens");
  if (typing || event.ctrlKey || event.metaKey || event.altKey || !KEYS[event.key]) return;
  event.preventDefault();
  KEYS[event.key]();
});

const wireTable = (table) => {
  makeSortable(table, "descending");
  table.tBodies[0].addEventListener("click", (event) => {
    const row = event.target.closest("tr");
    if (!row || !moduleOf(runs[0], row.dataset.site)) return;
    change({ site: row.dataset.site, head: Number(row.dataset.head), query: null, cell: null });
    document.getElementById("head").scrollIntoView({ block: "start" });
  });
};

const wireControls = () => {
  const measure = document.getElementById("measure");
  measure.append(...measures.map((each) => element("option", { value: each.key }, each.label)));
  measure.value = state.measure;
  for (const id of ["measure", "order", "kind"]) {
    const select = document.getElementById(id);
    select.addEventListener("change", () => change({ [id]: select.value }));
  }
  for (const kind of ["normed", "rollout"]) {
    const there = runs.some((run) => Object.values(run.maps[kind]).some((of) => Object.keys(of).length));
    if (!there) document.querySelector(`#kind option[value="${kind}"]`).remove();
  }
  const slider = document.getElementById("step");
  slider.max = allSteps.length - 1;
  slider.disabled = allSteps.length < 2;
  slider.addEventListener("input", () => change({ step: allSteps[Number(slider.value)] }));
};

const drawStep = () => {
  document.getElementById("step").value = allSteps.indexOf(state.step);
  const here = runs.map(stepOf).find((each) => each.step === state.step) ?? stepOf(runs[0]);
  document.getElementById("step-text").textContent = stepText(here);
};

// The head to begin with: the one that the loss needs most, if that is known.
const beginWith = () => {
  const run = runs[0];
  const heads = run.modules.flatMap((module) => Array.from({ length: module.heads }, (_, head) => ({ site: module.site, head })));
  const needed = ({ site, head }) => scoreOf(run, content.ablation, site, head) ?? 0;
  const first = heads.reduce((best, each) => (needed(each) > needed(best) ? each : best), heads[0]);
  Object.assign(state, first);
  if (!measures.some((each) => each.key === state.measure)) state.measure = measures[0]?.key ?? state.measure;
};

const begin = () => {
  document.querySelectorAll(".scripted").forEach((part) => part.removeAttribute("hidden"));
  beginWith();
  wireControls();
  wireSaving();
  document.querySelectorAll(".table-heads table").forEach(wireTable);
  runs.forEach((run) => makeFigure(run.name));
  if (content.comparable) makeFigure("difference");
  onChange((names) => {
    const onlyPointer = names.every((name) => name === "cell" || name === "query");
    if (onlyPointer) {
      figures.forEach(paint);
      drawReadout();
      drawBeside();
      return;
    }
    drawStep();
    drawGrids();
    drawScores();
    drawCurves();
    drawMaps();
  });
  change({ step: state.step });
  window.addEventListener("resize", () => {
    drawCurves();
    drawMaps();
  });
};

begin();
