"""Tables of others: what columns mean, what cells may hold, and one line for what does not fit."""

import math
import os
from pathlib import Path

import pytest

from tests.analysis.compare.planted import bowl
from tuneformer.analysis.compare.comparison import Comparison, compare
from tuneformer.analysis.compare.read_table import read_table
from tuneformer.analysis.compare.trial import Trial
from tuneformer.errors import UserError

pytestmark = pytest.mark.fast


def comparison(path: Path, text: str, *, metric: str | None = None, lower: bool | None = None) -> Comparison:
    path.write_text(text, encoding="utf-8")
    table = read_table(path, metric=metric, lower_is_better=lower)
    return compare(
        table.read,
        metric=table.metric,
        by=[*table.by, "horizon"],
        baseline=None,
        target=None,
        tolerance=0.05,
        lower_is_better=lower,
    )


def trials_of(path: Path, text: str) -> tuple[Trial, ...]:
    path.write_text(text, encoding="utf-8")
    return read_table(path, metric=None).read.trials


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "t.csv is empty"),
        ("\n\n", "t.csv is empty"),
        ("optimizer,final_loss\n", "t.csv has no rows below its first line"),
        (
            "a,final_loss\n1,2\n",
            "needs a column optimizer or method or scheduler or attention: it has a, final",
        ),
        (
            "optimizer,b\nx,2\n",
            r"needs a column final_loss or .* \(or --metric=<column>\): it has optimizer, b",
        ),
        ("optimizer,final_loss\nx\n", "line 2 has 1 columns, the first line 2"),
        ("optimizer,final_loss\nx,1\n\ny,1,2\n", "line 4 has 3 columns, the first line 2"),
        ("optimizer,lr,lr,loss\nx,1,2,3\n", "line 1 names two columns lr"),
        ("optimizer,,loss\nx,1,3\ny,5,3\n", "line 1 gives column 2 no name"),
        ("optimizer,steps,loss\nx,many,2\n", "line 2, column steps: 'many' is not a number"),
        ("optimizer,steps,loss\nx,0,2\n", "line 2, column steps: '0' is no length above 0"),
        (
            "optimizer,change,loss\nx,lr,2\n",
            "column change: the change 'lr' is not of the form setting=value",
        ),
        ("optimizer,loss\n ,2\n", "line 2, column optimizer: the name of the method is empty"),
        ("optimizer,seed,loss\nx,three,2\n", "line 2, column seed: 'three' is not a number"),
        ("optimizer,seed,loss\nx,1.5,2\n", "line 2, column seed: '1.5' is not a whole number"),
        ("optimizer,seed,loss\nx,,2\n", "line 2, column seed: '' is not a number"),
        ('optimizer,loss\nx,"2,924"\n', r"line 2, column loss: '2,924' is not a number \(the decimal sign"),
        ("optimizer;loss\nx;0,5\n", r"line 2, column loss: '0,5' is not a number \(the decimal sign"),
        ("optimizer,accuracy\nx,71 %\n", "line 2, column accuracy: '71 %' is not a number"),
        ("optimizer,loss\nx,n/a\n", "'n/a' is not a number; a run that diverged is empty, nan or inf"),
        ("optimizer,loss\nx,1_000\n", "'1_000' is not a number"),
        ("optimizer,loss\nx,-\n", "'-' is not a number"),
        ("optimizer,loss\nx,--\n", "'--' is not a number"),
        ("optimizer,loss\nx,+\n", r"'\+' is not a number"),
        ("optimizer,loss\nx,--inf\n", "'--inf' is not a number"),
        ("optimizer,loss\nx,1e999\n", "'1e999' is too large a number"),
        ("optimizer,seed,loss\nx,1e999,2\n", "line 2, column seed: '1e999' is too large a number"),
        ('optimizer,loss\nx,"2\n', "cannot be read: unexpected end of data"),
        (
            "optimizer,seed,loss\nx,0,2\nx,0,3\n",
            r"line 2 and .*line 3: the same method, .* \(loss 2 and loss 3\)",
        ),
    ],
)
def test_what_does_not_fit_is_one_line_that_names_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UserError, match=message) as raised:
        comparison(tmp_path / "t.csv", text, metric="accuracy" if "accuracy" in text else None)
    assert "\n" not in str(raised.value)
    assert "t.csv" in str(raised.value)


def test_what_is_no_file_of_text_is_one_line(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "words").write_bytes("optimizer,loss\nä,1\n".encode("utf-16"))
    for path, message in (
        (tmp_path / "none.csv", "cannot be read: No such file"),
        (tmp_path, "cannot be read: it is a folder"),
        (tmp_path / "pipe", "it is a named pipe"),
        (Path("/dev/zero"), "it is a device"),
        (tmp_path / "words", "cannot be read: 'utf-8' codec"),
    ):
        with pytest.raises(UserError, match=message):
            read_table(path, metric=None)


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_separators_a_byte_order_mark_and_line_ends_make_no_difference(
    tmp_path: Path, separator: str, mark: str, end: str
) -> None:
    rows = [
        ["Optimizer", " lr", "Seed", "Loss"],
        ["adamw", " 0.1 ", "1.0", "2.5"],
        ["lion", "1e-3", "2", "-1"],
    ]
    (first, second) = trials_of(
        tmp_path / "t.csv", mark + end.join(separator.join(row) for row in rows) + end
    )
    assert (first.settings, first.seed, first.metrics) == (
        {"optimizer": "adamw", "lr": 0.1},
        1,
        {"Loss": 2.5},
    )
    assert (second.settings["lr"], second.seed, second.metrics) == (0.001, 2, {"Loss": -1.0})
    assert second.source.endswith("t.csv, line 3")


@pytest.mark.parametrize("text", ["", "nan", "NaN", "inf", "-inf", "Infinity"])
def test_empty_nan_and_infinite_results_are_of_runs_that_diverged(tmp_path: Path, text: str) -> None:
    (found,) = trials_of(tmp_path / "t.csv", f"optimizer,loss\nadamw,{text}\n")
    assert found.diverged
    assert math.isinf(found.value("loss"))


def test_the_count_of_rows_and_results_beside_the_one_compared_are_no_settings(tmp_path: Path) -> None:
    text = ",optimizer,lr,val_accuracy,seconds,run_id,top_k,loss\n"
    text += "0,a,0.1,0.7,12.5,x9,3,2.0\n1,b,0.2,0.8,13,x8,3,1.0\n"
    found = comparison(tmp_path / "t.csv", text)
    assert [*found.read.trials[0].settings] == ["lr", "top_k", "optimizer"]
    assert "columns that are no settings: val_accuracy, seconds, run_id" in found.caveats


def test_the_direction_of_a_metric_is_known_by_its_name_or_asked_for(tmp_path: Path) -> None:
    text = "optimizer,accuracy,score\na,0.9,1\nb,0.8,2\n"

    def best(metric: str, lower: bool | None = None) -> str:
        return comparison(tmp_path / "t.csv", text, metric=metric, lower=lower).main[0].results[0].method

    assert best("accuracy") == "a"
    assert (best("score", True), best("score", False)) == ("a", "b")
    with pytest.raises(UserError, match=r"--metric=score: .* add --higher-is-better or --lower-is-better"):
        best("score")


def test_without_seeds_differences_are_not_paired_and_equal_rows_count_once(tmp_path: Path) -> None:
    rows = [("a", 1.0), ("a", 1.2), ("a", 1.4), ("b", 2.0), ("b", 2.3), ("b", 2.1), ("a", 1.2)]
    found = comparison(tmp_path / "t.csv", "optimizer,loss\n" + "".join(f"{m},{v}\n" for m, v in rows))
    assert [result.estimate.n for result in found.main[0].results] == [3, 3]
    (pair,) = found.main[0].pairs
    assert (pair.paired, pair.difference.method) == (False, "welch")
    assert pair.difference.mean == pytest.approx(1.2 - 6.4 / 3)
    (out,) = found.read.left_out
    assert (out.source[-6:], out.instead[-6:]) == ("line 8", "line 3")
    assert "seeds are not known" in found.design.lines("steps")[2]


def test_a_row_that_is_there_twice_under_another_id_counts_once(tmp_path: Path) -> None:
    text = "id,optimizer,seed,loss\n1,a,0,1.0\n2,a,1,1.5\n3,a,1,1.5\n4,b,0,2.0\n"
    found = comparison(tmp_path / "t.csv", text)
    assert found.main[0].results[0].estimate.n == 2
    assert [each.instead[-6:] for each in found.read.left_out] == ["line 3"]


def test_a_table_of_runs_with_seeds_and_settings_is_compared_like_runs(tmp_path: Path) -> None:
    rows = ["optimizer,lr,seed,loss"]
    rows += [
        f"{o},{lr},{s},{bowl(o, lr, s)}" for o in ("adamw", "lion") for lr in (0.01, 0.1) for s in (0, 1)
    ]
    rows.append("adamw,1.0,0,nan")
    found = comparison(tmp_path / "t.csv", "\n".join(rows) + "\n")
    (cell,) = found.cells
    assert cell.pairs[0].difference.mean == pytest.approx(-0.2)
    assert [curve.key for curve in found.curves] == ["lr", "lr"]
    assert sum(trial.diverged for trial in found.read.trials) == 1


def test_adamw_is_the_baseline_however_it_is_written(tmp_path: Path) -> None:
    assert comparison(tmp_path / "t.csv", "Method,loss\nAdam,1\nAdamW,2\n").baseline == "AdamW"
