// The list of runs, read again while it is looked at, and the curves of those that are ticked.
const EVERY = 3000; // milliseconds
const COLUMNS = ["path", "status", "steps", "train/loss", "val/loss", "test/loss", "model", "attention", "optimizer", "scheduler", "seed", "started"];
const body = document.querySelector("#runs tbody");
const ticked = new Set();
let listed = [];
let drawn = "";

const pageOf = (name, page) => `/show/${name.split("/").map(encodeURIComponent).join("/")}/${page}`;

const linkTo = (name, page) => {
  const link = document.createElement("a");
  link.href = pageOf(name, page);
  link.textContent = name;
  return link;
};

const rowOf = (run) => {
  const row = document.createElement("tr");
  const box = document.createElement("input");
  [box.type, box.checked] = ["checkbox", ticked.has(run.path)];
  box.setAttribute("aria-label", `curves of ${run.path}`);
  box.addEventListener("change", () => {
    if (box.checked) ticked.add(run.path);
    else ticked.delete(run.path);
    overlay();
  });
  row.insertCell().append(box);
  for (const name of COLUMNS) {
    const cell = row.insertCell();
    const value = run[name];
    cell.dataset.value = value ?? "";
    if (typeof value === "number") cell.className = "number";
    if (name === "path") cell.append(linkTo(run.path, "report.html"));
    else cell.textContent = typeof value === "number" && name.includes("/") ? value.toFixed(4) : value ?? "\u2013";
    if (name === "status") cell.className = run.status;
  }
  return row;
};

const fits = (run) => {
  const text = COLUMNS.map((name) => `${name}=${run[name]}`).join(" ").toLowerCase();
  return document.getElementById("filter").value.toLowerCase().split(/\s+/).every((word) => text.includes(word));
};

const list = () => {
  const shown = listed.filter(fits);
  body.replaceChildren(...shown.map(rowOf));
  document.getElementById("count").textContent = shown.length === listed.length ? `${listed.length} runs` : `${shown.length} of ${listed.length} runs`;
  const sorted = document.querySelector("#runs th[aria-sort]");
  if (!sorted) return;
  const way = sorted.getAttribute("aria-sort"); // a click turns the order: the same again takes the other first
  sorted.setAttribute("aria-sort", way === "ascending" ? "descending" : "ascending");
  sorted.querySelector("button").click();
};

const overlay = async () => {
  const place = document.getElementById("overlay");
  place.hidden = ticked.size === 0;
  if (place.hidden) return;
  const asked = [...ticked].map((name) => `run=${encodeURIComponent(name)}`).join("&");
  const panels = await (await fetch(`/curves.json?${asked}`)).json();
  const told = JSON.stringify(panels);
  if (told === drawn) return;
  drawn = told;
  const figures = panels.map((panel) => {
    const [figure, title, drawing, legend] = ["figure", "figcaption", "div", "p"].map((name) => document.createElement(name));
    title.textContent = panel.title;
    legend.className = "legend quiet";
    legend.append(...legendOf(panel));
    figure.append(title, drawing, legend);
    return figure;
  });
  document.getElementById("panels").replaceChildren(...figures);
  const lastStep = lastStepOf(panels);
  const pointed = (step) => {
    cursors.forEach((move) => move(step));
    const values = panels.map((panel) => `${panel.title} ${panel.curves.map(({ name, points }) => `${name} ${number(nearest(points, step)[1])}`).join(", ")}`);
    document.getElementById("readout").textContent = `Step ${Math.round(step).toLocaleString("en")}: ${values.join("; ")}`;
  };
  const cursors = panels.map((panel, i) => drawPanel(panel, figures[i].querySelector("div"), lastStep, pointed));
};

const look = async () => {
  if (document.hidden) return;
  try {
    const found = await (await fetch("/runs.json")).json();
    if (JSON.stringify(found.runs) !== JSON.stringify(listed)) {
      listed = found.runs;
      list();
    }
    document.getElementById("sweeps").hidden = found.sweeps.length === 0;
    document.querySelector("#sweeps ul").replaceChildren(
      ...found.sweeps.map((name) => {
        const item = document.createElement("li");
        item.append(linkTo(name, "comparison.html"));
        return item;
      }),
    );
    await overlay();
  } catch (error) {
    document.getElementById("count").textContent = "the board is not served any more";
  }
};

document.getElementById("filter").addEventListener("input", list);
makeSortable(document.getElementById("runs"), "ascending");
look();
setInterval(look, EVERY);
