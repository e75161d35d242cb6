"""Examples that fit into memory or are made step by step."""
