"""Finding the browser that tests of pages need, and saying so where there is none."""

import shutil
from collections.abc import Iterable

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")
MISSING = "no chromium on the PATH"
MEND = "make browser brings it on Debian as root; elsewhere install the package chromium"


def find_chromium() -> str:
    """Return the path of the browser; skip the test where there is none."""
    for name in NAMES:
        if path := shutil.which(name):
            return path
    pytest.skip(MISSING)


def skipped_pages(reports: Iterable[pytest.TestReport]) -> str | None:
    """Say how many tests were skipped for want of a browser, and what to install; None where none was."""
    number = sum(isinstance(report.longrepr, tuple) and MISSING in report.longrepr[2] for report in reports)
    if not number:
        return None
    return f"{number} tests of pages were skipped: {MISSING} ({MEND})"
