"""Where the numbers of a run go: metrics.csv and dashboards."""
