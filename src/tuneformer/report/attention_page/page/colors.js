// Colours that people of every colour vision tell apart: lightness alone orders them, hue only helps.
// They are computed in OKLab (Ottosson 2020).
const toSrgb = (lightness, chroma, hue) => {
  const angle = (hue * Math.PI) / 180;
  const [a, b] = [chroma * Math.cos(angle), chroma * Math.sin(angle)];
  const l = (lightness + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (lightness - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (lightness - 0.0894841775 * a - 1.291485548 * b) ** 3;
  const linear = [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
  return linear.map((x) => {
    const inside = Math.min(1, Math.max(0, x));
    return Math.round(255 * (inside <= 0.0031308 ? 12.92 * inside : 1.055 * inside ** (1 / 2.4) - 0.055));
  });
};

const STEPS = 255;
const mixed = (from, to, t) => from + (to - from) * t;

// from nearly white over green to dark blue
const SEQUENTIAL = Array.from({ length: STEPS + 1 }, (_, i) => {
  const t = i / STEPS;
  return toSrgb(mixed(0.99, 0.3, t), 0.012 + 0.098 * Math.sin(0.8 * Math.PI * t), mixed(120, 264, t ** 0.8));
});

// blue below 0, white, orange above
const DIVERGING = Array.from({ length: STEPS + 1 }, (_, i) => {
  const t = (2 * i) / STEPS - 1;
  const far = Math.abs(t);
  return toSrgb(mixed(0.985, 0.48, far), 0.15 * far ** 0.8, t < 0 ? 252 : 55);
});

const colorAt = (palette, t) => palette[Math.round(STEPS * Math.min(1, Math.max(0, t)))];
const css = (rgb) => `rgb(${rgb.join(",")})`;
const inkOn = (rgb) => (0.299 * rgb[0] + 0.587 * rgb[1] + 0.114 * rgb[2] > 140 ? "#1b1f24" : "#ffffff");

// A scale: numbers to colours, sequential where none is below 0 and diverging around 0 otherwise.
const scaleOver = (low, high) => {
  if (low < 0) {
    const far = Math.max(-low, high) || 1;
    return { low: -far, high: far, palette: DIVERGING, at: (x) => colorAt(DIVERGING, (x / far + 1) / 2) };
  }
  const top = high || 1;
  return { low: 0, high: top, palette: SEQUENTIAL, at: (x) => colorAt(SEQUENTIAL, x / top) };
};
