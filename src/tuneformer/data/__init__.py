"""Corpora, generators, images, tokenizers and batches. Only batches import torch (see `contract`)."""
