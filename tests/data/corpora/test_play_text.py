import pytest

from tuneformer.data.corpora.play_text import plain_text

pytestmark = pytest.mark.fast

# a space at the end of a line is written @
MARKDOWN = r"""# Much Ado

## ACT I

### SCENE I. A room. Pages, & c.

_Enter HERO, with
attendants, & c_

**HERO**@@
'Tis said,'\--and she
**did** it --@@
and ever _\[ ]_@@
And _\[Censorinus,]_@@

_\[Reads]_@@
'Fare well,'@@

_Exit_

*Alarum.*@

**CONRADE & BORACHIO**@@
__\[Awaking]_@@
1\. One &amp; c.@@
*[He draws.]*

_\[To FABIAN]_@@
**FABIAN**@@
[Within]_@@
Ho!@@
_\[SONG]_@@
Who doth ambition shun

_Burthen _\[dispersedly, within_

#### ACT II
""".replace("@", " ")

PLAIN = """Much Ado

ACT I

SCENE I. A room. Pages, &c.

[Enter HERO, with
attendants, &c]

HERO:
'Tis said,'--and she
did it --
and ever [ ]
And [Censorinus,]

[Reads]
'Fare well,'

[Exit]

[Alarum.]

CONRADE & BORACHIO:
[Awaking]
1. One &c.
[He draws.]

[To FABIAN]

FABIAN:
[Within]
Ho!
[SONG]
Who doth ambition shun

[Burthen dispersedly, within]

ACT II
"""


def test_every_kind_of_line_loses_its_markdown_and_nothing_else() -> None:
    assert plain_text(MARKDOWN) == PLAIN


def test_lines_may_end_as_on_windows() -> None:
    assert plain_text(MARKDOWN.replace("\n", "\r\n")) == PLAIN


def test_plain_text_is_left_as_it_is() -> None:
    assert (
        plain_text("A line of five & two.\n\nAnother--'one'.\n")
        == "A line of five & two.\n\nAnother--'one'.\n"
    )
