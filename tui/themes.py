"""The themes: dark, light, one for eyes that see red and green alike, and one without any colour.

Why it exists: meaning is carried by glyph and word, but a screen on which a word cannot be read carries nothing. Each theme keeps
every role legible (4.5:1, WCAG 2.2 level AA) on every background that it can stand on.
"""

from __future__ import annotations

from textual.app import App
from textual.theme import Theme

DARK = Theme(
    name="orch-dark",
    primary="#3B8EEA",
    secondary="#2F6FB3",
    warning="#E5A53B",
    error="#E06C75",
    success="#5FB878",
    accent="#E5A53B",
    foreground="#E4E4E4",
    background="#121212",
    surface="#1C1C1C",
    panel="#262626",
)
LIGHT = Theme(
    name="orch-light",
    primary="#0B4F9E",
    secondary="#0B4F9E",
    warning="#7A4A00",
    error="#A0141E",
    success="#1B5E20",
    accent="#7A4A00",
    foreground="#1A1A1A",
    background="#FAFAFA",
    surface="#F0F0F0",
    panel="#E4E4E4",
    dark=False,
    variables={"primary-muted": "#E2EEFC"},
)
COLOUR_BLIND = Theme(
    name="orch-colour-blind",
    primary="#56B4E9",
    secondary="#0072B2",
    warning="#F0E442",
    error="#E69F00",
    success="#56B4E9",
    accent="#F0E442",
    foreground="#F0F0F0",
    background="#101010",
    surface="#1A1A1A",
    panel="#242424",
    variables={"primary-muted": "#12304A"},
)
"""Blue, yellow and orange of Okabe and Ito (https://jfly.uni-koeln.de/color/): no pair differs by red and green alone."""
MONOCHROME = Theme(
    name="orch-monochrome",
    primary="#DADADA",
    secondary="#DADADA",
    warning="#FFFFFF",
    error="#FFFFFF",
    success="#DADADA",
    accent="#FFFFFF",
    foreground="#E4E4E4",
    background="#101010",
    surface="#181818",
    panel="#242424",
    variables={"primary-muted": "#202020"},
)

THEMES = {"dark": DARK, "light": LIGHT, "colour-blind": COLOUR_BLIND, "monochrome": MONOCHROME}
"""What the configuration calls them."""


def wear(app: App[int], name: str) -> None:
    """Put a theme on. Where NO_COLOR asks for none, it is the one without: grey made of colours is not legible."""
    for theme in THEMES.values():
        app.register_theme(theme)
    chosen = "monochrome" if app.no_color else name
    app.theme = THEMES[chosen].name
    app.set_class(chosen == "monochrome", "-monochrome")
