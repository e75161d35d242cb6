"""Estimators of what a sweep shows: pure functions of numbers, each with its source."""
