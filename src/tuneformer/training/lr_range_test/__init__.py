"""The range test: a short run in which the learning rate grows until the loss does (1506.01186, 3.3)."""
