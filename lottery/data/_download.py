"""Published data sets that are not there yet are fetched here.

Reading a data set writes nothing: where its files are missing, that is an error which knows how to fetch them.
"""

import contextlib
import http.client
import os
import sys
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from lottery import escape
from lottery.data import Dataset
from lottery.errors import LotteryError


class Missing(LotteryError):
    """The files of a published data set are not in their folder."""

    def __init__(
        self,
        name: str,
        root: Path,
        folder: Path,
        looked_for: str,
        published: Callable[[Any], Iterable[tuple[list[str], str]]],
        sketch: Callable[[], Dataset],
        unpack: bool = False,
    ) -> None:
        """Say what is missing, and where it is published.

        Args:
            name: torchvision's name for the data set.
            root: the folder of data sets that `data.root` names.
            folder: where the files should be, in `root`.
            looked_for: the files, for messages.
            published: given torchvision's class, the addresses (one after the other is tried) and the md5 of each file
                to download.
            sketch: returns a data set of these numbers and sizes, of nothing.
            unpack: the files are compressed, and are kept unpacked, too.
        """
        super().__init__(f"{name} is not in {folder} (looked for {looked_for})")
        self.name, self.root, self.folder, self.sketch = name, root, folder, sketch
        self._published, self._unpack = published, unpack

    def check(self, anywhere: bool) -> None:
        """Raise LotteryError where the files may not be downloaded.

        Args:
            anywhere: whether the user has asked for a folder outside the working directory; a config may be a
                stranger's.
        """
        # Links are followed, those that lead in a circle, too.
        if not anywhere and not Path(os.path.realpath(self.folder)).is_relative_to(Path.cwd()):
            raise LotteryError(
                f"data.root: {self.root} has no {self.name}, and is outside the working directory, where nothing is "
                f"downloaded to unasked.\nName the folder that has it by --set data.root=FOLDER, or have it downloaded "
                f"by --set {escape.shell(f'data.root={self.root}')}."
            )

    def download(self, anywhere: bool) -> None:
        """Download the files.

        Raises:
            LotteryError: they may not be, see `check`, or there is no network.
        """
        self.check(anywhere)
        print(f"{self}: downloading it", file=sys.stderr)
        made = [folder for folder in (self.folder, *self.folder.parents) if not folder.exists()]
        try:
            self._fetch()
        except (OSError, RuntimeError, http.client.HTTPException) as error:
            reason = str(error).strip().partition("\n")[0] or type(error).__name__
            raise LotteryError(
                f"{self} and could not be downloaded ({reason}).\n"
                "Put the files there, or name their folder by --set data.root=FOLDER."
            ) from error
        finally:
            for folder in made:
                with contextlib.suppress(OSError):  # it holds what was wanted
                    folder.rmdir()

    def _fetch(self) -> None:
        import torchvision
        from torchvision.datasets import utils

        fetch = utils.download_and_extract_archive if self._unpack else utils.download_url
        self.folder.mkdir(parents=True, exist_ok=True)
        for addresses, md5 in self._published(getattr(torchvision.datasets, self.name)):
            # Files appear whole or not at all, and take the place of a link rather than follow it. torchvision prints
            # to stdout, which is for results.
            with (
                tempfile.TemporaryDirectory(dir=self.folder, prefix=".download-") as beside,
                contextlib.redirect_stdout(sys.stderr),
            ):
                for address in addresses:
                    try:
                        fetch(address, beside, md5=md5)
                        break
                    except (OSError, RuntimeError, http.client.HTTPException):
                        if address == addresses[-1]:
                            raise
                for file in Path(beside).iterdir():
                    file.replace(self.folder / file.name)
