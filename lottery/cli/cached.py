"""The command `cache` says what is kept of images, and removes it."""

from datetime import datetime
from typing import Annotated

import typer


def cache(
    clear: Annotated[bool, typer.Option("--clear", help="Remove it; it is made anew when it is needed.")] = False,
) -> None:
    """List the decoded images that are kept for later, or remove them."""
    from lottery import cache, escape, words

    folder = escape.visible(str(cache.folder()))
    if clear:
        count, size = cache.clear()
        print(f"{folder}: {count} {'file' if count == 1 else 'files'} of {words.of_bytes(size)} removed")
        return
    kept = cache.kept()
    size = sum(one.size for one in kept)
    print(f"{folder}: {len(kept)} {'file' if len(kept) == 1 else 'files'} of {words.of_bytes(size)}")
    for one in kept:
        made = datetime.fromtimestamp(one.made).astimezone()
        name = f"{one.path.name[:8]}*"  # as much as tells it apart
        print(f"  {name}  {made:%Y-%m-%d %H:%M}  {words.of_bytes(one.size):>9}  {escape.visible(one.what)}")
    if kept:
        print("All of it is made anew when it is needed; remove it with: lottery cache --clear")
