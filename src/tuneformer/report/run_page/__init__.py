"""The page of one run: report.html in its directory."""
