"""Models of the library transformers."""
