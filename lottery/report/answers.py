"""What the page says before any figure: the verdicts in sentences, and Ma et al.'s jackpot."""

from collections.abc import Sequence

from lottery import escape
from lottery.report.decisions import INTERVALS
from lottery.report.jackpot import CONDITIONS, MEANING, jackpots, missing_of
from lottery.report.questions import Verdict, definition
from lottery.report.verdicts import NO_DENSE, summed_up
from lottery.store.reader import Reader
from lottery.tasks import Metric


def answers(title: str, verdicts: Sequence[Verdict], lacking: str, has_dense: bool) -> str:
    """Return, for each question, the range of densities of each answer, in a sentence.

    Args:
        title: of the study.
        verdicts: of it.
        lacking: what would have to be trained to ask more, in words.
        has_dense: whether it has a dense network.
    """
    items = []
    for name, spans, sparsest in summed_up(verdicts):
        parts = [f"<span class={answer}>{answer}</span> at {at} % of the weights" for answer, at in spans.items()]
        more = f" <span class=soft>({escape.html(sparsest)})</span>" if sparsest else ""
        items.append(f"<li class=answer>{escape.html(name)}: {'; '.join(parts)}{more}</li>")
    if lacking:
        items.append(f"<li class=soft>{escape.html(lacking)}</li>")
    if not items:
        reason = "no sparse networks to judge" if has_dense else NO_DENSE
        return f"<p>{escape.html(title)}: {reason}.</p>"
    return f"<h3>{escape.html(title)}</h3><ul>{''.join(items)}</ul>"


def definitions(asked: Sequence[tuple[str, Metric]]) -> str:
    """Return the definitions of questions, each of networks that are compared by a metric."""
    found = dict.fromkeys((name, definition(name, metric)) for name, metric in asked)
    terms = "".join(f"<li><b>{escape.html(name)}</b>: {escape.html(text)}</li>" for name, text in found)
    note = f"An answer is <i>undecided</i> where the 95 % interval holds the threshold: {escape.html(INTERVALS)}."
    return f"<details><summary>What these words mean</summary><ul>{terms}</ul><p>{note}</p></details>" if terms else ""


def jackpot(runs: Sequence[Reader]) -> str:
    """Return prize, conditions and numbers of each level that pruning runs allow to judge, and what is missing."""
    found = jackpots(runs)
    if not found:
        return ""
    head = "".join(f"<th class=text>{title}</th>" for title in ("level", "weights, %", "prize", *CONDITIONS))
    body = "".join(
        f"<tr><td>{one.level}</td><td>{100 * one.density:.1f}</td><td class=text>{one.prize}</td>"
        + "".join(
            f"<td class=text><span class={answer}>{answer}</span> {escape.html(one.numbers[key])}</td>"
            for key, answer in one.answers.items()
        )
        + "</tr>"
        for one in found
    )
    conditions = "".join(f"<li>{escape.html(text)}</li>" for text in CONDITIONS.values())
    missing = "".join(f"<li>{escape.html(text)}</li>" for text in missing_of(found))
    return (
        f"<h2>Is it a jackpot?</h2><p>{escape.html(_prizes([one.prize for one in found]))}</p>"
        f"<details id=jackpot><summary>The conditions, and the numbers of each level</summary>"
        f"<p class=soft>{escape.html(MEANING)}:</p><ol>{conditions}</ol>"
        f"<div class=scroll><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div></details>"
        + (f"<p>What is missing:</p><ul>{missing}</ul>" if missing else "")
    )


def _prizes(prizes: Sequence[str]) -> str:
    counts = ", ".join(f"{prize} at {prizes.count(prize)}" for prize in dict.fromkeys(prizes))
    return f"Of {len(prizes)} levels: {counts}."
