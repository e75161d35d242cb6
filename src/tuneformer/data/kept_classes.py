"""The names of classes, as a run directory keeps them."""

import json
from collections.abc import Sequence

CLASSES_FILE = "classes.json"


def classes_to_json(classes: Sequence[str]) -> str:
    """The names in the order of their numbers."""
    return json.dumps(list(classes), ensure_ascii=False) + "\n"
