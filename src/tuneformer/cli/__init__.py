"""The commands: one module each, with a main() that reads what was typed."""
