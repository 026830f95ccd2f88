"""Pieces of the page's markup."""

from collections.abc import Iterable, Sequence

from lottery import escape


def table(headings: Sequence[str], rows: Sequence[str], numbers: Sequence[str] = ()) -> str:
    """Return a table of rows whose cells are safe markup already; headings are escaped, those of `numbers` as these."""
    head = "".join(f"<th{' class=text' * (text not in numbers)}>{escape.html(text)}</th>" for text in headings)
    body = "".join(f"<tr>{row}</tr>" for row in rows)
    return f"<div class=scroll><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"


def items(texts: Iterable[str]) -> str:
    """Return items of a list, escaped."""
    return "".join(f"<li>{escape.html(text)}</li>" for text in texts)
