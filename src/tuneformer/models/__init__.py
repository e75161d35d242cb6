"""Transformers in readable blocks: embeddings, attention, feed-forward layers, norms and positions."""
