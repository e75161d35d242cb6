// Parts of a drawing: elements, numbers as they are written, and where an axis has its marks.
const SVG = "http://www.w3.org/2000/svg";
const svgElement = (name, attributes, text) => {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  if (text !== undefined) made.textContent = text;
  return made;
};

const number = (x) => {
  if (x === null || x === undefined) return "\u2013";
  if (x !== 0 && (Math.abs(x) < 1e-3 || Math.abs(x) >= 1e5)) return x.toExponential(2);
  return String(Number(x.toPrecision(4)));
};

const ticksOf = (low, high, n) => {
  const rough = (high - low) / n || 1;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((x) => x * power).find((x) => x >= rough);
  const ticks = [];
  for (let x = Math.ceil(low / step) * step; x <= high + 1e-9 * step; x += step) ticks.push(Number(x.toPrecision(12)));
  return ticks;
};
