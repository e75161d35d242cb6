"""The corpora: one class a file, each with its YAML file in conf/data/."""
