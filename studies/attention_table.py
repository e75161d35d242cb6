"""What the study of attention modules found, as a table."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean
from typing import Any

import torch
import torch.nn.functional as F

from benchmarks.allocation import peak_bytes
from studies.attention_methods import BASELINE, VOCAB_SIZE
from studies.method_rows import MethodRow, baseline_of, gap, over_seeds
from studies.method_study import Study
from tuneformer.checks.config import check_config
from tuneformer.config.compose import compose_config
from tuneformer.models.build import build_model
from tuneformer.models.size import n_parameters
from tuneformer.report.marked_page import BEGIN, END
from tuneformer.report.wording import INTERVAL
from tuneformer.runs.metrics_file import read_rows

MIB = 2**20
PAGE = f"""# Attention modules at equal parameters

*Which attention module trains a small Transformer best, if each may choose its learning rate?*

The model and its steps are those of `conf/experiment/attention_study.yaml`; feed-forward layers are as wide
as makes the parameters equal within 1 %. For each module: three rates a factor 2 apart with seed 0, more
where the best lay on the edge; the best rate on validation; then seeds 1, 2, 3 at that rate, on test.
Tokens per second are those of the runs, one thread each; memory is the most that one training step holds
beside the parameters. ± is half of a 95 % interval (Student's t), each by itself; the deviation is over
seeds.
```
make study-attention      # it goes on where it was stopped
```
{BEGIN}
{END}
"""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a module's model is and takes.

    Attributes:
        d_ff: width of its feed-forward layers.
        parameters: trained numbers.
        tokens_per_second: of training, evaluation left out, the mean over the fresh seeds.
        step_bytes: the most that one training step holds at a time, beside the parameters.
    """

    d_ff: int
    parameters: int
    tokens_per_second: float
    step_bytes: float


def measure_cost(overrides: Sequence[str], runs: Sequence[Path]) -> Cost:
    """The cost of the model of `overrides`, whose `runs` have ended."""
    config: dict[str, Any] = check_config(*compose_config(list(overrides)))
    model = build_model(config["model"], config["attention"], needs={"vocab_size": VOCAB_SIZE})
    shape = (config["data"]["batch_size"], config["data"]["context_length"])
    tokens = torch.randint(VOCAB_SIZE, shape, generator=torch.Generator().manual_seed(0))

    def step() -> None:
        logits = model(tokens).flatten(0, 1)
        torch.autograd.grad(F.cross_entropy(logits, tokens.flatten()), list(model.parameters()))

    rows = [read_rows(run / "metrics.csv")[-1] for run in runs]
    return Cost(
        d_ff=config["model"]["d_ff"],
        parameters=n_parameters(model),
        tokens_per_second=mean(row["tokens"] / row["seconds"] for row in rows),
        step_bytes=peak_bytes(step),
    )


def measure_costs(study: Study, rows: Sequence[MethodRow]) -> dict[str, Cost]:
    """The cost behind each row, from the runs of its best rate with fresh seeds, where there are any."""
    costs = {}
    for row in rows:
        runs = study.fresh_runs(row.option, row.best_rate)
        if runs:
            costs[row.option] = measure_cost(runs[0][0], [Path(folder) for _, folder in runs])
    return costs


def markdown(rows: Sequence[MethodRow], costs: Mapping[str, Cost]) -> str:
    """The table, best module first."""
    baseline = baseline_of(rows, BASELINE)
    lines = [
        f"| attention | test loss, fresh seeds {INTERVAL} | deviation | minus {BASELINE} {INTERVAL} | best lr"
        " | tokens / s | MiB a step | parameters | d_ff |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        cost = costs.get(row.option)
        loss, deviation = over_seeds(row.test_losses)
        if cost is None:  # every rate diverged
            lines.append(f"| {row.option} | {loss} | - | - | - | - | - | - | - |")
            continue
        rate = f"{row.best_rate:.2g}" + (" (edge)" if row.best_is_on_edge else "")
        lines.append(
            f"| {row.option} | {loss} | {deviation} | {gap(row, baseline)}"
            f" | {rate} | {cost.tokens_per_second:.0f} | {cost.step_bytes / MIB:.1f} | {cost.parameters:,}"
            f" | {cost.d_ff} |"
        )
    return "\n".join(lines)
