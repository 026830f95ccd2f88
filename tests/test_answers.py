"""What entries of users' own answer is checked before anything is made of it, and what they are given are copies."""

import sys

import pytest
import torch
from conftest import carry_out, tensor_files, tiny
from torch import nn  # noqa: F401 - for what is made of text here

import lottery
from lottery import answers, registry
from lottery.errors import LotteryError, RunFailed
from lottery.latent import Rule  # noqa: F401
from lottery.networks.network import Network  # noqa: F401

ARGUMENTS = {
    "scores": "subject, generator", "allocation": "density, shapes", "arms": "ticket, fresh, generator",
    "topology": "moment", "sparse_initializers": "weight, mask, generator", "initializers": "shape, generator",
    "latent": "", "penalties": "weights, mask, past",
}  # fmt: skip
CONFIG = {
    "scores": {"pruning__score": "own"},
    "allocation": {"pruning__allocation": "own"},
    "arms": {"pruning__arms": ["own", "random"]},
    "topology": {"sparse": {"density": [0.5], "topology": {"name": "own", "interval": "2it"}}},
    "sparse_initializers": {"sparse": {"density": [0.5], "initializer": "own"}},
    "initializers": {"model__initializer": "own"},
    "latent": {"sparse": {"density": [0.5], "latent": "own"}},
    "penalties": {"train__penalties": ["own"]},
}
RULE = """
class Own(Rule):
    def start(self, weight, density, generator): return {start}
    def mask(self, latents, density, generator): return {mask}
    def gradient(self, layer): return {gradient}
"""


@pytest.fixture(autouse=True)
def nothing_stays(monkeypatch):
    monkeypatch.setattr(registry, "_registered", {kind: {} for kind in registry.KINDS})


def register(kind, body, before=""):
    space = {**globals(), "__name__": __name__}
    exec(f"{before}\ndef own({ARGUMENTS[kind]}):\n    'An entry.'\n    {body}\n", space)
    lottery.register(kind)(space["own"])


def study(kind, folder):
    changes = {"train__length": "6it", "train__evaluate_every": "6it", "pruning__iterations": 1, "replicates": 1}
    config = tiny(**(changes | {"pruning__arms": []} | CONFIG[kind]))
    return carry_out(config, folder, "prune" if config.sparse is None else "train")


GOOD = {
    "scores": "{n: w.abs() for n, w in subject.weights.items()}",
    "arms": "ticket",
    "topology": "{n: m for n, m in moment.mask.items()}",
    "sparse_initializers": "weight * mask",
    "initializers": "torch.ones(shape)",
    "allocation": "{n: density for n in shapes}",
    "penalties": "sum(w.square().sum() for w in weights.values())",
}
WRONG = [
    *((kind, answer, f"{kind}.own returns a NoneType") for kind in ("scores", "arms", "topology", "sparse_initializers",
      "initializers", "latent", "penalties") for answer in ["None"]),
    ("scores", "[]", "returns a list; it has to return a dict, with a tensor for each of hidden_1.weight, output.wei"),
    ("scores", "{}", "returns a dict that differs in hidden_1.weight, output.weight; it has to return one wi"),
    ("scores", "GOOD | {'more': torch.zeros(1)}", "returns a dict that differs in more; it has to return one with"),
    ("scores", "{n: list(w) for n, w in GOOD.items()}", "returns a list for hidden_1.weight; it has to return a tens"),
    ("scores", "{n: w.flatten() for n, w in GOOD.items()}", "returns float32 [1024] for hidden_1.weight; it has to"),
    ("scores", "{n: w[0] for n, w in GOOD.items()}", "returns float32 [64] for hidden_1.weight; it has to return numb"),
    ("scores", "{n: w > 0 for n, w in GOOD.items()}", "returns bool [16, 64] for hidden_1.weight; it has to return nu"),
    ("scores", "{n: w.cfloat() for n, w in GOOD.items()}", "returns complex64 [16, 64] for hidden_1.weight"),
    ("scores", "{n: w.to(torch.float8_e5m2) for n, w in GOOD.items()}", "returns float8_e5m2 [16, 64] for hidden_1.we"),
    ("scores", "{n: w.to_sparse() for n, w in GOOD.items()}", "returns float32 [16, 64] sparse for hidden_1.weight"),
    ("scores", "{n: w.to('meta') for n, w in GOOD.items()}", "returns float32 [16, 64] without numbers (meta) for"),
    ("allocation", "None", "allocation.own returns None; it has to return a number from 0 to 1, or one for each layer"),
    ("allocation", "[0.5]", "returns [0.5]; it has to return a number from 0 to 1"),
    ("allocation", "float('nan')", "returns nan; it has to return a number from 0 to 1"),
    ("allocation", "{n: 2.0 for n in shapes}", "returns 2.0; it has to return a number from 0 to 1"),
    ("allocation", "{'x': 0.5}", "a dict that differs in hidden_1.weight, output.weight, x; it has to return one with"),
    ("allocation", "{}['x']", "pruning.allocation: own: {file}:4: KeyError: 'x'"),
    ("arms", "(ticket.state, ticket.mask)", "arms.own returns a tuple; it has to return a lottery.networks.network.Ne"),
    ("arms", "Network(ticket.state, None)", "arms.own returns a NoneType as mask; it has to return a dict"),
    ("arms", "Network(ticket.state, ticket.state)", "returns a dict as mask that differs in hidden_1.bias, output.bia"),
    ("arms", "Network(ticket.state, {n: m.float() for n, m in ticket.mask.items()})",
     "returns float32 [16, 64] as mask for hidden_1.weight; it has to return bool [16, 64]"),
    ("arms", "Network({n: m.double() for n, m in ticket.state.items()}, ticket.mask)", "float64 [16] as state for"),
    ("topology", "{n: m.float() for n, m in GOOD.items()}", "returns float32 [16, 64] for hidden_1.weight; it has to"),
    ("topology", "{n: m[0] for n, m in GOOD.items()}", "returns bool [64] for hidden_1.weight; it has to return bool"),
    ("topology", "dict(list(GOOD.items())[1:])", "returns a dict that differs in hidden_1.weight; it has to return"),
    ("sparse_initializers", "GOOD.bool()", "returns bool [16, 64] for hidden_1.weight; it has to return float32"),
    ("sparse_initializers", "GOOD[0]", "returns float32 [64] for hidden_1.weight; it has to return float32 [16, 64]"),
    ("penalties", "GOOD.item()", "penalties.own returns a float; it has to return a tensor, float32 []"),
    ("penalties", "GOOD.double()", "penalties.own returns float64 []; it has to return float32 []"),
    ("penalties", "list(weights.values())[0]", "returns float32 [16, 64]; it has to return float32 []"),
    ("penalties", "[GOOD, [w.detach().zero_() for w in weights.values()]][0]",
     "penalties.own returns what autograd can't differentiate (one of the variables needed for gradient computation"),
    ("penalties", "0 * GOOD.detach()", "returns 0 without a gradient; it has to return a tensor that is computed from"),
    ("initializers", "GOOD.T", "initializers.own returns float32 [64, 16]; it has to return float32 [16, 64]"),
    ("initializers", "GOOD.double()", "returns float64 [16, 64]; it has to return float32 [16, 64]"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "answer", "said"), WRONG)
def test_a_wrong_answer_is_said_in_one_line(kind, answer, said, tmp_path):
    register(kind, f"GOOD = {GOOD.get(kind)}; return {answer}")
    with pytest.raises(LotteryError if kind == "allocation" else RunFailed) as error:
        study(kind, tmp_path)
    first, *rest = str(error.value).splitlines()
    assert said.format(file="<string>") in first
    assert len(rest) == (0 if kind == "allocation" else 2)


@pytest.mark.parametrize(
    ("method", "answer", "said"),
    [
        ("start", "None", "latent.own returns a NoneType as what a latent starts as; it has to return a tensor"),
        (
            "start",
            "weight.flatten()",
            "returns float32 [1024] as what a latent starts as; it has to return float32 [16",
        ),
        ("mask", "list(latents)", "latent.own returns a list as mask; it has to return a dict, with a tensor for each"),
        ("mask", "{n: l for n, l in latents.items()}", "returns float32 [16, 64] as mask for hidden_1.weight"),
        ("gradient", "layer.gradient[0]", "returns float32 [64] as gradient; it has to return float32 [16, 64]"),
    ],
)
def test_a_wrong_answer_of_a_rule_is_said_in_one_line(method, answer, said, tmp_path):
    good = {"start": "weight", "mask": "{n: l > 0 for n, l in latents.items()}", "gradient": "layer.gradient"}
    register("latent", "return Own()", RULE.format(**(good | {method: answer})))
    with pytest.raises(RunFailed) as error:
        study("latent", tmp_path)
    assert said in str(error.value).splitlines()[0]


PARTS = ("weights", "mask", "initial", "state")
HARM = {
    "scores": "[t.zero_() for name in vars(subject) if name in PARTS for t in getattr(subject, name).values()]",
    "arms": "[t.zero_() for of in (ticket.state, ticket.mask) for t in of.values()]; ticket.state.clear()",
    "topology": "[t.zero_() for of in (moment.weights, moment.mask) for t in of.values()]",
    "sparse_initializers": "weight.zero_(); mask.zero_()",
    "allocation": "shapes.clear()",
    "penalties": "[t.zero_() for of in (mask, past.start) for t in of.values()]",
}


@pytest.mark.parametrize("kind", HARM)
def test_what_an_entry_changes_in_place_is_its_own(kind, tmp_path):
    """The answer is the same, whatever becomes of what it was given."""
    found = []
    for number, harm in enumerate(("None", HARM[kind])):
        answer = {"arms": "Network({n: t.clone() for n, t in ticket.state.items()}, "
                          "{n: t.clone() for n, t in ticket.mask.items()})",
                  "topology": "{n: m.clone() for n, m in moment.mask.items()}",}.get(kind, GOOD[kind])  # fmt: skip
        register(kind, f"answer = {answer}; {harm}; return answer")
        found.append(tensor_files(study(kind, tmp_path / str(number))))
    assert found[0] == found[1]


def test_what_the_package_brings_is_neither_copied_nor_checked():
    entry, given = registry.find("scores", "magnitude"), {"a": torch.zeros(2)}
    assert answers.apart(entry, given) is given
    assert answers.tensors(entry, None, given) is None
    assert "lottery.scores" in str(sys.modules[entry.origin])
