"""Measures of attention and of training: pure functions of tensors, each with its formula and source."""
