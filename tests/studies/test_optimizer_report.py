"""The study's table and page are those of the comparison of its runs."""

import math
from pathlib import Path

import pytest

from studies.optimizer_report import compare_study, write_report
from studies.page import BEGIN, END
from studies.tuning import FRESH_SEEDS, TUNING_SEED
from tests.analysis.compare.planted import config_of, plant
from tuneformer.errors import UserError
from tuneformer.report.markdown import markdown

RATES = (0.01, 0.02, 0.04)


def plant_study(folder: Path) -> None:
    """Each method at three rates with the tuning seed, its best rate with fresh seeds too."""
    for optimizer, best, base in (("adamw", 0.02, 2.0), ("lion", 0.04, 1.5), ("sgd", 0.02, math.inf)):
        jobs = [(lr, TUNING_SEED) for lr in RATES] + [(best, seed) for seed in FRESH_SEEDS]
        for lr, seed in jobs if math.isfinite(base) else jobs[:3]:
            loss = base + abs(lr - best) + 0.1 * seed
            plant(
                folder / f"optimizer={optimizer},optimizer.lr={lr:g},seed={seed}",
                val=loss,
                test=loss + 1.0,
                status="finished" if math.isfinite(loss) else "diverged",
                config=config_of(optimizer=optimizer, lr=lr, seed=seed),
            )


def test_methods_are_tuned_on_one_seed_and_reported_on_the_others(tmp_path: Path) -> None:
    plant_study(tmp_path)
    lines = markdown(compare_study(tmp_path)).splitlines()
    assert lines[0].endswith("| test/loss ± 95 % | deviation | seeds | minus adamw ± 95 % |")
    assert lines[2].startswith(
        "| lion | lr=0.04 (edge) | 3 | 0 | 1.5000 | 2.7000 ± 0.2484 | 0.1000 | 3 fresh | -0.5000 ± "
    )
    assert lines[3] == "| adamw | lr=0.02 | 3 | 0 | 2.0000 | 3.2000 ± 0.2484 | 0.1000 | 3 fresh | 0 |"
    assert lines[4].startswith("| sgd | lr=0.01 | 3 | 3 | diverged | diverged |")


def test_the_table_of_a_page_is_replaced_and_its_words_stay(tmp_path: Path) -> None:
    plant_study(tmp_path / "study")
    comparison = compare_study(tmp_path / "study")
    page = tmp_path / "page.md"
    page.write_text(f"# Title\n\n{BEGIN}\nold\n{END}\n\nWhy.\n", encoding="utf-8")
    for _ in range(2):
        write_report(page, comparison)
        expected = f"# Title\n\n{BEGIN}\n{markdown(comparison)}\n{END}\n\nWhy.\n"
        assert page.read_text(encoding="utf-8") == expected
    assert page.with_suffix(".png").read_bytes().startswith(b"\x89PNG")


def test_a_page_without_marks_is_refused(tmp_path: Path) -> None:
    plant_study(tmp_path / "study")
    comparison = compare_study(tmp_path / "study")
    page = tmp_path / "page.md"
    page.write_text("# Title\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"page\.md has no lines"):
        write_report(page, comparison)
    with pytest.raises(UserError, match=r"none\.md cannot be read"):
        write_report(tmp_path / "none.md", comparison)
