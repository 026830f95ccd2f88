"""What holds for entries of all kinds: they say what they are, and their options can be written in a config."""

from pydantic import ValidationError

from lottery.contracts.contract import Candidate, require


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


CHECKS = (defaults_are_valid, says_what_it_is, options_can_be_written)
