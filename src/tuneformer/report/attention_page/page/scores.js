// The numbers of the chosen head, each beside what it would be by chance.
const drawScores = () => {
  document.getElementById("head-title").textContent = `Head ${nameOf(state.site, state.head)}`;
  const place = document.getElementById("head-loss");
  place.replaceChildren(
    ...runs.flatMap((run) => {
      const last = run.steps[run.steps.length - 1];
      const change_ = scoreOf(run, content.ablation, state.site, state.head, last);
      if (change_ === null || run.loss === null) return [];
      const sign = change_ >= 0 ? "+" : "\u2212";
      const name = runs.length > 1 ? `${run.name}: ` : "";
      const text = `${name}without this head the loss is ${number(run.loss + change_)} in place of ${number(run.loss)} `;
      return [text, element("strong", {}, `(${sign}${number(Math.abs(change_))})`), `, at step ${last.step.toLocaleString("en")}. `];
    }),
  );
  const several = runs.length > 1;
  const names = ["measure", ...runs.flatMap((run) => [several ? run.name : "value", "by chance"]), "what it says"];
  const rows = measures
    .filter((measure) => runs.some((run) => scoreOf(run, measure.key, state.site, state.head) !== null))
    .map((measure) => {
      const cells = runs.flatMap((run) => [
        element("td", { class: "number" }, number(scoreOf(run, measure.key, state.site, state.head))),
        element("td", { class: "number null" }, number(run.null[measure.key]?.[state.site]?.[state.head])),
      ]);
      return element("tr", {}, element("td", {}, measure.label), ...cells, element("td", { class: "says quiet" }, measure.says));
    });
  const head = element("thead", {}, element("tr", {}, ...names.map((name) => element("th", { scope: "col" }, name))));
  document.getElementById("head-scores").replaceChildren(element("table", {}, head, element("tbody", {}, ...rows)));
};
