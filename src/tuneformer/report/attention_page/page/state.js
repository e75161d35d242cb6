// What is chosen, and who is told when it changes.
const allSteps = [...new Set(runs.flatMap((run) => run.steps.map((each) => each.step)))].sort((a, b) => a - b);

const state = {
  measure: content.measures[0].key,
  order: "place",
  kind: "weights",
  step: allSteps[allSteps.length - 1],
  site: runs[0].modules[0].site,
  head: 0,
  query: null, // a row that is held, or null
  cell: null, // [row, column] under the pointer, or null
};

const listeners = [];
const onChange = (listener) => listeners.push(listener);
const change = (changes) => {
  Object.assign(state, changes);
  const names = Object.keys(changes);
  for (const listener of listeners) listener(names);
};

// The last step of a run that is not after the chosen one; its first where all are.
const stepOf = (run) => {
  const before = run.steps.filter((each) => each.step <= state.step);
  return before[before.length - 1] ?? run.steps[0];
};
const scoresOf = (run, each = stepOf(run)) => run.by_step[run.steps.indexOf(each)];
const scoreOf = (run, measure, site, head, each = stepOf(run)) => scoresOf(run, each)[measure]?.[site]?.[head] ?? null;

const valuesOf = (measure) =>
  runs.flatMap((run) => run.by_step.flatMap((scores) => Object.values(scores[measure] ?? {}).flat())).filter((x) => x !== null);
const measures = content.measures.filter((measure) => valuesOf(measure.key).length > 0);
const scaleOf = (measure) => {
  const values = valuesOf(measure);
  return scaleOver(Math.min(0, ...values), Math.max(0, ...values));
};

const headsInOrder = (run) => {
  const heads = run.modules.flatMap((module) => Array.from({ length: module.heads }, (_, head) => ({ ...module, head })));
  if (state.order === "place") return heads;
  const value = ({ site, head }) => scoreOf(run, state.measure, site, head) ?? -Infinity;
  return heads.sort((a, b) => value(b) - value(a));
};

const nameOf = (site, head) => `${site}.${head}`;
const stepText = (each) => `${each.step.toLocaleString("en")}${each.checkpoint ? " (checkpoint)" : ""}`;
