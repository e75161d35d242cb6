"""Sentences in many languages: read from message catalogues, split by message."""
