"""Models that act: from returns, states and actions so far to the next action."""
