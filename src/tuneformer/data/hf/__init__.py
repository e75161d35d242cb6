"""Hugging Face data sets: streamed, tokenised and kept in shards."""
