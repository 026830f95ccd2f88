"""An analysis is carried out while somebody looks on, who may stop it."""

import time
from collections.abc import Mapping, Sequence
from signal import Signals
from typing import Any

from rich.text import Text

from lottery import words
from lottery.config.analyses import Analysis
from lottery.devices import lacks_memory
from lottery.display.console import progress_console, results_console
from lottery.errors import Interrupted, RunFailed
from lottery.explaining.asked import command
from lottery.explaining.carry_out import carry_out, outdated
from lottery.explaining.trained import Trained
from lottery.reporting.exhibit_tables import told
from lottery.reporting.explained import explained
from lottery.signals import interrupting
from lottery.store.findings import Analysed
from lottery.store.reader import Reader
from lottery.streams import message
from lottery.studies.setting import Setting


def explain(
    trained: Trained, analysis: Analysis, *, quiet: bool = False, stop_on: Sequence[Signals] = ()
) -> list[Analysed]:
    """Find what an analysis hasn't found yet on a run, and return all that it found.

    Raises:
        Interrupted: it was stopped; the message says how to go on.
        RunFailed: memory ran out.
        LotteryError: as of `lottery.explaining.carry_out`.
    """
    if trained.run.record["status"] != "finished" and not quiet:
        message(f"{trained.run.path} isn't finished; of its networks {len(trained.keys)} are trained, and looked at")
    began, before = time.monotonic(), trained.run.analysis(analysis.name)
    if (old := outdated(before, analysis)) and not quiet:
        message(f"{analysis.name}: its code has changed since {len(old)} pieces were found; they are looked for anew")
    with progress_console(quiet).status(f"{analysis.name}") as status:

        def tell(done: int, total: int, of: Mapping[str, Any]) -> None:
            named = ", ".join(f"{name} {value}" for name, value in of.items())
            status.update(Text(f"{analysis.name}: {done} of {total}; {named}"))

        try:
            with interrupting(stop_on):
                found = carry_out(trained, analysis, tell)
        except (MemoryError, RuntimeError) as error:
            if not lacks_memory(error):
                raise
            raise RunFailed(
                f"{analysis.name}: out of memory; what is found is kept, smaller options (lottery methods analyses "
                f"{analysis.name}) or fewer levels at once need less"
            ) from error
        except KeyboardInterrupt:
            raise Interrupted(
                f"interrupted; what is found is kept, go on with: {command(analysis, trained.run.path)}"
            ) from None
    new = sum(line not in before for line in found)
    if not quiet:
        spent = f"found in {words.of_duration(time.monotonic() - began)}" if new else "there already"
        message(f"{analysis.name}: {new or len(found)} pieces {spent}, kept in {trained.run.path}")
    return found


def explain_all(run: Reader, setting: Setting, *, quiet: bool = False, stop_on: Sequence[Signals] = ()) -> None:
    """Carry out the analyses of a run's config; one that fails is left out with a note.

    Raises:
        Interrupted: it was stopped; all is trained, and the message says how to go on.
    """
    for analysis in run.config.analyses:
        try:
            explain(Trained(run, lambda _: setting), analysis, quiet=quiet, stop_on=stop_on)
        except Interrupted:
            raise
        except Exception as error:  # the run is whole, whatever there is to be said of it
            said = str(error).partition("\n")[0] or type(error).__name__
            message(f"{analysis.name} is left out: {said}; once that is mended: lottery analyze RUN {analysis.name}")


def show(run: Reader, analysis: Analysis, found: Sequence[Analysed]) -> None:
    """Print what an analysis found on a run: sentences that answer, and a table."""
    results_console().print(
        Text(run.record["id"], style="bold"), told(explained("analyses", analysis.name, found), table=True), sep="\n"
    )
