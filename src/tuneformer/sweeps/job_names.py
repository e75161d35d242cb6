"""The folder name of a job: what it overrides, safe on disk and the same in whatever order it is given."""

import hashlib
from collections.abc import Sequence

LONGEST = 120  # bytes; file systems allow 255


def job_name(overrides: Sequence[str]) -> str:
    """`key=value` of every swept key, sorted by key and joined by commas.

    A slash is written %2F, a percent sign %25. Over 120 bytes the end is replaced by a hash of the whole.
    """
    name = ",".join(sorted(override.replace("%", "%25").replace("/", "%2F") for override in overrides))
    name = name or "job"
    if len(name.encode()) <= LONGEST:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:16]
    kept = name.encode()[: LONGEST - len(digest) - 1].decode(errors="ignore")
    return f"{kept}-{digest}"
