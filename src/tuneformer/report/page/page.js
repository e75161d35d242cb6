"use strict";
(() => {
  const NARROW = 640;
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const dataOf = (key) => JSON.parse(document.getElementById(`data-${key}`).textContent);

  // a spreadsheet computes what begins so (runs/csv_text.py)
  const isFormula = (text) => /^'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/.test(text) && Number.isNaN(Number(text));

  const save = (name, rows) => {
    const quoted = (cell) => {
      const plain = cell === null || cell === undefined ? "" : String(cell);
      const text = isFormula(plain) ? `'${plain}` : plain;
      return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
    };
    const text = rows.map((row) => row.map(quoted).join(",")).join("\n") + "\n";
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
    link.download = name;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 1000);
  };

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
      save(`${button.dataset.download}.csv`, [names, ...rows]);
    });
  });

  all("[data-table]").forEach((button) => {
    button.addEventListener("click", () => {
      const table = button.closest("section").querySelector("table");
      const head = all("thead th", table).map((cell) => cell.textContent);
      const rows = all("tbody tr", table).map((row) => all("td", row).map((cell) => cell.dataset.value));
      save(`${button.dataset.table}.csv`, [head, ...rows]);
    });
  });

  const compare = (a, b) => {
    if (a === "" || b === "") return (a === "") - (b === "");
    const [x, y] = [a, b].map((text) => (text === "inf" ? Infinity : Number(text)));
    if (x === y) return 0;
    if (!Number.isNaN(x) && !Number.isNaN(y)) return x - y;
    const [first, second] = [a, b].map((text) => /^(.*=)(-?[\d.]+(?:e[-+]?\d+)?)$/.exec(text));
    return first && second && first[1] === second[1] ? first[2] - second[2] : a.localeCompare(b);
  };
  all("thead button").forEach((button) => {
    button.addEventListener("click", () => {
      const head = button.parentElement;
      const place = head.cellIndex;
      const up = head.getAttribute("aria-sort") !== "ascending";
      const body = head.closest("table").tBodies[0];
      const valued = (row) => row.cells[place].dataset.value;
      const sorted = [...body.rows].sort((r, s) => {
        const [a, b] = [valued(r), valued(s)];
        return a === "" || b === "" ? compare(a, b) : (up ? 1 : -1) * compare(a, b);
      });
      all("th", head.parentElement).forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      body.append(...sorted);
    });
  });
})();
