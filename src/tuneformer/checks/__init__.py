"""Whether a configuration can be run: all that is said before torch is loaded."""
