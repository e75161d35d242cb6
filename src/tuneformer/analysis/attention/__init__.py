"""What attention does in a run: maps over training, scores of heads beside chance, and what needs them."""
