"""The result of the study of translators as Markdown: a table, what it says, and sample translations."""

from collections.abc import Sequence

from studies.translators import MODELS, Trained
from tuneformer.tasks.translation_files import TRANSLATIONS_FILE, read_translations

N_SAMPLES = 10
EXPECTED = tuple(MODELS)
"""From the best to the worst."""


def markdown(trained: Sequence[Trained]) -> str:
    """Table, verdict and samples."""
    return "\n".join([table(trained), "", verdict(trained), "", samples(trained)])


def table(trained: Sequence[Trained]) -> str:
    """A row for each translator."""
    lines = [
        "| model | parameters | rate | steps | pairs seen | training | test BLEU | test chrF | test loss |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for entry in trained:
        record, final = entry.record, entry.record.final
        model = MODELS[entry.option]
        lines.append(
            f"| {model.label} | {record.model['parameters']:,} | {model.rate}"
            f" | {record.steps:,} | {record.seen:,} | {record.train_seconds:.0f} s"
            f" | {final['test/bleu']:.2f} | {final['test/chrf']:.2f} | {final['test/loss']:.3f} |"
        )
    return "\n".join(lines)


def verdict(trained: Sequence[Trained]) -> str:
    """Whether the order in BLEU is the expected one."""
    ranked = sorted(trained, key=lambda entry: entry.record.final["test/bleu"], reverse=True)
    order = " > ".join(entry.option for entry in ranked)
    as_expected = tuple(entry.option for entry in ranked) == EXPECTED
    expected = "as expected" if as_expected else f"not as expected ({' > '.join(EXPECTED)})"
    return f"Order in test BLEU: {order}, {expected}."


def samples(trained: Sequence[Trained]) -> str:
    """Test sentences at equal distances in the order of their lengths, as each model has them."""
    written = {entry.option: read_translations(entry.folder / TRANSLATIONS_FILE) for entry in trained}
    rows = next(iter(written.values()))
    distance = len(rows) / min(N_SAMPLES, len(rows))
    lines = []
    for number in range(min(N_SAMPLES, len(rows))):
        index = int((number + 0.5) * distance)
        lines += [
            f"{number + 1}. {_quoted(rows[index].source)}",
            f"   - reference: {_quoted(rows[index].reference)}",
        ]
        lines += [
            f"   - {option}: {_quoted(translations[index].translation)}"
            for option, translations in written.items()
        ]
    return "\n".join(lines)


def _quoted(text: str) -> str:
    return f"`{text.replace('`', chr(39))}`" if text else "(nothing)"
