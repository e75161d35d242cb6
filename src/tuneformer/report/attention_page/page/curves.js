// The chosen measure of all heads of the stack over training, and the loss below on the same axis.
let WIDE = 900; // the width there is
const LEFT = 62;
const RIGHT = 110;
const LABEL_HEIGHT = 14;
const COLORS = ["#0072b2", "#d55e00"];

const panel = (svg, { top, height, lines, label, last }) => {
  const points = lines.flatMap((line) => line.points);
  const ys = [...points.map((point) => point[1]), ...lines.flatMap((line) => (line.level === undefined ? [] : [line.level]))];
  let [low, high] = [Math.min(...ys), Math.max(...ys)];
  if (high - low < 1e-12) [low, high] = [low - 0.5, high + 0.5];
  const x = (step) => LEFT + (step / last) * (WIDE - LEFT - RIGHT);
  const y = (value) => top + height - ((value - low) / (high - low)) * height;
  for (const tick of ticksOf(low, high, 4)) {
    svg.append(svgElement("line", { x1: LEFT, x2: WIDE - RIGHT, y1: y(tick), y2: y(tick), stroke: "#e6e9ec" }));
    svg.append(svgElement("text", { x: LEFT - 6, y: y(tick) + 4, "text-anchor": "end", fill: "#57606a" }, number(tick)));
  }
  svg.append(svgElement("text", { x: LEFT, y: top - 8, fill: "#1b1f24", "font-weight": "600" }, label));
  for (const line of lines) {
    if (line.level !== undefined) {
      const path = { x1: LEFT, x2: WIDE - RIGHT, y1: y(line.level), y2: y(line.level), stroke: "#57606a", "stroke-dasharray": "5 4" };
      svg.append(svgElement("line", path));
      svg.append(svgElement("text", { x: WIDE - RIGHT + 6, y: y(line.level) + 4, fill: "#57606a" }, line.name));
      continue;
    }
    const path = line.points.map(([step, value], i) => `${i ? "L" : "M"}${x(step).toFixed(1)} ${y(value).toFixed(1)}`).join("");
    svg.append(svgElement("path", { d: path, fill: "none", stroke: line.color, "stroke-width": line.width }));
    if (line.width > 1.5) for (const [step, value] of line.points) if (line.points.length < 40) svg.append(svgElement("circle", { cx: x(step), cy: y(value), r: 2.5, fill: line.color }));
  }
  let free = -Infinity; // labels stand one below the other
  const ends = lines.filter((line) => line.name && line.level === undefined).map((line) => [line, ...line.points[line.points.length - 1]]);
  for (const [line, step, value] of ends.sort((a, b) => b[2] - a[2])) {
    free = Math.max(y(value) + 4, free + LABEL_HEIGHT);
    svg.append(svgElement("text", { x: x(step) + 6, y: free, fill: line.color }, line.name));
  }
  svg.append(svgElement("line", { x1: x(state.step), x2: x(state.step), y1: top, y2: top + height, stroke: "#1b1f24", "stroke-dasharray": "2 3" }));
  return x;
};

const headLines = () =>
  runs.flatMap((run, i) => {
    const stack = state.site.split(".")[0];
    const curves = run.curves.heads[state.measure] ?? {};
    const lines = [];
    const chosen = [];
    for (const [site, heads] of Object.entries(curves)) {
      if (site.split(".")[0] !== stack) continue;
      heads.forEach((points, head) => {
        if (points.length < 2) return;
        const mine = site === state.site && head === state.head;
        const name = mine ? `${nameOf(site, head)}${runs.length > 1 ? ` ${run.name}` : ""}` : "";
        (mine ? chosen : lines).push({ points, name, color: mine ? COLORS[i] : "#c3c9d0", width: mine ? 2.5 : 1 });
      });
    }
    return [...lines, ...chosen];
  });

const drawCurves = () => {
  const lines = headLines();
  const losses = runs.flatMap((run, i) =>
    Object.entries(run.curves.losses).map(([name, points]) => ({
      points,
      name: runs.length > 1 ? `${name} ${run.name}` : name,
      color: name === "val/loss" ? COLORS[i] : ["#8db9d9", "#e9b48c"][i],
      width: name === "val/loss" ? 2 : 1,
    })),
  );
  const place = document.getElementById("curve");
  WIDE = Math.min(960, Math.max(320, place.clientWidth));
  const told = document.getElementById("curve-says");
  const { label } = measureOf[state.measure];
  told.textContent = lines.length
    ? "Grey: the other heads of the stack. Dotted: the chosen step."
    : `There is no curve of ${label}: it was measured at one step only.`;
  if (!lines.length && !losses.length) {
    place.replaceChildren();
    return;
  }
  const last = Math.max(...[...lines, ...losses].flatMap((line) => line.points.map((point) => point[0])), 1);
  const upper = lines.length ? 190 : 0;
  const height = upper + (losses.length ? 150 : 0) + 60;
  const svg = svgElement("svg", { viewBox: `0 0 ${WIDE} ${height}`, width: WIDE, height, role: "img", "font-size": 12, "font-family": FONT });
  svg.append(svgElement("title", {}, `${label} of ${nameOf(state.site, state.head)}, and the loss, over training`));
  const chance = runs[0].null[state.measure]?.[state.site]?.[state.head] ?? null;
  const level = chance === null ? [] : [{ points: [], level: chance, name: "by chance" }];
  let x = null;
  if (lines.length) x = panel(svg, { top: 24, height: 150, lines: [...lines, ...level], label: `${label}, ${nameOf(state.site, state.head)}`, last });
  if (losses.length) x = panel(svg, { top: upper + 30, height: 120, lines: losses, label: "loss", last });
  for (const tick of ticksOf(0, last, WIDE / 110)) svg.append(svgElement("text", { x: x(tick), y: height - 12, "text-anchor": "middle", fill: "#57606a" }, tick.toLocaleString("en")));
  svg.append(svgElement("text", { x: WIDE - RIGHT + 24, y: height - 12, fill: "#57606a" }, "steps"));
  place.replaceChildren(svg);
};
