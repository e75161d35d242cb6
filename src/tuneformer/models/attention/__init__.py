"""Attention: a shell that owns projections, heads and positions, and one file for each core."""
