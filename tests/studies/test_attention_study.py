"""The study of attention modules: equal parameters, and a table of what was planted."""

from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from studies.attention_methods import BASELINE, RATES, attention_methods, parameters
from studies.attention_table import PAGE, Cost, markdown, measure_cost
from studies.method_rows import make_rows
from studies.method_study import Study
from studies.tuned_method import TunedMethod, choose_methods
from tests.studies.planted import run_tuning
from tuneformer.report.marked_page import replace_table

CONF = Path(__file__).parents[2] / "conf"


def test_every_module_is_studied_at_the_parameters_of_the_baseline_within_one_per_cent() -> None:
    methods = attention_methods(CONF)
    assert {method.option for method in methods} == {
        file.stem for file in (CONF / "attention").glob("*.yaml")
    }
    assert methods[0].option == BASELINE
    wanted = parameters(BASELINE, None)
    widths = {}
    for method in methods:
        (override,) = method.overrides
        widths[method.option] = int(override.removeprefix("model.d_ff="))
        assert parameters(method.option, widths[method.option]) == pytest.approx(wanted, rel=0.01)
    # 64 x 64 in a gate are 21 columns of three matrices with 64 rows
    assert widths["gated_output"] == widths[BASELINE] - 21
    assert choose_methods("linear", methods)[0].option == "linear"


def test_the_listed_widths_give_every_module_the_parameters_of_the_baseline() -> None:
    listed = OmegaConf.load(CONF / "experiment/attention_methods.yaml").search.grid["attention,model.d_ff"]
    wanted = parameters(BASELINE, None)
    assert {option for option, _ in listed} == {file.stem for file in (CONF / "attention").glob("*.yaml")}
    for option, width in listed:
        # no other width comes nearer: one more is a row of each of the feed-forward matrices
        assert (
            abs(parameters(option, width) - wanted)
            <= (parameters(option, width + 1) - parameters(option, width)) / 2
        )


@pytest.mark.fast
def test_the_table_shows_costs_beside_losses_and_compares_with_the_baseline() -> None:
    tunings, losses = [], {}
    for option, offset in ((BASELINE, 0.0), ("linear", 0.1)):
        method = TunedMethod(group="attention", option=option, rates=RATES)
        tuning, jobs = run_tuning(method, lambda job: abs(job.rate - 4e-3))
        tunings.append(tuning)
        losses |= {job: 2.0 + offset + 0.01 * job.seed for job in jobs}
    cost = Cost(d_ff=168, parameters=98_000, tokens_per_second=12345.6, step_bytes=3 * 2**20)
    lines = markdown(make_rows(tunings, losses), {BASELINE: cost, "linear": cost}).splitlines()
    assert lines[2] == "| multi_head | 2.0200 ± 0.0248 | 0.0100 | 0 | 0.004 | 12346 | 3.0 | 98,000 | 168 |"
    assert lines[3].startswith("| linear | 2.1200 ± 0.0248 | 0.0100 | +0.1000 ± ")
    assert "diverged" not in markdown(make_rows(tunings, losses), {BASELINE: cost})


@pytest.mark.fast
def test_a_new_page_has_the_marks_between_which_its_table_goes(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(PAGE, encoding="utf-8")
    replace_table(page, "| a table |")
    assert "\n| a table |\n" in page.read_text(encoding="utf-8")


@pytest.mark.proof
def test_a_study_resumes_and_measures_what_its_runs_took(small_settings: list[str]) -> None:
    methods = choose_methods("multi_head,sliding_window", attention_methods(CONF))
    changed: list[str] = [*small_settings, "scheduler.warmup=1"]

    def study() -> Study:
        return Study(name="small", experiment="attention_study", methods=methods, overrides=changed)

    first = study()
    first.run(workers=1)
    assert not first.errors
    again = study()
    again.run(workers=1)
    assert again.test_losses == first.test_losses
    assert {job: record.started for job, record in again.records.items()} == {
        job: record.started for job, record in first.records.items()
    }
    rows = make_rows(list(again.tunings.values()), again.test_losses)
    runs: list[Any] = again.fresh_runs(rows[0].option, rows[0].best_rate)
    assert len(runs) == 3
    assert len({folder for _, folder in runs}) == 3
    cost = measure_cost(runs[0][0], [Path(folder) for _, folder in runs])
    assert cost.tokens_per_second > 0
    assert cost.step_bytes > 4 * 4 * 16 * 16  # batch, context, width, four bytes
