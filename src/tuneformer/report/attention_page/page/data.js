// The numbers of the page, and maps that are inflated when they are first looked at.
const content = JSON.parse(document.getElementById("content").textContent);
const runs = content.runs;
const measureOf = Object.fromEntries(content.measures.map((measure) => [measure.key, measure]));

const bytesOf = (text) => Uint8Array.from(atob(text), (character) => character.charCodeAt(0));

const inflate = async (id) => {
  const packed = bytesOf(document.getElementById(id).textContent);
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
};

const MOST_KEPT = 64;
const kept = new Map();
const block = (id) => {
  const found = kept.get(id) ?? inflate(id);
  kept.delete(id); // the one last used goes to the end
  kept.set(id, found);
  if (kept.size > MOST_KEPT) kept.delete(kept.keys().next().value);
  return found;
};

// Of a mask the place of each cell among those that may be seen; -1 for the others.
const masks = new Map();
const ranked = async (id) => {
  const bytes = await inflate(id);
  const rank = new Int32Array(bytes.length);
  let count = 0;
  bytes.forEach((seen_, i) => {
    rank[i] = seen_ ? count++ : -1;
  });
  return { rank, count };
};
const maskOf = (id) => {
  if (!masks.has(id)) masks.set(id, ranked(id));
  return masks.get(id);
};

const moduleOf = (run, site) => run.modules.find((module) => module.site === site);
const axesOf = (run, site) => run.stacks[moduleOf(run, site).stack];

// A map: rows, columns, and the weight of a cell; null where the page has none.
const mapOf = async (run, step, kind, site, head) => {
  const place = run.maps[kind][String(step)]?.[site];
  if (!place) return null;
  const axes = run.stacks[kind === "rollout" ? site : moduleOf(run, site).stack];
  const [rows, columns] = [axes.queries.length, axes.keys.length];
  const [all, mask] = await Promise.all([block(place.id), place.mask ? maskOf(place.mask) : null]);
  const size = mask ? mask.count : rows * columns;
  const bytes = all.subarray(head * size, (head + 1) * size);
  const [low, high] = [place.low[head], place.high[head]];
  const weight = (i) => low + (bytes[i] / 255) * (high - low);
  const allowed = (row, column) => !mask || mask.rank[row * columns + column] >= 0;
  const at = (row, column) => {
    const i = row * columns + column;
    if (!mask) return weight(i);
    return mask.rank[i] < 0 ? 0 : weight(mask.rank[i]);
  };
  return { rows, columns, low, high, at, allowed, axes };
};

const differenceOf = (first, second) => {
  let far = 0;
  const at = (row, column) => second.at(row, column) - first.at(row, column);
  for (let row = 0; row < first.rows; row++) {
    for (let column = 0; column < first.columns; column++) far = Math.max(far, Math.abs(at(row, column)));
  }
  return { ...first, far, low: -(far || 1), high: far || 1, at };
};

const short = (x) => {
  if (x === null || x === undefined) return "\u2013";
  if (Math.abs(x) >= 100) return String(Math.round(x));
  if (x !== 0 && Math.abs(x) < 0.005) return x.toExponential(0);
  return x.toFixed(2);
};

// White space would not be seen.
const VISIBLE = { " ": "\u00b7", "\n": "\u23ce", "\t": "\u21e5", "\r": "\u240d" };
const seen = (text) => (text.trim() === "" ? [...text].map((c) => VISIBLE[c] ?? c).join("") : text);
const quoted = (text) => `\u201c${seen(text)}\u201d`;

const element = (name, attributes = {}, ...children) => {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else if (value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children);
  return made;
};
