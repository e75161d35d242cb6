"""What a comparison shows: in the terminal, as one page, and on a dashboard."""
