"""Which small changes of the code the tests notice: mutants by mutmut's operators, each tried in a copy of the tree.

    python benchmarks/mutation.py lottery/networks/masks.py lottery/seeds.py [--count 30] [--processes 2] [--again]

Of each module `--count` mutants are drawn by `--seed`; none of texts, annotations, decorators, and of what stands in a
`raise`: messages. First every test file runs by itself on the code as it is: that tells its seconds, and which lines
it executes (in this process: not in workers). A mutant meets the files that execute its function, the module's own
first, then those that import it, then the quickest, for `--budget` seconds in sum; it is killed where one fails, or
takes three times as long. Code outside of functions meets all. Results are added to `--out`, from where the same
command goes on; with `--again` it tries the survivors anew, where tests were added or the budget is larger.
"""

import argparse
import ast
import gc
import importlib
import itertools
import json
import math
import os
import random
import resource
import shutil
import signal
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from functools import partial
from multiprocessing import get_context
from pathlib import Path

import libcst
import pytest
from coverage import Coverage, CoverageData
from libcst.metadata import MetadataWrapper, PositionProvider
from mutmut.mutation.mutators import mutation_operators, operator_string

FORK = get_context("fork")
SHARED = (
    "torch",
    "torchvision",
    "scipy.stats",
    "sklearn.datasets",
    "safetensors.torch",
    "pydantic",
    "typer",
    "hypothesis",
)
"""Imported once: every test runs in a fork of one process."""
OTHER = shutil.ignore_patterns("build", ".git", ".venv", ".*_cache")
MEMORY = 8 << 30


class Mutants(libcst.CSTVisitor):
    """All mutants of a module: line, node, and what takes its place."""

    METADATA_DEPENDENCIES = (PositionProvider,)

    def __init__(self):
        self.found = []

    def on_visit(self, node):
        if isinstance(node, libcst.Annotation | libcst.Decorator | libcst.Raise):
            return False
        for kind, operator in mutation_operators:
            if isinstance(node, kind) and operator is not operator_string:
                line = self.get_metadata(PositionProvider, node).start.line
                self.found += [(line, node, changed) for changed in operator(node)]
        return True


def drawn(module, count, seed):
    """Return the line and the module's text of each of `count` mutants."""
    wrapper, mutants = MetadataWrapper(libcst.parse_module(Path(module).read_text())), Mutants()
    wrapper.visit(mutants)
    places = random.Random(f"{seed} {Path(module).stem}").sample(range(len(mutants.found)), len(mutants.found))
    some = [mutants.found[place] for place in sorted(places[:count])]
    return [(line, wrapper.module.deep_replace(old, new).code) for line, old, new in some]


def meeting(module, line, seen, budget):
    """Return the test files that a mutant of this line meets -> seconds."""
    functions = [node for node in ast.walk(ast.parse(Path(module).read_text())) if isinstance(node, ast.FunctionDef)]
    bodies = [set(range(node.body[0].lineno, node.end_lineno + 1)) for node in functions]
    body = min((body for body in bodies if line in body), key=len, default=set())
    able = [test for test, of in seen.items() if not body or body & set(of["lines"].get(module, ()))] or list(seen)
    name, dotted = f"test_{Path(module).stem}", module.removesuffix(".py").replace("/", ".")
    able.sort(key=lambda test: (Path(test).stem != name, dotted not in Path(test).read_text(), seen[test]["seconds"]))
    sums = itertools.accumulate(seen[test]["seconds"] for test in able)
    return {
        test: seen[test]["seconds"]
        for test, until in zip(able, sums, strict=True)
        if until <= budget or test == able[0]
    }


def copy_of_mine(out):
    """Return this process's copy of the tree."""
    folder = out / f"copy-{os.getpid()}"
    return folder if folder.exists() else shutil.copytree(".", folder, ignore=OTHER)


def passes(folder, test, seconds, cover=None):
    """Return whether a test file of the tree in `folder` passes in time; the lines it executes go to `cover`."""

    def work():
        os.setsid()
        signal.signal(signal.SIGINT, signal.default_int_handler)  # which a job in the background ignores
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        os.chdir(folder)
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
        os.dup2(os.open(os.devnull, os.O_RDWR), 1)
        os.dup2(1, 2)
        sys.path.insert(0, str(folder))
        sys.dont_write_bytecode = True
        os.environ |= {"PYTHONPATH": str(folder), "PYTHONDONTWRITEBYTECODE": "1"}
        watch = Coverage(data_file=cover, include=[f"{folder}/*"])
        if cover:
            watch.start()
        code = pytest.main([test, "-xq", "-n0", "--assert=plain", "-pno:cacheprovider", f"--basetemp={folder}/.tmp"])
        if cover:
            watch.stop()
            watch.save()
        os._exit(code)

    process = FORK.Process(target=work)
    process.start()
    process.join(seconds)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # with all that it has started
    process.join()
    return process.exitcode == 0


def observe(test, out, seconds):
    """Write down which lines a test file executes, and how long it takes: no line and forever if it doesn't pass."""
    folder, cover, began = copy_of_mine(out), out / f"{Path(test).stem}.coverage", time.monotonic()
    about = {"seconds": math.inf, "lines": {}}
    if passes(folder, test, seconds, cover):
        data = CoverageData(str(cover))
        data.read()
        lines = {str(Path(file).relative_to(folder)): sorted(data.lines(file)) for file in data.measured_files()}
        about = {"seconds": time.monotonic() - began, "lines": lines}
    cover.with_suffix(".json").write_text(json.dumps(about))


def attempt(mutant, line, text, tests, out):
    """Write down which test file kills a mutant, if one does; `mutant` is its module and number."""
    place, original = copy_of_mine(out) / mutant[0], Path(mutant[0]).read_text()
    place.write_text(text)
    killer = next(
        (test for test, seconds in tests.items() if not passes(copy_of_mine(out), test, 10 + 3 * seconds)), None
    )
    place.write_text(original)
    changed = [pair for pair in zip(original.splitlines(), text.splitlines(), strict=False) if pair[0] != pair[1]]
    with (out / "mutants.jsonl").open("a") as file:
        file.write(json.dumps([mutant, {"line": line, "change": changed[:1], "killed": killer}]) + "\n")


def known(out):
    """Return module and number of each mutant tried -> what was found last."""
    path = out / "mutants.jsonl"
    return {tuple(mutant): found for mutant, found in map(json.loads, path.open() if path.exists() else ())}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("modules", nargs="+")
    for name, default in (("count", 30), ("seed", 0), ("processes", 2), ("budget", 90)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--again", action="store_true")
    parser.add_argument("--out", type=lambda text: Path(text).absolute(), default=Path("build/mutation").absolute())
    asked = parser.parse_args()
    out, budget = asked.out, asked.budget
    out.mkdir(parents=True, exist_ok=True)
    for name in SHARED:
        importlib.import_module(name)
    gc.freeze()
    abouts = {str(test): out / f"{test.stem}.json" for test in sorted(Path("tests").glob("test_*.py"))}
    unseen = [
        test
        for test, about in abouts.items()
        if not about.exists() or about.stat().st_mtime < Path(test).stat().st_mtime
    ]
    mutants = {
        (module, number): mutant
        for module in asked.modules
        for number, mutant in enumerate(drawn(module, asked.count, asked.seed))
    }
    with ProcessPoolExecutor(asked.processes, FORK) as pool:
        list(pool.map(partial(observe, out=out, seconds=budget), unseen))
        read = {test: json.loads(about.read_text()) for test, about in abouts.items()}
        seen = {test: of for test, of in read.items() if of["lines"]}
        before = known(out)
        left = [key for key in mutants if key not in before or (asked.again and not before[key]["killed"])]
        random.Random(asked.seed).shuffle(left)
        left.sort(key=lambda key: key not in before)
        jobs = [(key, *mutants[key], meeting(key[0], mutants[key][0], seen, budget), out) for key in left]
        list(pool.map(attempt, *zip(*jobs, strict=True)))
    found = known(out)
    for module in asked.modules:
        killed = [bool(result["killed"]) for key, result in found.items() if key in mutants and key[0] == module]
        print(f"| {module} | {len(killed)} | {sum(killed)} | {100 * sum(killed) / max(1, len(killed)):.0f} % |")
    for key in [key for key in mutants if not found[key]["killed"]]:
        print(key, found[key]["line"], *found[key]["change"])


if __name__ == "__main__":
    main()
