"""The folder name of a job: what it overrides, safe on disk and the same in whatever order it is given."""

import hashlib
import re
from collections.abc import Sequence

LONGEST = 120  # bytes; file systems allow 255

_UNSAFE = re.compile("[%/\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def job_name(overrides: Sequence[str]) -> str:
    """`key=value` of every swept key, sorted by key and joined by commas.

    A slash is written %2F, a percent sign %25, a control character likewise. Over 120 bytes the end is
    replaced by a hash of the whole.
    """
    name = ",".join(sorted(_UNSAFE.sub(_in_percent, override) for override in overrides))
    name = name or "job"
    if len(name.encode()) <= LONGEST:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:16]
    kept = name.encode()[: LONGEST - len(digest) - 1].decode(errors="ignore")
    return f"{kept}-{digest}"


def _in_percent(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode(errors="surrogatepass"))
