"""A question asked with a budget: which method is better, each tuned alike, chosen and reported apart."""
