"""The language that pairs translate into, and how BLEU parts its sentences into words."""

from collections import Counter
from collections.abc import Iterable
from importlib.util import find_spec

from tuneformer.errors import UserError

SCRIPTS = (
    ("ja", 0x3040, 0x30FF),  # kana: Han alone is Chinese
    ("ko", 0xAC00, 0xD7A3),
    ("zh", 0x3400, 0x9FFF),
    ("th", 0x0E00, 0x0E7F),
    ("lo", 0x0E80, 0x0EFF),
    ("bo", 0x0F00, 0x0FFF),
    ("my", 0x1000, 0x109F),
    ("km", 0x1780, 0x17FF),
)
"""A language, and the code points that its sentences hold and those of languages above it do not."""
MORPHEMES = {"ja": ("ja-mecab", "MeCab", "japanese"), "ko": ("ko-mecab", "mecab_ko", "korean")}
"""A language whose words a dictionary finds: sacreBLEU's tokenizer, its module, our extra with it."""
SHARE = 0.1
"""Letters of a script from which on a text is in its language; names and quotations stay below."""


def language_of(sentences: Iterable[str]) -> str:
    """Tell the language of sentences whose script tells it: a code such as "zh"; "" for any other."""
    letters = [ord(character) for sentence in sentences for character in sentence if character.isalpha()]
    found = Counter(
        next((language for language, first, last in SCRIPTS if first <= letter <= last), "")
        for letter in letters
    )
    return next((name for name, *_ in SCRIPTS if found[name] > SHARE * len(letters)), "")


def bleu_tokenizer(language: str) -> str:
    """Name sacreBLEU's tokenizer for a language (Post, arXiv 1804.08771; "zh-Hans" counts as "zh").

    13a parts words at spaces and punctuation. Chinese goes by characters beside Latin words, Japanese and
    Korean by the words of MeCab, other scripts without spaces by characters.

    Raises:
        UserError: the language needs MeCab, which is not installed.
    """
    code = language.split("-")[0].split("_")[0].lower()
    if code in MORPHEMES:
        tokenizer, module, extra = MORPHEMES[code]
        if find_spec(module) is None:
            raise UserError(
                f"BLEU of {code} needs the words of MeCab, which is not installed: pip install"
                f" 'tuneformer[{extra}]'"
            )
        return tokenizer
    if code == "zh":
        return "zh"
    return "char" if code in {name for name, *_ in SCRIPTS} else "13a"
