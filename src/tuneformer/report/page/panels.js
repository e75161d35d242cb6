// Curves over steps, as run pages and the board draw them: each panel an axis of its own.
const COLORS = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#999999"];
const HEIGHT = 210;
const LEFT = 58;
const RIGHT = 12;
const TOP = 8;
const BOTTOM = 26;
const FONT = "system-ui, sans-serif";

const lastStepOf = (panels) => Math.max(1, ...panels.flatMap((panel) => panel.curves.flatMap((curve) => curve.points.map((point) => point[0]))));

// Of a logarithmic axis the marks are powers of ten, or single ones where there are few.
const logTicks = (low, high) => {
  const powers = [];
  for (let power = Math.ceil(Math.log10(low)); power <= Math.log10(high); power += 1) powers.push(10 ** power);
  return powers.length > 1 ? powers : [low, high];
};

const scaleOf = (panel) => {
  const levels = Object.values(panel.levels);
  const values = panel.curves.flatMap((curve) => curve.points.map((point) => point[1])).concat(levels);
  let [low, high] = [Math.min(...values), Math.max(...values)];
  if (high - low < 1e-12 * Math.max(1, Math.abs(high))) [low, high] = [low - Math.max(Math.abs(low) / 2, 1e-6), high + Math.max(Math.abs(high) / 2, 1e-6)];
  const share = panel.log ? (value) => Math.log(value / low) / Math.log(high / low) : (value) => (value - low) / (high - low);
  return { low, high, y: (value) => TOP + (1 - share(value)) * (HEIGHT - TOP - BOTTOM), ticks: panel.log ? logTicks(low, high) : ticksOf(low, high, 4) };
};

// Draws a panel into a place; returns what moves its cursor to a step. `pointed` hears of the step that is pointed at.
const drawPanel = (panel, place, lastStep, pointed) => {
  const wide = Math.max(280, place.clientWidth);
  const { y, ticks } = scaleOf(panel);
  const x = (step) => LEFT + (step / lastStep) * (wide - LEFT - RIGHT);
  const svg = svgElement("svg", { viewBox: `0 0 ${wide} ${HEIGHT}`, width: wide, height: HEIGHT, role: "img", "font-size": 12, "font-family": FONT });
  svg.append(svgElement("title", {}, `${panel.title} over training`));
  for (const tick of ticks) {
    svg.append(svgElement("line", { x1: LEFT, x2: wide - RIGHT, y1: y(tick), y2: y(tick), stroke: "var(--line)", "stroke-width": 0.7 }));
    svg.append(svgElement("text", { x: LEFT - 6, y: y(tick) + 4, "text-anchor": "end", fill: "var(--quiet)" }, number(tick)));
  }
  for (const tick of ticksOf(0, lastStep, wide / 130)) svg.append(svgElement("text", { x: x(tick), y: HEIGHT - 8, "text-anchor": tick === 0 ? "start" : "middle", fill: "var(--quiet)" }, tick.toLocaleString("en")));
  for (const value of Object.values(panel.levels)) svg.append(svgElement("line", { x1: LEFT, x2: wide - RIGHT, y1: y(value), y2: y(value), stroke: "var(--quiet)", "stroke-dasharray": "6 4" }));
  panel.curves.forEach(({ points }, i) => {
    const d = points.map(([step, value], j) => `${j ? "L" : "M"}${x(step).toFixed(1)} ${y(value).toFixed(1)}`).join("");
    svg.append(svgElement("path", { d, fill: "none", stroke: COLORS[i % COLORS.length], "stroke-width": points.length > 60 ? 1.3 : 2, "stroke-linejoin": "round" }));
    if (points.length < 40) for (const [step, value] of points) svg.append(svgElement("circle", { cx: x(step), cy: y(value), r: 2.5, fill: COLORS[i % COLORS.length] }));
  });
  const cursor = svgElement("line", { y1: TOP, y2: HEIGHT - BOTTOM, stroke: "var(--ink)", "stroke-dasharray": "2 3", visibility: "hidden" });
  svg.append(cursor);
  svg.addEventListener("pointermove", (event) => {
    const box = svg.getBoundingClientRect();
    const at = ((event.clientX - box.left) * (wide / box.width) - LEFT) / (wide - LEFT - RIGHT);
    pointed(Math.min(1, Math.max(0, at)) * lastStep);
  });
  place.replaceChildren(svg);
  return (step) => {
    for (const [name, value] of Object.entries({ x1: x(step), x2: x(step), visibility: "visible" })) cursor.setAttribute(name, value);
  };
};

const nearest = (points, step) => points.reduce((best, point) => (Math.abs(point[0] - step) < Math.abs(best[0] - step) ? point : best));

const legendOf = (panel) => {
  const entry = (name, color, isLevel) => {
    const made = document.createElement("span");
    const line = document.createElement("i");
    line.style.borderColor = color;
    if (isLevel) line.className = "level";
    made.append(line, name);
    return made;
  };
  const curves = panel.curves.map(({ name, points }, i) => entry(`${name} ${number(points[points.length - 1][1])}`, COLORS[i % COLORS.length], false));
  return [...curves, ...Object.entries(panel.levels).map(([name, value]) => entry(`${name} ${number(value)}`, "var(--quiet)", true))];
};
