import shutil

import pytest

from tests.report.chromium import find_chromium, skipped_pages

pytestmark = pytest.mark.fast


def skipped(reason: str) -> pytest.TestReport:
    return pytest.TestReport(
        nodeid="test_page",
        location=("test_page.py", 1, "test_page"),
        keywords={},
        outcome="skipped",
        longrepr=("test_page.py", 1, f"Skipped: {reason}"),
        when="setup",
    )


def test_a_test_of_pages_is_skipped_without_a_browser_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda name: None)
    with pytest.raises(pytest.skip.Exception) as raised:
        find_chromium()
    reports = [skipped(str(raised.value)), skipped("another reason"), skipped(str(raised.value))]
    line = skipped_pages(reports)
    assert line is not None
    assert line.startswith("2 tests of pages were skipped: no chromium on the PATH (make browser")
    assert skipped_pages(reports[1:2]) is None


def test_the_browser_may_have_another_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", {"google-chrome": "chrome"}.get)
    assert find_chromium() == "chrome"
