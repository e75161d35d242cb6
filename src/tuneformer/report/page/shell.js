// What every page has: files to take away, and tables that sort.
const all = (selector, root = document) => [...root.querySelectorAll(selector)];

const save = (name, text, type) => {
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([text], { type }));
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 1000);
};

// a spreadsheet computes what begins so (runs/csv_text.py)
const isFormula = (text) => /^'*[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]/.test(text) && Number.isNaN(Number(text));

const saveCsv = (name, rows) => {
  const quoted = (cell) => {
    const plain = cell === null || cell === undefined ? "" : String(cell);
    const text = isFormula(plain) ? `'${plain}` : plain;
    return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  save(name, rows.map((row) => row.map(quoted).join(",")).join("\n") + "\n", "text/csv");
};

// Numbers by size, settings of one name by their value, words by the alphabet.
const compare = (a, b) => {
  const [x, y] = [a, b].map((text) => (text === "inf" ? Infinity : Number(text)));
  if (x === y) return 0;
  if (!Number.isNaN(x) && !Number.isNaN(y)) return x - y;
  const [first, second] = [a, b].map((text) => /^(.*=)(-?[\d.]+(?:e[-+]?\d+)?)$/.exec(text));
  return first && second && first[1] === second[1] ? first[2] - second[2] : a.localeCompare(b);
};

// A click on the head of a column sorts by it, `first` way round at first; what is empty stays last.
const makeSortable = (table, first) => {
  all("thead button", table).forEach((button) => {
    button.addEventListener("click", () => {
      const head = button.parentElement;
      const now = head.getAttribute("aria-sort");
      const next = now === null ? first : now === "ascending" ? "descending" : "ascending";
      const valued = (row) => row.cells[head.cellIndex].dataset.value;
      const sorted = [...table.tBodies[0].rows].sort((r, s) => {
        const [a, b] = [valued(r), valued(s)];
        if (a === "" || b === "") return (a === "") - (b === "");
        return (next === "ascending" ? 1 : -1) * compare(a, b);
      });
      all("th", head.parentElement).forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", next);
      table.tBodies[0].append(...sorted);
    });
  });
};
