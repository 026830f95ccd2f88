"""What masks cover of a network, and what stays dense, in words."""

from lottery import parameters
from lottery.studies.plan import included
from lottery.studies.setting import Setting

_MOST_NAMES = 6


def coverage(setting: Setting) -> str:
    """Return one line that says which share of a network's parameters masks cover, and which ones stay dense."""
    sizes = {name: shape.numel() for name, shape in parameters.trainable(setting.template).items()}
    pruned = set(included(setting))
    total, covered = sum(sizes.values()), sum(sizes[name] for name in pruned)
    text = f"masks cover {covered:,} of {total:,} parameters"
    left = [name for name in sizes if name not in pruned]
    if not left:
        return text
    matrices = [name for name in left if name in setting.shapes or name in parameters.prunable(setting.template)]
    vectors = len(left) - len(matrices)
    named = [name.removesuffix(".weight") for name in matrices[:_MOST_NAMES]]
    if len(matrices) > _MOST_NAMES:
        named.append(f"{len(matrices) - _MOST_NAMES} more")
    if vectors:
        named.append(f"{vectors} bias{'es' * (vectors > 1)}, scales and other vectors")
    return f"{text}; {1 - covered / total:.2%} stay dense: {', '.join(named)}"
