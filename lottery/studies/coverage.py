"""What masks cover of a network, and what stays dense, in words."""

from lottery.networks import parameters
from lottery.studies.setting import Setting

_MOST_NAMES = 6


def coverage(setting: Setting) -> str:
    """Return one line that says which share of a network's parameters masks cover, and which ones stay dense."""
    template, pruned = setting.template, set(setting.pruned)
    total = parameters.count(template)
    covered = sum(setting.shapes[name].numel() for name in pruned)
    text = f"masks cover {covered:,} of {total:,} parameters"
    left = [name for name, _ in template.named_parameters() if name not in pruned]
    if not left:
        return text
    usual = parameters.biases_and_norms(template)
    others = [name.removesuffix(".weight") for name in left if name not in usual]
    named = others[:_MOST_NAMES]
    if len(others) > _MOST_NAMES:
        named.append(f"{len(others) - _MOST_NAMES} more")
    if len(others) < len(left):
        named.append("biases and normalisation")
    return f"{text}; {1 - covered / total:.2%} stay dense: {', '.join(named)}"
