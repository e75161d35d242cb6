// Attention over patches, drawn on the image.
const PICTURE_SIDE = 208;

const imageCanvas = (image) => {
  const bytes = bytesOf(image.pixels);
  const canvas = element("canvas", { width: image.width, height: image.height });
  const context = canvas.getContext("2d");
  const data = context.createImageData(image.width, image.height);
  for (let i = 0; i < image.width * image.height; i++) {
    const at = (channel) => bytes[i * image.channels + Math.min(channel, image.channels - 1)];
    data.data.set([at(0), at(1), at(2), 255], 4 * i);
  }
  context.putImageData(data, 0, 0);
  return canvas;
};

// Weights over patches as colour over the image; the patch that reads is outlined.
const overlay = (run, weights, told, reader) => {
  const { image } = run;
  const [across, down] = [image.width / image.patch, image.height / image.patch];
  const canvas = element("canvas", { width: PICTURE_SIDE, height: PICTURE_SIDE, role: "img", "aria-label": told });
  const context = canvas.getContext("2d");
  const [wide, tall] = [PICTURE_SIDE / across, PICTURE_SIDE / down];
  context.imageSmoothingEnabled = false;
  context.filter = "contrast(0.6) brightness(1.1)";
  context.drawImage(imageCanvas(image), 0, 0, PICTURE_SIDE, PICTURE_SIDE);
  context.filter = "none";
  if (weights) {
    const largest = Math.max(...weights) || 1;
    weights.forEach((weight, i) => {
      context.fillStyle = "#e69f00";
      context.globalAlpha = 0.85 * (weight / largest);
      context.fillRect((i % across) * wide, Math.floor(i / across) * tall, wide, tall);
    });
    context.globalAlpha = 1;
  }
  if (reader !== null && reader >= 0) {
    context.strokeStyle = "#56b4e9";
    context.lineWidth = 3;
    context.strokeRect((reader % across) * wide + 1.5, Math.floor(reader / across) * tall + 1.5, wide - 3, tall - 3);
  }
  const first = image.class_token ? 1 : 0;
  canvas.addEventListener("click", (event) => {
    const box = canvas.getBoundingClientRect();
    const column = Math.floor(((event.clientX - box.left) / box.width) * across);
    const row = Math.floor(((event.clientY - box.top) / box.height) * down);
    if (row < 0 || column < 0 || row >= down || column >= across) return;
    const query = first + row * across + column;
    change({ query: state.query === query ? null : query, cell: null });
  });
  return element("figure", {}, element("figcaption", {}, told), canvas);
};

const patchWeights = (run, map, row) => {
  const first = run.image.class_token ? 1 : 0;
  const weightOf = (column) => {
    if (row !== null) return Math.abs(map.at(row, column));
    let total = 0;
    for (let each = 0; each < map.rows; each++) total += Math.abs(map.at(each, column));
    return total / map.rows;
  };
  return Array.from({ length: map.columns - first }, (_, i) => weightOf(i + first));
};

const besideImage = (run, map, stack, title) => {
  const first = run.image.class_token ? 1 : 0;
  const chosen = state.cell?.[0] ?? state.query;
  const fallback = first || map.rows === 1 ? 0 : null;
  const row = chosen !== null && chosen < map.rows ? chosen : fallback;
  const reader = row === null || map.rows === 1 ? null : row - first;
  const who = row === null ? "all patches, in the mean" : map.axes.queries[row];
  const pictures = element("div", { class: "pictures" });
  pictures.append(overlay(run, null, "the image", null), overlay(run, patchWeights(run, map, row), `this head, read by ${who}`, reader));
  const step = stepOf(run).step;
  const place = element("figure", {}, element("figcaption", {}, "rollout"));
  pictures.append(place);
  mapOf(run, step, "rollout", "encoder", 0).then((rolled) => {
    if (!rolled) return place.remove();
    const of = map.rows === 1 && rolled.rows !== 1 ? (first ? 0 : null) : row;
    const told = `rollout through all layers, to ${of === null ? "all patches, in the mean" : rolled.axes.queries[of]}`;
    return place.replaceWith(overlay(run, patchWeights(run, rolled, of), told, reader));
  });
  const hint = element("p", { class: "quiet" }, "Click a patch to see what it reads; orange is the share of the largest weight.");
  return [element("h3", {}, title), pictures, hint];
};
