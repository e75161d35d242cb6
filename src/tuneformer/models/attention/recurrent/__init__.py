"""Attention whose past is a state of fixed size."""
