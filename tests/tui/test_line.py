"""Lines keep their width whatever the text."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from tui.line import ASCII, Role, ascii_only, clean, crop, line, pad, paragraph, text_of, wrap

texts = st.text(max_size=60)


def test_every_glyph_fills_one_cell_and_has_an_ascii_fallback() -> None:
    for glyph in "✔✖▶■‖◷·█░◌▁▂▃▄▅▆▇":
        assert cell_len(glyph) == 1
        assert ascii_only(glyph).isascii()
    assert len(set(ASCII.values())) == len(ASCII)


def test_what_cannot_be_drawn_is_shown_as_a_question_mark() -> None:
    assert clean("a\nb\tc") == "a b c"
    assert clean("x\u202ey\x1b[31m\u200d\ufe0f") == "x?y?[31m??"
    assert clean("e\u0301") == "\u00e9"
    assert clean("表") == "表"


@given(texts)
def test_clean_text_is_as_wide_as_its_characters(text: str) -> None:
    shown = clean(text)
    assert cell_len(shown) == sum(cell_len(c) for c in shown)
    assert clean(shown) == shown
    assert len(ascii_only(shown)) == cell_len(shown)


@given(texts, texts, st.integers(0, 80))
def test_a_line_is_exactly_as_wide_as_asked(one: str, two: str, width: int) -> None:
    assert cell_len(text_of(line(width, (one, Role.GOOD), (two, Role.BAD)))) == width
    assert cell_len(pad(one, width)) == width
    assert cell_len(crop(clean(one), width)) <= width


@given(st.text(max_size=200), st.integers(2, 60))
def test_wrapping_loses_nothing_but_spaces(text: str, width: int) -> None:
    pieces = wrap(text, width)
    assert all(cell_len(piece) <= width for piece in pieces)
    kept = "".join(pieces).replace(" ", "")
    assert kept == "".join(clean(part) for part in text.splitlines()).replace(" ", "")


@given(texts, texts, st.integers(1, 90))
def test_paragraphs_are_exactly_as_wide_as_asked(lead: str, text: str, width: int) -> None:
    for made in paragraph(width, text, lead=(lead, Role.MUTED)):
        assert cell_len(text_of(made)) == width
