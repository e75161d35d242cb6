// The map of the chosen head: rows are queries, columns keys.
const MOST_SIDE = 540;
const LARGEST_CELL = 34;
const READABLE_CELL = 10;
const MASKED = [238, 240, 242];
const FONT = "system-ui, sans-serif";
const figures = [];

const clipped = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}\u2026` : text);

const geometryOf = (map, room) => {
  const { rows, columns } = map;
  const wide = Math.min(MOST_SIDE, room);
  const labelled = (wide - 138) / Math.max(rows, columns) >= READABLE_CELL;
  const following = labelled && map.axes.following !== null;
  const [left, top, right] = [labelled ? 72 : 34, labelled ? 66 : 18, following ? 66 : labelled ? 34 : 6];
  const side = Math.min(LARGEST_CELL, (wide - left - right) / Math.max(rows, columns));
  const cell = side >= 2 ? Math.floor(side) : side;
  const tall = rows < 4 ? Math.max(cell, 22) : cell;
  return { left, top, right, cell, tall, labelled, following, width: left + cell * columns + right, height: top + tall * rows + 6 };
};

const pictureOf = (map, scale) => {
  const picture = element("canvas", { width: map.columns, height: map.rows });
  const context = picture.getContext("2d");
  const image = context.createImageData(map.columns, map.rows);
  for (let row = 0; row < map.rows; row++) {
    for (let column = 0; column < map.columns; column++) {
      const color = map.allowed(row, column) ? scale.at(map.at(row, column)) : MASKED;
      image.data.set([...color, 255], 4 * (row * map.columns + column));
    }
  }
  context.putImageData(image, 0, 0);
  return picture;
};

const drawLabels = (context, map, geometry) => {
  const { left, top, cell, tall, labelled, following } = geometry;
  const every = labelled ? 1 : Math.max(1, 2 ** Math.ceil(Math.log2(Math.max(map.rows, map.columns) / 8)));
  context.fillStyle = "#57606a";
  context.font = `${labelled ? Math.min(12, Math.max(9, cell - 1)) : 10}px ${FONT}`;
  context.textBaseline = "middle";
  for (let row = 0; row < map.rows; row += every) {
    const y = top + (row + 0.5) * tall;
    context.textAlign = "right";
    context.fillText(labelled ? clipped(seen(map.axes.queries[row]), 9) : String(row), left - 5, y);
    if (!following || map.axes.following[row] === "") continue;
    context.textAlign = "left";
    context.fillText(`\u2192 ${clipped(seen(map.axes.following[row]), 7)}`, left + cell * map.columns + 5, y);
  }
  for (let column = 0; column < map.columns; column += every) {
    context.save();
    context.translate(left + (column + 0.5) * cell, top - 5);
    if (labelled) context.rotate(-Math.PI / 3);
    context.textAlign = labelled ? "left" : "center";
    context.fillText(labelled ? clipped(seen(map.axes.keys[column]), 9) : String(column), 0, labelled ? 0 : -4);
    context.restore();
  }
};

const paint = (figure) => {
  const { canvas, map, picture, geometry } = figure;
  if (!map) return;
  const ratio = window.devicePixelRatio || 1;
  const { left, top, cell, tall, width, height } = geometry;
  canvas.width = Math.ceil(width * ratio);
  canvas.height = Math.ceil(height * ratio);
  canvas.style.width = `${width}px`;
  const context = canvas.getContext("2d");
  context.scale(ratio, ratio);
  context.imageSmoothingEnabled = false;
  context.drawImage(picture, left, top, cell * map.columns, tall * map.rows);
  context.strokeStyle = "#d0d7de";
  context.strokeRect(left - 0.5, top - 0.5, cell * map.columns + 1, tall * map.rows + 1);
  drawLabels(context, map, geometry);
  const row = state.cell?.[0] ?? state.query;
  if (row !== null && row < map.rows) {
    context.strokeStyle = "#1b1f24";
    context.lineWidth = 1;
    context.strokeRect(left - 0.5, top + row * tall - 0.5, cell * map.columns + 1, tall + 1);
  }
  if (state.cell && state.cell[1] < map.columns) {
    context.strokeRect(left + state.cell[1] * cell - 0.5, top - 0.5, cell + 1, tall * map.rows + 1);
  }
};

const cellAt = (figure, event) => {
  const { left, top, cell, tall } = figure.geometry;
  const box = figure.canvas.getBoundingClientRect();
  const shrunk = figure.geometry.width / box.width;
  const column = Math.floor(((event.clientX - box.left) * shrunk - left) / cell);
  const row = Math.floor(((event.clientY - box.top) * shrunk - top) / tall);
  const inside = row >= 0 && column >= 0 && row < figure.map.rows && column < figure.map.columns;
  return inside ? [row, column] : null;
};

const MOVES = { ArrowUp: [-1, 0], ArrowDown: [1, 0], ArrowLeft: [0, -1], ArrowRight: [0, 1] };

const makeFigure = (title) => {
  const canvas = element("canvas", { tabindex: "0", role: "img" });
  const caption = element("figcaption");
  const figure = { canvas, caption, title, map: null };
  canvas.addEventListener("mousemove", (event) => figure.map && change({ cell: cellAt(figure, event) }));
  canvas.addEventListener("mouseleave", () => change({ cell: null }));
  canvas.addEventListener("click", (event) => {
    const cell = figure.map && cellAt(figure, event);
    if (cell) change({ query: state.query === cell[0] ? null : cell[0], cell });
  });
  canvas.addEventListener("keydown", (event) => {
    const move = MOVES[event.key];
    if (!move || !figure.map) return;
    event.preventDefault();
    event.stopPropagation();
    const [row, column] = state.cell ?? [state.query ?? 0, 0];
    const within = (x, most) => Math.min(most - 1, Math.max(0, x));
    const from = state.cell ? move : [0, 0];
    change({ cell: [within(row + from[0], figure.map.rows), within(column + from[1], figure.map.columns)] });
  });
  figures.push(figure);
  document.getElementById("maps").append(element("figure", {}, caption, canvas));
  return figure;
};

const hideOrShow = (figure, map, scale, told) => {
  figure.map = map;
  figure.canvas.parentElement.hidden = map === null && told === "";
  figure.canvas.hidden = map === null;
  figure.caption.textContent = told;
  if (!map) return;
  const room = document.querySelector("#head .head").clientWidth / (runs.length > 1 && window.innerWidth > 640 ? 3 : 1);
  figure.geometry = geometryOf(map, Math.max(260, room - 14));
  figure.picture = pictureOf(map, scale);
  figure.canvas.setAttribute("aria-label", `${told}. Rows are queries, columns keys; the arrows move the cell.`);
  paint(figure);
};

const chosenMap = (run) => {
  const module = moduleOf(run, state.site);
  const { step } = stepOf(run);
  if (!module || module.heads <= state.head) return null;
  if (state.kind === "rollout") return run.stacks[module.stack] && mapOf(run, step, "rollout", module.stack, 0);
  return mapOf(run, step, state.kind, state.site, state.head);
};
const NOTHING = {
  weights: "no map of this head",
  normed: "no norm-weighted map at this step, or of this module",
  rollout: "no rollout: the rows of this stack are no columns of it",
};

let asked = 0;
let shownMaps = [];
const drawMaps = async () => {
  const mine = ++asked;
  const found = await Promise.all(runs.map(chosenMap));
  if (mine !== asked) return; // something else was chosen meanwhile
  shownMaps = found;
  const known = found.filter((map) => map !== null);
  const scale = scaleOver(Math.min(0, ...known.map((map) => map.low)), Math.max(1e-12, ...known.map((map) => map.high)));
  runs.forEach((run, i) => {
    const of = state.kind === "rollout" ? "rollout through all layers, " : "";
    const what = found[i] ? `${of}step ${stepText(stepOf(run))}; white 0, darkest ${number(scale.high)}` : NOTHING[state.kind];
    hideOrShow(figures[i], found[i], scale, `${runs.length > 1 ? `${run.name}, ` : ""}${what}`);
  });
  if (content.comparable) {
    const map = known.length === 2 ? differenceOf(...known) : null;
    const range = map?.far ? `blue ${number(map.low)} to orange ${number(map.high)}` : "the same";
    const told = map ? `${runs[1].name} less ${runs[0].name}: ${range}` : "";
    hideOrShow(figures[2], map, map && scaleOver(map.low, map.high), told);
  }
  drawReadout();
  drawBeside();
  document.body.dataset.shown = `${state.site}.${state.head}@${state.step}/${state.kind}`;
};

const drawReadout = () => {
  const place = document.getElementById("readout");
  const map = shownMaps.find((each) => each !== null);
  if (!state.cell || !map) {
    place.textContent = "Point at a cell for its value; click to hold a row.";
    return;
  }
  const [row, column] = state.cell;
  const { queries, keys, following } = map.axes;
  const values = figures
    .filter((figure) => figure.map && row < figure.map.rows && column < figure.map.columns)
    .map((figure) => (figure.map.allowed(row, column) ? figure.map.at(row, column).toFixed(4) : "may not be seen"));
  const labels = values.length > 1 ? [...runs.map((run) => run.name), "difference"] : [""];
  const told = values.map((value, i) => `${labels[i]} ${value}`.trim()).join("; ");
  const guess = runs[0].guesses;
  const predicts = following && row < following.length - (following[row] === "" ? 1 : 0) ? `; row ${row} predicts token ${row + 1}, ${quoted(following[row])}` : "";
  const says = following && guess ? `; the model says ${quoted(guess[0][row] ?? "")} (${number(guess[1][row])})` : "";
  place.textContent = `query ${row} ${quoted(queries[row])} reads key ${column} ${quoted(keys[column])}: ${told}${predicts}${says}`;
  place.dataset.value = values[0];
};
