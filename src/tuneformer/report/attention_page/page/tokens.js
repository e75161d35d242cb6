// The text beside the map: a token is chosen, and what it reads is coloured.
const rowShown = (map) => {
  const row = state.cell?.[0] ?? state.query ?? map.rows - 1;
  return Math.min(row, map.rows - 1);
};

const isWords = (names) => names.some((name) => name.length > 1);

const shownText = (name) => (name === "\n" ? "\u23ce\n" : name === "" ? "\u2205" : name);

const tokenPanel = (names, { colors = null, query = null, next = null, choose = null }) => {
  const panel = element("div", { class: `tokens ${isWords(names) ? "words" : ""}` });
  names.forEach((name, i) => {
    const classes = [i === query ? "query" : "", i === next ? "next" : ""].join(" ").trim();
    const token = element("span", { class: classes, title: `${i}` }, isWords(names) ? seen(name) : shownText(name));
    if (colors) {
      token.style.background = css(colors[i]);
      token.style.color = inkOn(colors[i]);
    }
    if (choose) token.addEventListener("click", () => change({ query: state.query === i ? null : i, cell: null }));
    panel.append(token);
  });
  return panel;
};

const rowColors = (map, row) => {
  const values = Array.from({ length: map.columns }, (_, column) => Math.abs(map.at(row, column)));
  const largest = Math.max(...values) || 1;
  return values.map((value) => colorAt(SEQUENTIAL, value / largest));
};

const alignmentOf = (map) =>
  map.axes.queries.map((query, row) => {
    let best = 0;
    for (let column = 1; column < map.columns; column++) if (map.at(row, column) > map.at(row, best)) best = column;
    return [row, query, map.axes.keys[best], map.at(row, best)];
  });

const alignmentTable = (map) => {
  const head = ["token of the target", "reads most", "weight"].map((name) => element("th", { scope: "col" }, name));
  const rows = alignmentOf(map).map(([row, query, key, value]) =>
    element(
      "tr",
      { onclick: () => change({ query: row, cell: null }) },
      element("td", {}, seen(query)),
      element("td", {}, seen(key)),
      element("td", { class: "number" }, number(value)),
    ),
  );
  const table = element("table", {}, element("thead", {}, element("tr", {}, ...head)), element("tbody", {}, ...rows));
  return element("div", { class: "wide align" }, table);
};

const besideText = (map, stack, title) => {
  const row = rowShown(map);
  const colors = rowColors(map, row);
  const { queries, keys, following } = map.axes;
  const next = following && row + 1 < queries.length ? row + 1 : null;
  const parts = [element("h3", {}, title)];
  if (stack === "cross") {
    parts.push(element("p", { class: "quiet" }, "Target: click a token (underlined: what its row predicts)."));
    parts.push(tokenPanel(queries, { query: row, next, choose: true }));
    parts.push(element("p", { class: "quiet" }, `Source, as ${quoted(queries[row])} reads it.`));
    parts.push(tokenPanel(keys, { colors }), element("h3", {}, "Alignment"), alignmentTable(map));
    return parts;
  }
  const predicted = next === null ? "" : ` Underlined: token ${row + 1}, which row ${row} predicts.`;
  parts.push(element("p", { class: "quiet" }, `What token ${row} ${quoted(queries[row])} reads; click another.${predicted}`));
  const oneQuery = queries.length !== keys.length;
  parts.push(tokenPanel(keys, { colors, query: oneQuery ? null : row, next, choose: !oneQuery }));
  return parts;
};

const drawBeside = () => {
  const place = document.getElementById("beside");
  const scrolled = [...place.querySelectorAll(".tokens, .align")].map((panel) => panel.scrollTop);
  const parts = runs.flatMap((run, i) => {
    const map = shownMaps[i];
    if (!map) return [];
    const stack = moduleOf(run, state.site).stack;
    const title = runs.length > 1 ? run.name : "The example";
    return run.image ? besideImage(run, map, stack, title) : besideText(map, stack, title);
  });
  place.replaceChildren(...parts);
  [...place.querySelectorAll(".tokens, .align")].forEach((panel, i) => {
    panel.scrollTop = scrolled[i] ?? 0;
  });
};
