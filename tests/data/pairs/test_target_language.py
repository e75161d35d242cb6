import pytest

from tuneformer.data.pairs import target_language
from tuneformer.data.pairs.target_language import bleu_tokenizer, language_of
from tuneformer.errors import UserError

pytestmark = pytest.mark.fast


@pytest.mark.parametrize(
    ("sentences", "language"),
    [
        (["Der Lüfter ist aus."], ""),
        (["Вентилятор выключен"], ""),
        (["风扇已关闭", "打开 WiFi"], "zh"),
        (["ファンがオフです", "設定"], "ja"),
        (["팬이 꺼져 있습니다"], "ko"),
        (["พัดลมปิดอยู่"], "th"),
        (["the word 你好 is a greeting in another language than this one"], ""),
        ([], ""),
    ],
)
def test_a_script_tells_its_language(sentences: list[str], language: str) -> None:
    assert language_of(sentences) == language


def test_every_language_has_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {bleu_tokenizer(code) for code in ("", "de", "pt-BR", "uk")} == {"13a"}
    assert {bleu_tokenizer(code) for code in ("zh", "zh-Hans", "zh_TW")} == {"zh"}
    assert {bleu_tokenizer(code) for code in ("th", "km", "lo", "my")} == {"char"}
    assert bleu_tokenizer("ja") == "ja-mecab"
    monkeypatch.setattr(target_language, "find_spec", lambda module: None)
    with pytest.raises(UserError, match=r"BLEU of ko needs .*pip install 'tuneformer\[korean\]'"):
        bleu_tokenizer("ko")
