"""Options that take the arguments of a class that the user names."""

from collections.abc import Sequence

OPEN = {
    ("optimizer", "any"): ("_target_", "_partial_", "lr"),
    ("model", "module"): ("target", "_target_", "vocab_size", "context_length"),
}
"""(group, option) -> the settings that its file has; every other one is an argument of the class."""
OPEN_SETTINGS = ("model.keys",)
"""Settings that are groups of what somebody else's code takes: their names are its own."""

_INSIDE = tuple(f"{name}." for name in OPEN_SETTINGS)


def with_added_settings(overrides: Sequence[str]) -> list[str]:
    """The overrides, where a setting that an open option may be given counts as added (Hydra's `++`).

    Otherwise Hydra would refuse a setting that the option's file does not have.
    """
    chosen = [
        (group, known)
        for (group, option), known in OPEN.items()
        if any(_chooses(override, group, option) for override in overrides)
    ]
    return [
        f"++{override}" if _adds(override, chosen) or override.startswith(_INSIDE) else override
        for override in overrides
    ]


def _chooses(override: str, group: str, option: str) -> bool:
    key, _, value = override.partition("=")
    return key == group and option in value.split(",")


def _adds(override: str, chosen: Sequence[tuple[str, tuple[str, ...]]]) -> bool:
    group, _, name = override.partition("=")[0].partition(".")
    return (
        "=" in override
        and bool(name)
        and any(group == open_ and name not in known for open_, known in chosen)
    )
