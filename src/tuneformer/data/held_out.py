"""Which parts of a corpus are held out, where a part must be whole in one split."""

import hashlib
from collections import Counter
from collections.abc import Mapping

HELD_OUT_FRACTION = 0.05


def assign_splits(sizes: Mapping[str, int]) -> dict[str, str]:
    """The split of each group, as a module or a component, given the groups' sizes.

    In the order of the SHA-256 of their names, groups go to validation while they fit into 5 % of the
    whole, then to test likewise; the others train: a function of names and sizes alone.
    """
    room = HELD_OUT_FRACTION * sum(sizes.values())
    held = Counter()
    splits: dict[str, str] = {}
    for name in sorted(sizes, key=lambda name: hashlib.sha256(name.encode()).digest()):
        fitting = (split for split in ("validation", "test") if held[split] + sizes[name] <= room)
        splits[name] = next(fitting, "train")
        held[splits[name]] += sizes[name]
    return splits
