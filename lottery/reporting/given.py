"""What was given from Python is called, in reports, by what is known of it."""

import hashlib

from lottery.config.schema import Config

NAME = "model.name"
ARCHITECTURE = "model.architecture"
"""A digest of a given network's layers and code."""


def title(config: Config) -> str:
    """Return which network learns from which data: `lenet_5 on mnist`, `models.Mixer on given data`."""
    network = _made_by(config) or f"{config.model.name}{' network' if config.model.name == 'given' else ''}"
    return f"{network} on {config.data.name}{' data' if config.data.name == 'given' else ''}"


def told(settings: dict[str, object], config: Config) -> dict[str, object]:
    """Return dotted settings with a given network under the name of what makes it, and one digest for all it is."""
    if config.model.name != "given":
        return settings
    known = {key: value for key, value in settings.items() if key not in ("model.of", "model.digest", "model.code")}
    parts = repr([config.model.options.get(key) for key in ("digest", "code")])
    digest = hashlib.sha256(parts.encode()).hexdigest()[:8]
    return known | {NAME: _made_by(config) or "given", ARCHITECTURE: digest}


def without_digests(differing: dict[str, list[object]]) -> dict[str, list[object]]:
    """Return the settings in which runs differ without networks' digests, where their names tell as much."""
    names, digests = differing.get(NAME, []), map(repr, differing.get(ARCHITECTURE, []))
    if not names or len(set(names)) < len(set(zip(names, digests, strict=False))):
        return differing
    return {key: values for key, values in differing.items() if key != ARCHITECTURE}


def _made_by(config: Config) -> str | None:
    made_by = config.model.options.get("of") if config.model.name == "given" else None
    return made_by if isinstance(made_by, str) else None
