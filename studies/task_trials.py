"""What the study of tasks runs, and what must come out of each."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class TaskTrial:
    """One row of the study: an experiment with what is changed in it, over seeds 0 ... n_seeds - 1.

    Attributes:
        arm: what distinguishes the row from others of its task.
        metric: which figure of a run is looked at.
        reaches: look at the first validation where the metric is at least so much; the figure is its step.
        at_least, at_most: where every seed's metric must lie.
        of_optimum: whether these bounds are multiples of the best that can be expected.
    """

    experiment: str
    arm: str
    overrides: tuple[str, ...] = ()
    metric: str = "test/accuracy"
    reaches: float | None = None
    at_least: float | None = None
    at_most: float | None = None
    of_optimum: bool = False
    n_seeds: int = 1

    def figure(self) -> str:
        """What is looked at, in words."""
        if self.reaches is not None:
            return f"first step with {self.metric} {self.reaches:g}"
        return self.metric

    def expected(self) -> str:
        """The bounds in words."""
        unit = " x the optimum" if self.of_optimum else ""
        bounds = [("at least", self.at_least), ("at most", self.at_most)]
        return " and ".join(f"{word} {bound:g}{unit}" for word, bound in bounds if bound is not None)

    def holds(self, value: float, *, optimum: float | None) -> bool:
        """Whether a seed's metric lies where it must."""
        scale = optimum if self.of_optimum else 1.0
        if scale is None or value != value:
            return False
        above = self.at_least is None or value >= self.at_least * scale
        return above and (self.at_most is None or value <= self.at_most * scale)


AS_MINGPT = ("optimizer.lr=1e-3", "optimizer.weight_decay=0.1")
WITHOUT_DECAY = ("optimizer.weight_decay=0",)
TRIALS = (
    TaskTrial(experiment="induction", arm="two layers", at_least=0.99),
    TaskTrial(experiment="induction", arm="one layer", overrides=("model.n_layers=1",), at_most=0.5),
    TaskTrial(experiment="recall", arm="two softmax layers", at_least=0.99),
    TaskTrial(experiment="recall", arm="linear attention", overrides=("attention=linear",), at_most=0.9),
    TaskTrial(
        experiment="recall",
        arm="a window of 8",
        overrides=("attention=sliding_window", "attention.window=8"),
        at_most=0.9,
    ),
    TaskTrial(experiment="modular", arm="weight decay 1", at_least=0.99, n_seeds=3),
    TaskTrial(
        experiment="modular",
        arm="weight decay 1",
        metric="val/accuracy",
        reaches=0.99,
        at_most=900,
        n_seeds=3,
    ),
    TaskTrial(
        experiment="modular",
        arm="no weight decay",
        overrides=WITHOUT_DECAY,
        metric="val/accuracy",
        reaches=0.99,
        at_least=900,
        n_seeds=3,
    ),
    TaskTrial(experiment="modular", arm="random answers", overrides=("data.operation=random",), at_most=0.05),
    TaskTrial(experiment="regression", arm="four layers", metric="test/loss", at_most=1.1, of_optimum=True),
    TaskTrial(experiment="sorting", arm="three layers", overrides=AS_MINGPT, at_least=1.0, n_seeds=3),
    TaskTrial(experiment="markov", arm="two layers", metric="test/loss", at_most=1.05, of_optimum=True),
    TaskTrial(experiment="dyck", arm="two layers", at_least=0.99),
    TaskTrial(experiment="needle", arm="two layers", at_least=0.99),
    TaskTrial(
        experiment="needle",
        arm="two layers with a window of 8",
        overrides=("attention=sliding_window", "attention.window=8"),
        at_most=0.15,
    ),
    TaskTrial(experiment="copy", arm="one layer", at_least=0.99),
    TaskTrial(experiment="digits", arm="vision Transformer", at_least=0.97, n_seeds=3),
    TaskTrial(experiment="mnist", arm="vision Transformer", at_least=0.85),
    TaskTrial(experiment="language_id", arm="encoder", at_least=0.8),
)
