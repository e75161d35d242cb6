"""A ladder: one question asked at several sizes, each at lengths of its own, that laws are fitted to."""
