"""Attention to what is near, and to the first tokens."""
