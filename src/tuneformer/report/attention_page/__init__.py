"""The analysis of attention as one HTML file, as JSON and as CSV."""
