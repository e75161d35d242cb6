// The curves of a run, all over the same steps, and the values at the step that is pointed at.
const content = JSON.parse(document.getElementById("content").textContent);
const lastStep = lastStepOf(content);

let cursors = [];
const pointAt = (asked) => {
  const step = nearest(content[0].curves[0].points, asked)[0];
  cursors.forEach((move) => move(step));
  const told = content.map((panel) => {
    const values = panel.curves.map(({ name, points }) => `${panel.curves.length > 1 ? `${name} ` : ""}${number(nearest(points, step)[1])}`);
    return `${panel.title.toLowerCase()} ${values.join(", ")}`;
  });
  document.getElementById("readout").textContent = `Step ${step.toLocaleString("en")}: ${told.join("; ")}`;
};

const draw = () => {
  cursors = content.map((panel) => drawPanel(panel, document.querySelector(`#panel-${panel.key} .drawing`), lastStep, pointAt));
};
for (const panel of content) document.querySelector(`#panel-${panel.key} .legend`).append(...legendOf(panel));
draw();
window.addEventListener("resize", draw);
all("table").forEach((table) => makeSortable(table, "descending"));
