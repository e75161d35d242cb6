"""What the pages are called; quick to import, since whoever points at one needs it."""

RUN_PAGE = "report.html"
"""In a run directory."""
ATTENTION_PAGE = "attention.html"
"""In a run's folder `analysis`."""
COMPARISON_PAGE = "comparison.html"
"""In the folder of a sweep."""
