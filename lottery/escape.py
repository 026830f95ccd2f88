"""Text that strangers wrote is made safe for the medium that shows it: one function for each.

Names of directories, classes and tensors, settings and records are whatever somebody wrote: a terminal would obey its
control characters, a spreadsheet its formulas, LaTeX and a browser their markup.
"""

import html as _html
import re
import shlex
import unicodedata
from typing import TypeVar

Cell = TypeVar("Cell")

_MOST_SHOWN = 80
_FORMULA = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
"""With these, full-width ones too, a spreadsheet's formulas begin."""
_LATEX = {
    "\\": r"\textbackslash{}", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}", "<": r"\textless{}",
    ">": r"\textgreater{}", "|": r"\textbar{}", "`": r"\textasciigrave{}", "±": r"$\pm$", "×": r"$\times$",
}  # fmt: skip
_LATEX |= {character: f"\\{character}" for character in "&%$#_{}"}
_LATEX |= {character: f"{{{character}}}" for character in "[]*"}
"""Brackets and stars are wrapped: after the end of a row they would be its options."""


def visible(text: str) -> str:
    r"""Return the text in one line, with `\x1b` and the like in place of each character that can't be seen.

    Those are control characters, line ends, marks of writing direction, characters of no width, blanks other than the
    usual one, and bytes of a file name that are no UTF-8.
    """
    if text.isprintable():
        return text
    return "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in text)


def shown(value: object) -> str:
    """Return any value as somebody wrote it, for a message: in one line, cut where nobody would read it."""
    try:
        text = visible(repr(value))
    except Exception:  # its own, or of a number of too many digits
        return f"a value of type {type(value).__name__}"
    return text if len(text) <= _MOST_SHOWN else f"{text[: _MOST_SHOWN - 3]}..."


def has_controls(text: str) -> bool:
    """Return whether the text holds control characters, line ends among them, or bytes that are no UTF-8."""
    return any(unicodedata.category(one) in ("Cc", "Cs") for one in text)


def terminal(text: str) -> str:
    """Return the text for a terminal: `visible`, but for the ends of its lines."""
    return "\n".join(visible(line) for line in text.split("\n"))


def csv(value: Cell) -> Cell | str:
    """Return the value for a cell of a CSV file, which no spreadsheet takes for a formula."""
    if not isinstance(value, str):
        return value
    text = visible(value)
    return f"'{text}" if text.lstrip().startswith(_FORMULA) and not _is_number(text) else text


def markdown(text: str) -> str:
    """Return the text for Markdown, a cell of a table included, without markup of its own."""
    return re.sub(r"([\\`*_\[\]|~$#!])", r"\\\1", _html.escape(visible(text), quote=False))


def latex(text: str) -> str:
    """Return the text for LaTeX, a cell of a tabular included, without commands of its own."""
    return "".join(_LATEX.get(one, one) for one in visible(text))


def html(text: str) -> str:
    """Return the text for HTML, in an element or in a quoted attribute."""
    return _html.escape(terminal(text))


def figure(text: str) -> str:
    r"""Return the text for matplotlib, which takes what stands between two `$` for a formula."""
    return visible(text).replace("$", r"\$")


def shell(text: object) -> str:
    """Return the text for a command that somebody copies into a shell: one word, of which nothing is obeyed."""
    return shlex.quote(visible(str(text)))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
