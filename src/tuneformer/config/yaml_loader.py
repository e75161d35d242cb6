"""The loader of every YAML file that is read as plain values: it makes no objects."""

import yaml

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml is ten times as fast
