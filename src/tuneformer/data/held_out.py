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


def assign_documents(sizes: Mapping[str, int]) -> dict[str, str]:
    """The split of each document, by the SHA-256 of its text; none of the splits is without one.

    As `assign_splits`, but that a split which no document fits into takes the smallest that is left. Needs
    three documents or more.
    """
    room = HELD_OUT_FRACTION * sum(sizes.values())
    splits: dict[str, str] = {}
    for split in ("validation", "test"):
        left, held, taken = [name for name in sorted(sizes) if name not in splits], 0, list[str]()
        for name in left:
            if held + sizes[name] <= room:
                held += sizes[name]
                taken.append(name)
        splits |= dict.fromkeys(taken or [min(left, key=lambda name: (sizes[name], name))], split)
    return {name: splits.get(name, "train") for name in sizes}
