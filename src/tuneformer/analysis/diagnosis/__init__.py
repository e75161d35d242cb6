"""What is wrong with a run, told from its run directory alone. Imports neither torch nor training."""
