"""What holds for entries of all kinds: they say what they are, their options can be written, no more is changed."""

from contextlib import suppress
from importlib import import_module

from pydantic import ValidationError

from lottery.contracts.contract import Candidate, require
from lottery.contracts.surroundings import put_back


def says_what_it_is(given: Candidate) -> None:
    """The first line of its docstring says what it is."""
    require(given.entry.summary, "it has no docstring; `lottery methods` shows the first line")


def defaults_are_valid(given: Candidate) -> None:
    """The default of each option is of the option's own type."""
    for name, field in given.entry.options.model_fields.items():
        if field.is_required():
            continue
        try:
            given.entry.options.model_validate({name: field.default})
        except ValidationError as error:
            wrong = [one["msg"] for one in error.errors() if one["loc"][0] == name]
            require(not wrong, f"the default of {name} is {field.default!r}: {' '.join(wrong[:1])}")


def options_can_be_written(given: Candidate) -> None:
    """Options written to a run's config and read again are the same."""
    model = given.entry.options.model_validate(dict(given.options))
    written = model.model_dump(mode="json")
    again = type(model).model_validate(written)
    odd = [name for name in type(model).model_fields if getattr(again, name) != getattr(model, name)]
    require(
        not odd, f"{', '.join(odd)} comes back as something else; use numbers, texts, truth values, and tuples of them"
    )


def leaves_the_process_alone(given: Candidate) -> None:
    """It leaves default dtype and device, gradients, threads, working directory, environment, sys.path as they were."""
    use = import_module(f"lottery.contracts.{given.entry.kind}").CHECKS[0]
    for _ in range(2):  # what it imports the first time may set something
        with put_back() as found, suppress(Exception):  # what goes wrong that check itself tells
            use(given)
    require(
        not found, f"it changes {', '.join(found)}, and a study's other code with it; put that back in try: finally:"
    )


CHECKS = (defaults_are_valid, says_what_it_is, options_can_be_written, leaves_the_process_alone)
