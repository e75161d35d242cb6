"""Corpora, tokenizers, token files and batches. Only `batches` and `datamodule` import torch."""
