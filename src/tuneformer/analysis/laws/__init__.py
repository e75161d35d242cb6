"""Laws of scale: losses, best rates and best batches as powers of parameters and tokens."""
