"""Lines over an axis: in the terminal, and as a PNG."""
