// Files to take away.
const escaped = (text) => text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
const MOST_RECTANGLES = 64 * 64;

const svgOfFigure = (figure) => {
  const { map, geometry, picture } = figure;
  const { left, top, cell, tall, width, height, labelled, following } = geometry;
  const parts = [];
  const context = picture.getContext("2d");
  if (map.rows * map.columns <= MOST_RECTANGLES) {
    const { data } = context.getImageData(0, 0, map.columns, map.rows);
    for (let i = 0; i < map.rows * map.columns; i++) {
      const [x, y] = [left + (i % map.columns) * cell, top + Math.floor(i / map.columns) * tall];
      parts.push(`<rect x="${x}" y="${y}" width="${cell}" height="${tall}" fill="${css([...data.slice(4 * i, 4 * i + 3)])}"/>`);
    }
  } else {
    const size = `width="${cell * map.columns}" height="${tall * map.rows}"`;
    parts.push(`<image x="${left}" y="${top}" ${size} style="image-rendering:pixelated" preserveAspectRatio="none" href="${picture.toDataURL()}"/>`);
  }
  if (labelled) {
    const text = (x, y, anchor, value, more = "") => parts.push(`<text x="${x}" y="${y}" text-anchor="${anchor}"${more}>${escaped(value)}</text>`);
    map.axes.queries.forEach((name, row) => {
      const y = top + (row + 0.5) * tall + 4;
      text(left - 5, y, "end", clipped(seen(name), 9));
      if (following && map.axes.following[row] !== "") text(left + cell * map.columns + 5, y, "start", `\u2192 ${clipped(seen(map.axes.following[row]), 7)}`);
    });
    map.axes.keys.forEach((name, column) => {
      const x = left + (column + 0.5) * cell + 4;
      text(x, top - 5, "start", clipped(seen(name), 9), ` transform="rotate(-60 ${x} ${top - 5})"`);
    });
  }
  const open = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" font-family="${FONT}" font-size="11" fill="#57606a">`;
  return `${open}<title>${escaped(figure.caption.textContent)}</title>${parts.join("")}</svg>`;
};

const headsAsRows = () => {
  const rows = [["run", "step", "stack", "layer", "head", ...measures.map((measure) => measure.key)]];
  for (const run of runs) {
    for (const each of run.steps) {
      for (const module of run.modules) {
        for (let head = 0; head < module.heads; head++) {
          const values = measures.map((measure) => scoreOf(run, measure.key, module.site, head, each));
          rows.push([run.name, each.step, module.stack, module.layer, head, ...values]);
        }
      }
    }
  }
  return rows;
};

// Maps of the chosen step, as exact as the page has them.
const everythingAsJson = async () => {
  const whole = [];
  const kind = state.kind === "normed" ? "normed" : "weights";
  for (const run of runs) {
    const maps = {};
    for (const module of run.modules) {
      for (let head = 0; head < module.heads; head++) {
        const map = await mapOf(run, stepOf(run).step, kind, module.site, head);
        if (!map) continue;
        const rows = Array.from({ length: map.rows }, (_, row) => Array.from({ length: map.columns }, (__, column) => Number(map.at(row, column).toPrecision(5))));
        maps[nameOf(module.site, head)] = rows;
      }
    }
    const { maps: _, ...numbers } = run;
    whole.push({ ...numbers, maps_of_step: stepOf(run).step, kind, maps });
  }
  return JSON.stringify({ measures: content.measures, runs: whole });
};

const wireSaving = () => {
  document.getElementById("save-svg").addEventListener("click", () => {
    const drawn = figures.filter((figure) => figure.map);
    drawn.forEach((figure, i) => save(`${nameOf(state.site, state.head)}-${i + 1}.svg`, svgOfFigure(figure), "image/svg+xml"));
  });
  document.getElementById("save-csv").addEventListener("click", () => saveCsv("heads.csv", headsAsRows()));
  document.getElementById("save-json").addEventListener("click", async () => save("attention.json", await everythingAsJson(), "application/json"));
};
