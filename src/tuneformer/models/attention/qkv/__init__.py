"""Attention of queries, keys and values over all that a token may see."""
