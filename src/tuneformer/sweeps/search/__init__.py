"""search=random and its like: trials asked of an Optuna study one by one, and told what they came to."""
