"""Pairs of a sentence and its translation: from text to batches of about one length."""
