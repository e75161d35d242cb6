from pathlib import Path

import pytest

from studies.translator_report import markdown
from studies.translators import MODELS, Trained, TranslatorStudy
from tests.data.pair_settings import write_pair_file
from tests.records import record_of
from tuneformer.tasks.translation_files import Translated, translations_text


def trained(folder: Path, bleu: dict[str, float]) -> list[Trained]:
    """Runs of which these are the BLEU figures, with thirty test sentences each."""
    entries = []
    for option in MODELS:
        run = folder / option
        run.mkdir()
        rows = [Translated(f"source {'x' * n}", f"reference {n}", f"{option} {n}") for n in range(30)]
        (run / "translations.tsv").write_text(translations_text(rows), encoding="utf-8")
        record = record_of(
            model={"parameters": 1234},
            steps=10,
            seen=640,
            train_seconds=279.6,
            hardware={"threads": 2},
            data={"pairs": {"train": 22251, "test": 1072}},
            metrics={"final": {"test/bleu": bleu[option], "test/chrf": 50.0, "test/loss": 2.5}},
        )
        entries.append(Trained(option, record, run))
    return entries


@pytest.mark.fast
def test_the_page_has_a_row_a_verdict_and_ten_sentences_of_every_length(tmp_path: Path) -> None:
    entries = trained(tmp_path, {"encoder_decoder": 30.0, "lstm_attention": 20.0, "lstm": 10.0})
    page = markdown(entries)
    assert "| LSTM (`lstm`) | 1,234 | 8e-3 | 10 | 640 | 280 s | 10.00 | 50.00 | 2.500 |" in page
    assert "Order in test BLEU: encoder_decoder > lstm_attention > lstm, as expected." in page
    assert page.count("- reference:") == 10
    assert [page.count(f"   - {option}: `{option} ") for option in MODELS] == [10, 10, 10]
    assert "1. `source x`" in page
    assert f"10. `source {'x' * 28}`" in page


@pytest.mark.fast
def test_another_order_is_told(tmp_path: Path) -> None:
    entries = trained(tmp_path, {"encoder_decoder": 15.0, "lstm_attention": 20.0, "lstm": 10.0})
    assert "Order in test BLEU: lstm_attention > encoder_decoder > lstm, not as expected" in markdown(entries)


@pytest.mark.proof
def test_a_study_trains_all_and_goes_on_where_it_stopped(tmp_path: Path) -> None:
    overrides = [
        "data=pairs",
        f"data.path={write_pair_file(tmp_path / 'pairs.tsv')}",
        f"data.cache_dir={tmp_path / 'cache'}",
        "data.bpe_vocab_size=280",
        "data.batch_size=8",
        "model.d_model=16",
        "logger=none",
        "callbacks=none",
        "trainer.threads=1",
    ]
    first = TranslatorStudy(name="study", seconds=0.5, overrides=overrides).run()
    again = TranslatorStudy(name="study", seconds=0.5, overrides=overrides).run()
    assert [entry.option for entry in first] == list(MODELS)
    assert [entry.record for entry in again] == [entry.record for entry in first]
    assert "Order in test BLEU" in markdown(first)
