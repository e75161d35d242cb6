from pathlib import Path

import pytest

from tests.studies.planted import run_tuning
from tuneformer.errors import UserError
from tuneformer.studies.optimizer_methods import Method, around
from tuneformer.studies.optimizer_report import write_report
from tuneformer.studies.optimizer_table import make_rows, markdown
from tuneformer.studies.page import BEGIN, END


def test_the_table_of_a_page_is_replaced_and_its_words_stay(tmp_path: Path) -> None:
    tuning, jobs = run_tuning(Method(option="adamw", rates=around(1.0)), lambda job: abs(job.rate - 1))
    rows = make_rows([tuning], {job: 1.0 + job.seed for job in jobs})
    page = tmp_path / "page.md"
    page.write_text(f"# Title\n\n{BEGIN}\nold\n{END}\n\nWhy.\n", encoding="utf-8")
    for _ in range(2):
        write_report(page, rows, [tuning])
        assert page.read_text(encoding="utf-8") == f"# Title\n\n{BEGIN}\n{markdown(rows)}\n{END}\n\nWhy.\n"
    assert page.with_suffix(".png").read_bytes().startswith(b"\x89PNG")


def test_a_page_without_marks_is_refused(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Title\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"page\.md has no lines"):
        write_report(page, [], [])
    with pytest.raises(UserError, match=r"none\.md cannot be read"):
        write_report(tmp_path / "none.md", [], [])
