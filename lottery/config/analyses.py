"""Section `analyses` says what is looked for in networks once they are trained."""

from typing import Any

from lottery.config.choices import Choice


class Analysis(Choice):
    """An analysis says what is looked for in trained networks."""

    kind = "analyses"

    @property
    def plain(self) -> dict[str, Any]:
        """Return its options, defaults filled in, as they stand in a line of JSON."""
        return {name: value for name, value in self.model_dump(mode="json").items() if name != "name"}
