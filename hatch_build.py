"""Whoever builds the package to publish it names its repository: `LOTTERY_REPOSITORY_URL=https://... python -m build`.

The page that a registry makes of README.md then has its pictures and links, whose addresses are relative in a checkout.
Without that address pictures are left out there.
"""

import os
import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface


class Readme(MetadataHookInterface):
    """The package's description is README.md, with absolute links."""

    def update(self, metadata: dict[str, Any]) -> None:
        """See hatchling."""
        repository = os.environ.get("LOTTERY_REPOSITORY_URL", "").rstrip("/")
        text = (Path(self.root) / "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": absolute(text, repository)}
        if repository:
            metadata["urls"] = {"Repository": repository, "Changelog": f"{repository}/blob/HEAD/CHANGELOG.md"}


def absolute(text: str, repository: str) -> str:
    """Return Markdown with absolute links to a repository's files; of no repository, without pictures."""
    if not repository:
        return re.sub(r"(?m)^!\[[^\]]*\]\(.*\)\n\n?", "", text)

    def link(found: re.Match[str]) -> str:
        view = "raw" if found[1] else "blob"
        return f"{found[1]}[{found[2]}]({repository}/{view}/HEAD/{found[3]})"

    return re.sub(r"(!?)\[([^\]]*)\]\((?!https?:|#)([^)\s]+)\)", link, text)
