"""Text: corpora as token files, and their windows as batches."""
