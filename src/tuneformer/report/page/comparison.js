// The figures, and what is taken away of them and of the tables.
const NARROW = 640;
const dataOf = (key) => JSON.parse(document.getElementById(`data-${key}`).textContent);

const layoutOf = (layout, width) => {
  const narrow = width < NARROW;
  const made = {
    font: { family: "system-ui, sans-serif", size: narrow ? 11 : 13, color: "#1b1f24" },
    margin: { l: narrow ? 45 : 70, r: 12, t: layout.updatemenus ? 50 : 16, b: 50 },
    height: 420,
    hovermode: "closest",
    plot_bgcolor: "#ffffff",
    paper_bgcolor: "#ffffff",
    ...structuredClone(layout),
  };
  made.legend = narrow
    ? { orientation: "h", y: -0.18, yanchor: "top", font: { size: 10 } }
    : { orientation: "v", x: 1.01, y: 1 };
  if (narrow && made.updatemenus) made.height += 60;
  for (const name of Object.keys(made)) {
    if (/^[xy]axis/.test(name)) {
      made[name] = { gridcolor: "#e6e9ec", zerolinecolor: "#c8ced4", linecolor: "#8c959f", ...made[name] };
    }
  }
  return made;
};

const draw = (place) => {
  if (place.dataset.drawn) return;
  place.dataset.drawn = "yes";
  const { data, layout } = dataOf(place.dataset.figure);
  Plotly.newPlot(place, data, layoutOf(layout, place.clientWidth), {
    responsive: true,
    displaylogo: false,
    plotlyServerURL: "",
    showSendToCloud: false,
    showEditInChartStudio: false,
    showLink: false,
    modeBarButtonsToRemove: ["select2d", "lasso2d", "sendChartToCloud", "sendDataToCloud", "editInChartStudio"],
    toImageButtonOptions: { format: "svg", filename: place.dataset.figure },
  });
};

const watcher = new IntersectionObserver(
  (entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => draw(entry.target)),
  { rootMargin: "600px" },
);
const figures = all("[data-figure]");
figures.forEach((place) => watcher.observe(place));
window.addEventListener("beforeprint", () => figures.forEach(draw));

all("[data-download]").forEach((button) => {
  button.addEventListener("click", () => {
    const { columns } = dataOf(button.dataset.download);
    const names = Object.keys(columns);
    const rows = names.length ? columns[names[0]].map((_, i) => names.map((name) => columns[name][i])) : [];
    saveCsv(`${button.dataset.download}.csv`, [names, ...rows]);
  });
});

all("[data-table]").forEach((button) => {
  button.addEventListener("click", () => {
    const table = button.closest("section").querySelector("table");
    const head = all("thead th", table).map((cell) => cell.textContent);
    const rows = all("tbody tr", table).map((row) => all("td", row).map((cell) => cell.dataset.value));
    saveCsv(`${button.dataset.table}.csv`, [head, ...rows]);
  });
});

all("table").filter((table) => table.tHead).forEach((table) => makeSortable(table, "ascending"));
