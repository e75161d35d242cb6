"""What reaches a terminal: text as it is, and nothing that a terminal would obey."""

import io

import pytest
from rich.table import Table
from rich.text import Text

from tuneformer.cli.command_line import fail
from tuneformer.errors import UserError
from tuneformer.process.escaping_console import EscapingConsole
from tuneformer.process.terminal import printable, say, say_text, show

pytestmark = pytest.mark.fast

# colour, bell, carriage return, backspace, ESC [ in one byte, a title, direction, half a character
EVIL = "a\x1b[31mb\x07c\rd\x08e\x9b2Jf\x1b]0;title\x07g\u202eh\ud800i"
SHOWN = r"a\x1b[31mb\x07c\rd\x08e\x9b2Jf\x1b]0;title\x07g\u202eh\ud800i"


def test_controls_are_escaped_and_text_stays() -> None:
    assert printable(EVIL) == SHOWN
    plain = "ROMEO:\n\tO, speak again, é 中文 👩‍🔬 שלום"
    assert printable(plain) == plain


def test_every_control_character_is_escaped() -> None:
    for code in (*range(0x20), *range(0x7F, 0xA0), 0x61C, *range(0x2028, 0x202F), *range(0x2066, 0x206A)):
        assert (printable(chr(code)) == chr(code)) == (chr(code) in "\n\t")


def test_a_line_is_one_line_and_a_result_keeps_its_lines(capsys: pytest.CaptureFixture[str]) -> None:
    say(f"x\n{EVIL}")
    say_text("x\ny")
    show(f"x\n\t{EVIL}")
    printed = capsys.readouterr()
    assert printed.err == f"x\\n{SHOWN}\nx\ny\n"
    assert printed.out == f"x\n\t{SHOWN}\n"


def test_an_error_is_one_line_whatever_it_names(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        fail(UserError(f"name={EVIL}\nerror: other"))
    assert capsys.readouterr().err == f"error: name={SHOWN}\\nerror: other\n"


@pytest.mark.parametrize("colored", [False, True], ids=["piped", "terminal"])
def test_tables_show_text_as_it_is(colored: bool) -> None:
    console, out = EscapingConsole(width=200), io.StringIO()
    console.file = out
    if colored:
        console._force_terminal = True
    table = Table(title=f"{EVIL} [red]")
    table.add_column(f"[/] {EVIL}")
    table.add_row(f"[bold]x[/] :bomb: {EVIL}")
    table.add_row(Text(EVIL))
    console.print(table)
    console.print(EVIL, soft_wrap=True)
    console.rule(EVIL)
    shown = out.getvalue()
    assert not set(shown) & set("\x07\r\x08\x9b\u202e\ud800")
    assert "\x1b[31m" not in shown
    assert "\x1b]" not in shown
    assert "[bold]x[/] :bomb:" in shown
    assert shown.count(SHOWN) == 5  # of a Text rich itself takes some out
