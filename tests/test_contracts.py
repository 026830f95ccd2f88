"""Broken entries of every kind: each is found by the check that looks for it, in one line that says what to do."""

import re
import textwrap

import pytest
import torch

from lottery import plugins, registry
from lottery.contracts.contract import candidate, checks, examine
from lottery.contracts.differences import same
from lottery.networks import masks

HEAD = '''
import random
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F
import lottery
from lottery.data import Dataset, moments
from lottery.exhibits import Chart, Curve, Exhibit, Map, Table
from lottery.explaining.piece import Piece
from lottery.latent import Rule
from lottery.networks import masks
from lottery.networks.network import Network
from lottery.optimizers import slot
from lottery.tasks import Metric, Task
from lottery.tasks.classification import Classification

CALLS = []


def images(count=60, low=0):
    drawn = torch.Generator().manual_seed(0)
    labels = torch.arange(count) % 3
    pixels = torch.randint(low, 256, (count, 1, 6, 6), generator=drawn).to(torch.uint8)
    return pixels, labels


def whole(**changes):
    pixels, labels = images()
    mean, std = moments(pixels[:30])
    given = dict(train_images=pixels[:30], train_labels=labels[:30], test_images=pixels[30:], test_labels=labels[30:],
                 classes=3, mean=mean, std=std)
    return Dataset(**given | changes)


class Net(nn.Module):
    def __init__(self, shape, classes):
        super().__init__()
        self.hidden = nn.Linear(shape[0] * shape[1] * shape[2], 4)
        self.output = nn.Linear(4, classes)

    def forward(self, x):
        return self.output(self.hidden(x.flatten(1)).relu())


with torch.random.fork_rng(devices=[]):
    SHARED = nn.Linear(4, 4)


class Fixed(Rule):
    """Trained scores of frozen weights."""

    def start(self, weight, density, generator):
        return torch.randn(weight.shape, generator=generator)

    def mask(self, latents, density, generator):
        return masks.keep_top(latents, density, masks.full(latents, list(latents)), generator)

    def gradient(self, layer):
        return layer.gradient * layer.weight


class Quiet:
    def has(self, key): return False
    def evaluated(self, measurements): pass
    def trained(self, key, step, results): pass
    def close(self, status): pass


def explain(lines):
    return Exhibit("Own", ["It is so."])


def act(value, do):
    do()
    return value
'''

EACH = "{n: %s for n, w in s.weights.items()}"
SUM = "sum((m[n] * w[n]).square().sum() for n in w)"


def function(kind, code, **said):
    """A function `own` of this signature and body, registered."""
    arguments, _, body = code.partition(":\n" if ":\n" in code else ": ")
    constants = "".join(f", {key}={value!r}" for key, value in said.items())
    body = textwrap.indent(body, "    ")
    return f'@lottery.register("{kind}"{constants})\ndef own({arguments}):\n    """An entry."""\n{body}\n'


def score(body, **said):
    return function("scores", f"s, g: {body}", **said)


def net(init="", forward="", arguments="shape, classes", make="N(shape, classes)"):
    """A model whose constructor and forward pass end so."""
    lines = ["class N(Net):"]
    if init:
        lines += ["    def __init__(self, *given):", "        super().__init__(*given)", f"        {init}"]
    if forward:
        lines += ["    def forward(self, x):", f"        {forward}"]
    lines += ["    pass", f"return {make}"]
    return function("models", f"{arguments}:\n" + "\n".join(lines))


def optimizer(body, options="lr: float = 0.1"):
    loop = f"for i, (w, d) in enumerate(zip(weights, gradients)):\n    {body}"
    return function("optimizers", f"weights, gradients, slots, factor, *, {options}:\n{loop}")


def rule(body):
    """A rule whose class is changed so."""
    return function("latent", f":\nclass R(Fixed):\n{textwrap.indent(body, '    ')}\nreturn R()")


def task(body):
    return function("tasks", f":\nclass T(Classification):\n{textwrap.indent(body, '    ')}\nreturn T()")


def tracker(body):
    return function("trackers", f"run:\nclass T(Quiet):\n{textwrap.indent(body, '    ')}\nreturn T()")


def data(changes="", before=""):
    return function("data", f":\n{before}\nreturn whole({changes})")


def probe(body, shown="explain"):
    """A probe, and what it means."""
    return function("probes", f"s:\n{body}").replace('"probes"', f'"probes", shown={shown}')


def analysis(find="{'n': 1.0}", of="key._asdict()", body="", shown="explain"):
    """An analysis that finds this of each network; `body` in place of its own, and what it means."""
    each = f"for key in t.keys:\n    yield Piece({of}, lambda key=key: {find})"
    code = function("analyses", f"t:\n{body or each}")
    return code.replace('"analyses"', f'"analyses", shown={shown}' if shown else '"analyses"')


def exhibit(*given):
    """An analysis whose lines mean this."""
    return analysis(shown=f"lambda lines: Exhibit('Own', ['It is so.'], {', '.join(given)})")


BROKEN = {
    # of all kinds
    ("signature", "defaults_are_valid"): [
        (function("scores", f's, g, *, power: float = "two":\nreturn {EACH % "w"}'),
         "the default of power is 'two': Input"),
    ],
    ("signature", "leaves_the_process_alone"): [
        (score(f"{do}; return {EACH % 'w.abs()'}"), f"^it changes {what}, and a study's other code with it")
        for do, what in {
            "torch.set_default_dtype(torch.float64)": "torch's default dtype",
            "torch.set_default_device('meta')": "torch's default device",
            "torch.set_grad_enabled(False)": "whether torch computes gradients",
            "torch.set_num_threads(torch.get_num_threads() + 1)": "torch's number of threads",
            "import os; os.chdir('/')": "the working directory",
            "import os; os.environ['OWN'] = 'x'": "environment variables",
            "import sys; sys.path.append('own')": "sys.path",
        }.items()
    ],
    ("signature", "options_can_be_written"): [
        (function("scores", f"s, g, *, power: float = float('nan'):\nreturn {EACH % 'w'}"), "power comes back as"),
    ],
    ("scores", "rates_each_weight"): [
        (score("return 3"), r"it returns a int; return name -> score"),
        (score("return {}"), r"there is none of 0\.weight"),
        (score(f"return {EACH % '1.0'}"), r"that of 0\.weight is a float; return a tensor"),
        (score(f"return {EACH % 'w.flatten()'}"), r"has shape \(36,\); it has to be the weight's, \(4, 1, 3, 3\)"),
        (score(f"return {EACH % '1 / w'}"), r"isn't finite everywhere"),
        (score(f"return {EACH % 'w'} | {{'more': 3}}"), r"there is one of more, which isn't to be scored"),
        (score("return {n: w.nothing() for n, w in s.weights.items()}"),
         r"AttributeError: .*nothing.* \(own\.py:\d+\)"),
    ],
    ("scores", "changes_nothing"): [
        (score(f"return {EACH % 'w.abs_()'}"), r"^subject\.weights\['0\.weight'\] is changed; return new tensors"),
        (score(f"return {EACH % 'w.requires_grad_().detach()'}"), r"subject\.weights\['0\.weight'\] has gradients now"),
        (score(f"rates = {EACH % 'w'}\ns.weights['a'] = torch.ones(3)\nreturn rates"),
         r"subject\.weights\['a'\] is added"),
        (score(f"s.template.eval()\nreturn {EACH % 'w'}"), r"subject\.template is in evaluation mode"),
        (score(f"return {EACH % 'torch.rand(w.shape)'}"), "it draws from torch's global generator"),
        (score(f"np.random.rand()\nreturn {EACH % 'w'}"), "it draws from NumPy's global generator"),
        (score(f"random.random()\nreturn {EACH % 'w'}"), "it draws from Python's global generator"),
    ],
    ("scores", "is_repeatable"): [
        (score(f"CALLS.append(1)\nreturn {EACH % 'w + len(CALLS)'}"), r"scores\['0\.weight'\] is another one"),
    ],
    ("scores", "is_detached"): [
        (score(f"return {EACH % 'w.clone().requires_grad_()'}"), r"requires gradients; return score\.detach"),
    ],
    ("scores", "ranks_exactly"): [
        (score(f"return {EACH % 'w > 0'}"), r"it can't be ranked \(.*Bool.*\); return score\.float\(\)"),
    ],
    ("scores", "rates_what_is_empty"): [
        (score(f"return {EACH % 'w / w.norm()'}"), r"isn't finite everywhere; keep it from dividing"),
    ],
    ("scores", "says_what_it_needs"): [
        (score(f"s.images(5)\nreturn {EACH % 'w'}"), r'needs data.*; write @register\("scores", traits=\{"data"\}\)'),
        (score("return dict(s.trained_from())"), r'traits=\{"trained"\}'),
        (score("return {n: w - s.initial[n] for n, w in s.weights.items()}"),
         r'initial is None before training; write @register\("scores", traits=\{"trained"\}'),
        (score(f"s.sample(5, None)\nreturn {EACH % 'w'}"), r'sample is None without data; write .*traits=\{"data"\}'),
    ],
    ("models", "takes_images"): [
        (function("models", "shape, classes: return 3"), r"it returns a int; return a torch\.nn\.Module"),
        (net(make="N(shape, 10)"),
         r"1x8x8: ValueError: its output for 2 images is \(2, 10\), and has to be \(2, 7\); if"),
        (net(forward="return x + y"), r"1x8x8: NameError: name 'y' is not defined \(own\.py:\d+\); if"),
        (net(make="N((1, 12, 12), classes)"), r"1x8x8: .*cannot be multiplied .*--shape 3x48x48"),
        (net("self.hidden = nn.LazyLinear(4)"), r"it has lazy layers.*call it once on torch\.zeros"),
    ],
    ("models", "is_a_network_of_its_own"): [
        (net("self.more = SHARED"), r"two networks share more\.weight, more\.bias; make all layers"),
        (net("CALLS.append(1)\n        self.more = nn.Linear(len(CALLS), 2)"), r"two networks differ in more\.weight"),
    ],
    ("models", "is_drawn_from_the_seed"): [
        (net("self.more = nn.Parameter(torch.from_numpy(np.random.default_rng().random(4)).float())"),
         r"model\['more'\] is another one the second time"),
    ],
    ("models", "is_finite"): [
        (net(forward="return super().forward(x) * (1 if self.training or not x.any() else float('inf'))"),
         "in evaluation some aren't"),
    ],
    ("models", "is_repeatable_in_evaluation"): [
        (net(forward="return super().forward(F.dropout(x))"), "answers differ; draw nothing"),
        (net("self.register_buffer('n', torch.zeros(1))", "self.n.add_(1)\n        return super().forward(x)"),
         r"model\['n'\] is changed; change it only if"),
    ],
    ("models", "learns"): [
        (net(forward="return super().forward(x).detach().requires_grad_()"), "none gets a gradient"),
        (net("self.requires_grad_(False)"), "it has no trainable parameter"),
        (net("self.more = nn.Parameter(torch.zeros(1))", "return super().forward(x) + self.more.sqrt()"),
         r"that of more isn't finite; look for divisions"),
    ],
    ("models", "keeps_pruned_weights_at_zero"): [
        (net(forward="self.hidden.weight.data.add_(0.1 * bool(x.any()))\n        return super().forward(x)"),
         r"pruned weights of hidden\.weight aren't zero any more"),
    ],
    ("models", "survives_a_file"): [
        (net("self.more = torch.randn(1)", "return super().forward(x) + self.more"),
         "answers differ; register every tensor"),
    ],
    ("models", "shrinks"): [
        (net(arguments="shape, classes, *, scale: float = 1.0"), "at 1, 0.5 and next to 0 it has 284, 284, 284"),
    ],
    ("data", "is_a_dataset"): [
        (function("data", ": return images()"), r"it returns a tuple; return lottery\.Dataset\.from_tensors"),
        (data("train_images=images()[0][:30] / 255"),
         r"train_images is torch\.float32; scale them to 0\.\.255 and round"),
        (data("test_labels=images()[1][30:].int()"), r"test_labels is torch\.int32; write labels\.long\(\)"),
        (data("test_labels=[1, 2]"), r"test_labels is a list; make a tensor of it"),
        (data("train_images=images()[0][:30, 0]"),
         r"train_images has shape \(30, 6, 6\), and has to have \[N, C, H, W\]"),
        (data("train_labels=images()[1][:29]"), r"there are 30 train images and 29 labels"),
        (data("test_images=images()[0][30:, :, :5]"), r"training images are \(1, 6, 6\) and test images \(1, 5, 6\)"),
        (data("test_images=images()[0][:0], test_labels=images()[1][:0]"), r"test_images holds none"),
        (data("mean=(0.5,), std=(0.3,)"), r"mean 0\.5 and std 0\.3 are of images in 0\.\.1, and these are in 0\.\.255"),
        (data("", "open('nowhere')"), r"FileNotFoundError: .*nowhere.* \(own\.py:\d+\)"),
    ],
    ("data", "images_differ"): [
        (data("train_images=images()[0][:1].expand(30, -1, -1, -1)"), "the training images are all the same"),
    ],
    ("data", "labels_are_classes"): [
        (data("classes=1"), "classes is 1; there is something to learn from two on"),
        (data("train_labels=images()[1][:30] + 1"), r"train labels go from 1 to 3, and have to be in 0\.\.2"),
        (data("classes=5"), "train data have no image of class 3, 4"),
        (data("test_labels=images()[1][30:] // 2"), "test data have no image of class 2"),
    ],
    ("data", "moments_are_of_the_images"): [
        (data("mean=(2.5,), std=(0.3,)"),
         r"mean and std are 2\.5 and 0\.3, and of the training images 1\d\d.*moments\("),
        (data("std=tuple(10 * own for own in moments(images()[0][:30])[1])"),
         r"mean and std are 1\d\d\.?\d* and [678]\d\d.*, and of the training images"),
        (data("mean=(128.0, 128.0, 128.0)"), "mean has 3 values for 1 channels"),
    ],
    ("data", "is_repeatable"): [
        (data("train_images=images()[0][torch.randperm(30)]"), r"dataset\.train_images is another one"),
        (data("", "torch.manual_seed(0)\ntorch.rand(1)"), "it draws from torch's global generator"),
    ],
    ("tasks", "is_a_task"): [
        (function("tasks", ": return 3"), "it returns a int; return an object of a class of Task's"),
        (task("metrics = ()"), "metrics isn't a tuple of Metric"),
        (task("metrics = (Metric('Top-1', '', 1, 2, True),)"), "metric Top-1: use small letters"),
    ],
    ("tasks", "losses_are_of_each_example"): [
        (task("def loss(self, o, t, *, label_smoothing=0.0, reduction='mean'): return F.cross_entropy(o, t)"),
         "without reduction there isn't one of each"),
        (task("def loss(self, o, t, *, label_smoothing=0.0, reduction='mean'):\n"
              "    each = F.cross_entropy(o, t, reduction='none')\n"
              "    return each if reduction == 'none' else each.sum()"),
         "the mean is .*, and that of each"),
    ],
    ("tasks", "losses_can_be_minimised"): [
        (task("def loss(self, o, t, **k): return super().loss(o.detach(), t, **k)"), "it has no graph"),
        (task("def loss(self, o, t, **k): return super().loss(torch.cat([o[:1].detach(), o[1:]]), t, **k)"),
         "there are examples that they don't reach"),
    ],
    ("tasks", "right_answers_are_counted"): [
        (task("def right(self, o, t): return (o.argmax(-1) == t).float()"), "it isn't a tensor of booleans"),
        (task("def right(self, o, t): return (o.argmax(-1) == t).all()"), r"its shape is \(\), and that of losses"),
    ],
    ("tasks", "changes_nothing"): [
        (task("def right(self, o, t): return o.neg_().argmax(-1) == t"),
         "^outputs is changed"),
    ],
    ("tasks", "shows_an_example"): [
        (task("def example(self, shape, count=1): return torch.zeros(*shape)"),
         "leave the one"),
    ],
    ("initializers", "draws_weights"): [
        (function("initializers", "shape, g: return 3"), "it returns a int"),
        (function("initializers", "shape, g: return torch.zeros(shape).flatten()"),
         r"of shape \(30, 20\) it returns \(600,\)"),
        (function("initializers", "shape, g: return torch.zeros(shape).double()"), r"it returns torch\.float64"),
        (function("initializers", "shape, g: return torch.zeros(shape) / (shape[1] - 1)"),
         r"\(10, 1\) some weights aren't"),
        (function("initializers", "shape, g: return torch.zeros(shape, requires_grad=True)"), "it requires gradients"),
    ],
    ("initializers", "draws_from_its_generator"): [
        (function("initializers", "shape, g: return torch.randn(shape)"), "it draws from torch's global generator"),
    ],
    ("initializers", "is_repeatable"): [
        (function("initializers", "shape, g: return act(torch.ones(shape) * len(CALLS), lambda: CALLS.append(1))"),
         "the weight is another one"),
    ],
    ("penalties", "is_a_number"): [
        (function("penalties", "w, m, p: return 1.0"), "it returns a float; return a tensor"),
        (function("penalties", f"w, m, p: return ({SUM}).view(1)"), r"shape \(1,\); add it up"),
        (function("penalties", f"w, m, p: return ({SUM}).double()"), "torch.float64, and has to return torch.float32"),
        (function("penalties", f"w, m, p: return ({SUM}) / sum(k.sum() for k in m.values())"),
         "it is nan where nothing is kept"),
    ],
    ("penalties", "changes_nothing"): [
        (function("penalties", f"w, m, p: return act({SUM}, lambda: p.start['0.weight'].mul_(2))"),
         r"^past.start\['0.weight'\] is changed"),
        (function("penalties", f"w, m, p: return act({SUM}, lambda: ({SUM}).backward())"), "has gradients now"),
    ],
    ("penalties", "is_repeatable"): [
        (function("penalties", f"w, m, p: return ({SUM}) * torch.rand(())"), "the number is another one"),
    ],
    ("penalties", "has_its_gradient"): [
        (function("penalties", f"w, m, p: return ({SUM}).detach()"), "autograd doesn't know what it is computed from"),
        (function("penalties", f"w, m, p: return ({SUM}) * ({SUM}).item()"), "a step along its gradient changes it by"),
        (function("penalties", f"w, m, p: return ({SUM}).sqrt()"), "isn't finite where nothing is kept"),
    ],
    ("penalties", "leaves_out_what_is_pruned"): [
        (function("penalties", "w, m, p: return sum((w[n] - p.start[n] - 1).square().sum() for n in w)"),
         "isn't zero for .* pruned weights of 0.weight; multiply by mask"),
    ],
    ("sparse_initializers", "draws_weights"): [
        (function("sparse_initializers", "w, m, g: return w"), "it returns the very tensor"),
        (function("sparse_initializers", "w, m, g: return w * m / m.float().mean()"), r"0 of 1200 weights are kept"),
        (function("sparse_initializers", "w, m, g: return w.double() * m"), r"float64, and has to return .*float32"),
    ],
    ("sparse_initializers", "changes_nothing"): [
        (function("sparse_initializers", "w, m, g: return w.mul_(m).clone()"), "^weight is changed"),
    ],
    ("sparse_initializers", "is_repeatable"): [
        (function("sparse_initializers", "w, m, g: return torch.randn(w.shape) * m"), "the weight is another one"),
    ],
    ("sparse_initializers", "draws_what_the_mask_keeps"): [
        (function("sparse_initializers", "w, m, g: return w.clone()"),
         r"0 of 1200 weights are kept, 1200 of 1200 weights"),
    ],
    ("optimizers", "moves_weights"): [
        (optimizer("weights[i] = w - lr * factor * d"), "a weight has not moved"),
        (optimizer("pass"), "a weight has not moved; change it in place"),
        (optimizer("w.div_(0 * factor)"), "some weights aren't finite"),
        (optimizer("slots.setdefault('n', [w]); w.sub_(lr * factor * d)"),
         "slot 'n' isn't a list of one tensor for each"),
        (optimizer("slots['n'] = [1, 2]; w.sub_(lr * factor * d)"), "slot 'n' holds other things than tensors"),
    ],
    ("optimizers", "has_a_learning_rate"): [
        (optimizer("w.sub_(rate * factor * d)", "rate: float = 0.1"), "it has no option lr"),
        (optimizer("w.sub_(lr * d)"), "weights move though `factor` is 0"),
    ],
    ("optimizers", "keeps_no_state"): [
        (optimizer("CALLS.append(1); w.sub_(lr * factor * len(CALLS) * d)"), r"weights\[0\] is another one"),
        (optimizer("w.sub_(lr * factor * torch.rand(()) * d)"), r"weights\[0\] is another one"),
    ],
    ("optimizers", "is_elementwise"): [
        (optimizer("w.sub_(lr * factor * d / d.norm().clamp(min=1e-9))"),
         "two networks stacked in one tensor move otherwise"),
    ],
    ("optimizers", "leaves_zeros_alone"): [
        (optimizer("w.sub_(lr * factor * (d + 1e-3))"), "a weight of zero moves without a gradient"),
        (optimizer("slot(slots, 'm', weights)[i].add_(d + 1); w.sub_(lr * factor * d)"), "slot 'm' isn't zero where"),
    ],
    ("optimizers", "keeps_pruned_weights_at_zero"): [
        (optimizer("w.sub_(lr * factor * (d + 1e-3 * (w == 0) * d.any()))"),
         r"after step 1 pruned weights of 0\.weight"),
        (optimizer("slot(slots, 'm', weights)[i].add_(1); w.sub_(lr * factor * d)"),
         "slot 'm' isn't zero where weights are pruned"),
    ],
    ("optimizers", "takes_the_factor_as_a_tensor"): [
        (optimizer("w.sub_(lr * (factor if isinstance(factor, float) else 1.0) * d)"), "a tensor as `factor` moves"),
    ],
    ("schedules", "returns_factors"): [
        (function("schedules", "step, length, epoch: return 1 / (length - step - 1)"), "ZeroDivisionError"),
        (function("schedules", "step, length, epoch: return 1 - 2 * step / length"),
         r"at step 51 of 100 .* it is -0\.02"),
        (function("schedules", "step, length, epoch: return None"), "at step 0 of 1 .* it is a NoneType"),
    ],
    ("schedules", "draws_nothing"): [
        (function("schedules", "step, length, epoch: return random.random()"),
         "it draws from Python's global generator"),
    ],
    ("schedules", "is_a_function_of_the_step"): [
        (function("schedules", "step, length, epoch: return act(1 / (1 + len(CALLS)), lambda: CALLS.append(1))"),
         "step 0 has another factor when it comes again"),
    ],
    ("schedules", "trains"): [(function("schedules", "step, length, epoch: return 0.0"), "all 1 factors are 0")],
    ("allocation", "returns_densities"): [
        (function("allocation", "density, shapes: return 'all'"), "that of all layers is a str"),
        (function("allocation", "density, shapes: return {}"), "differ in a.weight, b.weight, output.weight"),
        (function("allocation", "density, shapes: return dict.fromkeys(shapes, 2 * density)"),
         r"that of a\.weight is 2\.0"),
        (function("allocation", "density, shapes: raise ValueError('no')"), r"it refuses 0\.01, 0\.2, 1\.0"),
    ],
    ("allocation", "changes_nothing"): [
        (function("allocation", "density, shapes: return act(density, shapes.clear)"), "`shapes` is changed"),
        (function("allocation", "density, shapes: return act(density, random.random)"), "Python's global generator"),
    ],
    ("allocation", "is_repeatable"): [
        (function("allocation", "density, shapes: return act(density / (1 + len(CALLS)), lambda: CALLS.append(1))"),
         "the second answer is another one"),
    ],
    ("allocation", "meets_the_total"): [
        (function("allocation", "density, shapes: return {n: density * (n != 'a.weight') for n in shapes}"),
         r"at density 0\.01 it keeps 0\.009905 of all weights"),
    ],
    ("topology", "returns_a_mask"): [
        (function("topology", "m: return 3"), "it returns a int"),
        (function("topology", "m: return {}"), r"it returns , and has to return a\.weight"),
        (function("topology", "m: return {n: k.float() for n, k in m.mask.items()}"),
         r"is torch\.float32; return booleans"),
        (function("topology", "m: return {n: k.flatten() for n, k in m.mask.items()}"), r"has another shape, \(288,\)"),
    ],
    ("topology", "changes_nothing"): [
        (function("topology", "m: return {n: k.logical_not_().logical_not() for n, k in m.mask.items()}"),
         r"^moment\.mask\['a\.weight'\] is changed"),
    ],
    ("topology", "is_repeatable"): [
        (function("topology", "m: return masks.shuffle(m.mask, torch.default_generator)"),
         r"mask\['a\.weight'\] is another"),
    ],
    ("topology", "keeps_the_count"): [
        (function("topology", "m: return {n: k | (w == 0) for (n, k), w in zip(m.mask.items(), m.weights.values())}"),
         r"at density 0\.0, .* weights are active where 21 were"),
        (function("topology", "m: return {n: ~k for n, k in m.mask.items()}", traits={"dense_start"}),
         "come back; prune only"),
    ],
    ("topology", "moves"): [
        (function("topology", "m: return dict(m.mask)"),
         r'at density 0\.3 the mask stays; write .*traits=\{"static"\}'),
        (function("topology", "m: return masks.shuffle(m.mask, m.generator)", traits={"static"}), "the mask moves"),
    ],
    ("latent", "is_a_rule"): [
        (function("latent", ": return 3"), "it returns a int; return an object of a class of Rule's"),
        (rule("def start(self, w, density, g): return w.flatten()"), r"start of a\.weight has shape \(288,\)"),
        (rule("def start(self, w, density, g): return w / density if density else w / 0"),
         r"start of b\.weight isn't finite"),
    ],
    ("latent", "starts_repeatably"): [
        (rule("def start(self, w, density, g): return torch.rand(w.shape)"), r"start\['a\.weight'\] is another one"),
        (rule("def fixed(self, w, density): return w.mul_(1 + density)"), r"^weight\['a\.weight'\] is changed"),
    ],
    ("latent", "fixes_weights"): [
        (rule("def fixed(self, w, density): return w.abs()"), r"fixed of a\.weight has other signs"),
        (rule("def fixed(self, w, density): return w / density ** 0.5 if density else w / 0"),
         r"fixed of b\.weight isn't finite"),
    ],
    ("latent", "masks_are_within_reach"): [
        (rule("def mask(self, latents, d, g): return {n: torch.rand(l.shape) > 0.5 for n, l in latents.items()}"),
         r"mask\['a\.weight'\] is another one"),
        (rule("def mask(self, latents, d, g): return {n: l > l.median() for n, l in list(latents.items())[:2]}"),
         r"mask has none of output\.weight"),
        (rule("def mask(self, latents, d, g): return {n: (l > 0).float() for n, l in latents.items()}"), "return bool"),
        (rule("def reach(self, latents, d, g): return {n: l > 9 for n, l in latents.items()}"),
         "are kept and out of reach"),
    ],
    ("latent", "learns_within_reach"): [
        (rule("def gradient(self, layer): return layer.gradient * layer.kept"), "zero within reach"),
        (rule("def gradient(self, layer): return layer.gradient / 0"), "isn't finite"),
        (rule("def gradient(self, layer): return act(layer.gradient + len(CALLS), lambda: CALLS.append(1))"),
         "is another one the second time"),
    ],
    ("arms", "returns_a_network"): [
        (function("arms", "t, fresh, g: return t.state"), r"it returns a dict; return Network\(state, mask\)"),
        (function("arms", "t, fresh, g: return Network({}, t.mask)"),
         r"its state and the ticket's differ in a\.bias, a\.weight"),
        (function("arms", "t, fresh, g: return Network(t.state, {n: k.float() for n, k in t.mask.items()})"),
         r"mask of a\.weight is .*float32, and has to be .*bool"),
        (function("arms", "t, fresh, g: return Network({n: w / 0 for n, w in t.state.items()}, t.mask)"),
         "isn't finite"),
    ],
    ("arms", "changes_nothing"): [
        (function("arms", "t, fresh, g: return act(t, lambda: t.state['a.bias'].zero_())"),
         r"^ticket\.state\['a\.bias'\] is changed"),
    ],
    ("arms", "is_repeatable"): [
        (function("arms", "t, fresh, g: return Network({n: torch.randn(w.shape) for n, w in t.state.items()}, t.mask)"),
         r"network\.state\['a\.weight'\] is another one"),
    ],
    ("arms", "keeps_as_many"): [
        (function("arms", "t, fresh, g: return Network(t.state, {n: ~k for n, k in t.mask.items()})"),
         "it keeps .* where the ticket"),
    ],
    ("arms", "has_a_name"): [
        (function("arms", "t, fresh, g: return t").replace("own", "own_2"), "own_2 has other characters"),
    ],
    ("trackers", "is_a_tracker"): [
        (function("trackers", "run: return object()"), "it returns a object without has, evaluated, trained, close"),
        (function("trackers", "run: import nothing_like_it"),
         r"ModuleNotFoundError: .*nothing_like_it.* \(own\.py:\d+\)"),
    ],
    ("trackers", "follows_a_study"): [
        (tracker("def has(self, key): return None"), "has returns a NoneType"),
        (tracker("def evaluated(self, found): found[0]"), "IndexError"),
        (tracker("def trained(self, key, step, results): results['accuracy']"), "KeyError"),
        (tracker("def close(self, status): 1 / (status != 'finished')"), "ZeroDivisionError"),
    ],
    ("trackers", "leaves_the_run_alone"): [
        (tracker("def close(self, status): (run.path / 'run.json').write_text(status)"), r"^run\.json is changed"),
        (tracker("def evaluated(self, found): random.random()"), "Python's global generator"),
    ],
    ("probes", "finds_something"): [
        (probe("return 3"), "^a int; it has to return a dict"),
        (probe("return {'n': object()}"), "a dict in which n is a object"),
        (probe("return {'n': {'a': {'b': {'c': {'d': 1}}}}}"), "lists or mappings in one another, deeper than 4"),
        (probe("return {'n': 10 ** 301}"), "is larger than any"),
    ],
    ("probes", "has_names"): [
        (probe("return {'step': 1}"), "it calls something step, as lines call something else"),
        (probe("return {'change': {}}"), "it calls something change"),
    ],
    ("probes", "changes_nothing"): [
        (probe("return {'n': [w.abs_().sum() for w in s.weights.values()]}"),
         r"^subject\.weights\['0\.weight'\] is changed"),
        (probe("s.template.eval()\nreturn {'n': 1}"), r"subject\.template is in evaluation mode"),
        (probe("s.template.register_forward_hook(print)\nreturn {'n': 1}"), "hooks are left on subject"),
        (probe("return {'n': random.random()}"), "it draws from Python's global generator"),
    ],
    ("probes", "is_repeatable"): [
        (probe("CALLS.append(1)\nreturn {'n': len(CALLS)}"), "n is another one the second time"),
    ],
    ("probes", "finds_of_what_is_empty"): [
        (probe("return {'n': 1} | {k: 1 for k, m in s.mask.items() if m.any()}"),
         r"0\.weight, 4\.weight isn't there each"),
        (probe("return {'n': 1 / float(sum(w.abs().sum() for w in s.weights.values()))}"), "ZeroDivisionError"),
    ],
    ("probes", "says_what_it_means"): [
        (probe("return {'n': 1}", "lambda lines: 'so'"), "it returns a str; return an Exhibit"),
        (probe("return {'n': 1}", "lambda lines: Exhibit('Own', [str(lines[0]['values']['n'])])"), "KeyError: 'n'"),
        (probe("return {'n': 1}", "lambda lines: Exhibit('Own', [])"), "it lacks a title or answers"),
    ],
    ("analyses", "finds_something"): [
        (analysis(body="return 3"), r"it returns a int; yield Piece\(of="),
        (analysis(body="yield 3"), r"it yields a int; yield Piece\(of="),
        (analysis(body="yield from ()"), "it yields nothing for a run of three levels"),
        (analysis(of="{'level': 1}"), r'two pieces are of \{"level": 1\}; tell them apart'),
        (analysis(of="{'replicate': np.int64(key.replicate)}"), r"a piece is of \[.*0.*\]; name it by plain numbers"),
        (analysis("{}"), r"nothing is found of \{'replicate': 0, .*; return name -> number"),
        (analysis("{'n': float('nan')}"), "none of what is found of .* is a finite number"),
        (analysis("3"), "what is found of .* is a int"),
        (analysis("{'n': 1, 'm': object()}"), "can't be kept: m is a object"),
        (analysis("{'n': 1e301}"), "can't be kept: what is found of .* is larger than any"),
    ],
    ("analyses", "changes_nothing"): [
        (analysis("act({'n': 1}, (t.run.path / 'own').touch)"), "of the run is changed; return what is found"),
        (analysis("act({'n': 1}, random.random)"), "it draws from Python's global generator"),
    ],
    ("analyses", "is_repeatable"): [
        (analysis("act({'n': len(CALLS)}, lambda: CALLS.append(1))"), "another is found the second time"),
    ],
    ("analyses", "finds_each_piece_by_itself"): [
        (analysis(body="for key in t.keys: yield Piece(key._asdict(), lambda: {'n': key.level})"),
         "another is found in another order; bind"),
    ],
    ("analyses", "looks_at_networks_when_asked"): [
        (analysis(body="for key in t.keys:\n    end = t.end(key)\n    yield Piece(key._asdict(), lambda: {'n': 1})"),
         "it looks at networks before a piece is asked for"),
    ],
    ("analyses", "says_what_it_means"): [
        (analysis(shown=None), r"there is none; write @register\('analyses', shown="),
        (analysis(shown="lambda lines: 'so'"), "it returns a str; return an Exhibit"),
        (analysis(shown="lambda lines: Exhibit('Own', [])"), "it lacks a title or answers"),
        (exhibit("[Map('own', 'Own', 'm', [])]"), "map own is empty"),
        (exhibit("[Map('own', 'Own', 'm', [1]), Map('own', 'Own', 'm', [1])]"), "two charts are called own, own"),
        (exhibit("[Chart('own', 'Own', 'x', 'y', [Curve('own', [1, 2], [[1]])])]"), "curve own has 2 x for 1 y"),
        (exhibit("[Chart('own', 'Own', 'x', 'y', [Curve('own', [1], [[float('nan')]])])]"),
         "chart own has a number that isn't finite"),
        (exhibit("(), Table(['a', 'b'], [['1']])"), "a row of its table isn't 2 texts"),
        (exhibit("(), Table(['a'], [[1]])"), "a row of its table isn't 1 texts"),
    ],
}  # fmt: skip
CASES = [(*place, code, found) for place, cases in BROKEN.items() for code, found in cases]
IDS = [f"{kind}-{check}" for kind, check, *_ in CASES]
NOT_TRIED = {"says_what_it_is"}
"""A function without docstring can't even be registered."""


pytestmark = pytest.mark.usefixtures("nothing_brought")


@pytest.mark.parametrize(("kind", "check", "code", "found"), CASES, ids=IDS)
def test_what_is_broken_is_found(kind, check, code, found, tmp_path):
    (tmp_path / "own.py").write_text(HEAD + code)
    plugins.load_file(tmp_path / "own.py")
    (entry,) = registry.brought()
    failures = {}
    for outcome in examine(candidate(entry, {})):
        failures[outcome.check] = outcome.failure
        if outcome.check == check:
            break
    assert failures.get(check), failures
    assert re.search(found, failures[check]), failures[check]
    assert "\n" not in failures[check]
    assert "Traceback" not in failures[check]


def test_every_check_is_tried():
    tried = {(kind, check) for kind, check in BROKEN}
    there = {
        (kind, check.__name__) for kind in registry.KINDS for check in checks(kind) if check.__name__ not in NOT_TRIED
    }
    own = {check for kind, check in tried if kind == "signature"}
    assert there == {(kind, check) for kind, check in tried if kind != "signature"} | {
        (kind, check) for kind in registry.KINDS for check in own
    }


@pytest.mark.parametrize("density", [0.0, 0.001, 1.0])
def test_ranks_are_tried_at_both_ends(density, monkeypatch, tmp_path):
    """Where masks would be wrong at one density alone, that is told."""
    (tmp_path / "own.py").write_text(HEAD + WHOLE)
    plugins.load_file(tmp_path / "own.py")
    keep_top = masks.keep_top

    def wrong(rates, asked, *given):
        kept = keep_top(rates, asked, *given)
        return {name: ~mask for name, mask in kept.items()} if asked == density else kept

    monkeypatch.setattr(masks, "keep_top", wrong)
    (failure,) = [one.failure for one in examine(candidate(*registry.brought(), {})) if one.check == "ranks_exactly"]
    assert re.match(rf"at density {re.escape(str(density))}, \d+ weights are kept in place of \d+$", str(failure))


def test_what_is_no_number_equals_its_like_alone():
    first, second = torch.tensor([torch.nan, 1.0]), torch.tensor([0.0, 1.0])
    assert same(first, first.clone())
    assert not same(first, second)
    assert not same(second, first)


WHOLE = function("scores", f"s, g, *, power: float = 1.0:\nreturn {EACH % 'w ** power'}")


def test_what_holds_is_counted_and_listed_if_asked(lottery, tmp_path):
    (tmp_path / "own.py").write_text(HEAD + WHOLE)
    said = lottery("check", "own.py")
    assert (said.code, said.err) == (0, "")
    number = len(checks("scores"))
    assert said.out == f"scores.own: An entry.\n  ok      {number} checks\nchecks: {number} passed\n"
    listed = lottery("check", "own.py", "--all").out
    assert listed.count("  ok   ") == number
    assert (
        "  ok      A score changes nothing that it is given, and leaves the global random state as it is.\n" in listed
    )


def test_what_fails_is_shown_with_the_demand_and_the_remedy(lottery, tmp_path):
    (tmp_path / "own.py").write_text(HEAD + score(f"print('own words')\nreturn {EACH % 'w.abs_()'}"))
    said = lottery("check", "own.py")
    assert said.code == 1
    demand, found, *_ = said.out.partition("  FAILED  ")[2].splitlines()
    assert demand == "A score changes nothing that it is given, and leaves the global random state as it is."
    assert found == f"{'':10}subject.weights['0.weight'] is changed; return new tensors, and change none in place"
    assert said.err.endswith(f"own words\nfailed: 1 of {len(checks('scores'))} checks\n")
    assert "own words" not in said.out


def test_where_nothing_can_be_called_the_rest_is_left_out(lottery, tmp_path):
    (tmp_path / "own.py").write_text(HEAD + score("return 1 / 0"))
    said = lottery("check", "own.py")
    line = 1 + (tmp_path / "own.py").read_text().splitlines().index("    return 1 / 0")
    assert f"          ZeroDivisionError: division by zero (own.py:{line})\n" in said.out
    assert "the other 6 checks build on this one, and were left out" in said.out
    assert "Traceback" not in said.out + said.err


def test_options_without_default_are_asked_for(lottery, tmp_path):
    (tmp_path / "own.py").write_text(
        HEAD + function("data", "*, root: str, size: int = 6:\nopen(root).close()\nreturn whole()")
    )
    said = lottery("check", "own.py")
    assert said.code == 0
    assert "not checked: an option has no default; add --set data.own.root=...\n" in said.out
    assert said.out.endswith("entries not checked: 1\n")
    assert "FileNotFoundError" in lottery("check", "own.py", "--set", "data.own.root=nowhere").out
    assert lottery("check", "own.py", "--set", "data.own.root=own.py").out.endswith("passed\n")
    refused = lottery("check", "own.py", "--set", "data.own.size=x")  # which no further option would mend
    assert (refused.code, refused.out) == (2, "")


def test_what_a_file_imports_is_checked_with_it(lottery, tmp_path):
    (tmp_path / "beside.py").write_text(HEAD + WHOLE)
    (tmp_path / "own.py").write_text("import beside\n")
    said = lottery("check", "own.py")
    assert (said.code, said.err) == (0, "")
    assert said.out.startswith("scores.own: An entry.\n")


def test_models_are_tried_with_images_of_a_size_that_is_named(lottery, tmp_path):
    (tmp_path / "own.py").write_text(HEAD + net(make="N((1, 12, 12), classes)"))
    assert lottery("check", "own.py").code == 1
    said = lottery("check", "own.py", "--shape", "1x12x12")
    assert said.code == 0
    assert "takes images of 1x12x12\n" in said.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nowhere.py"], "nowhere.py: can't be read"),
        (["empty.py"], r"empty.py registers nothing; write @lottery\.register"),
        (["own.py", "--set", "scores.won.power=2"], r"write KIND\.NAME\.OPTION=VALUE, of scores\.own \(did you mean"),
        (["own.py", "--set", "scores.own.pow=2"], r"--set scores\.own\.pow: it has no such option; there are: power"),
        (["own.py", "--set", "scores.own.power=x"], r"--set scores\.own\.power: input should be a valid number"),
        (["own.py", "--set", "scores.own.power=["], "the value is not valid YAML"),
        (["own.py", "--shape", "28x28"], "--shape 28x28: write channels, height and width, such as 3x32x32"),
    ],
)
def test_what_can_not_be_checked_is_said_in_one_line(arguments, words, lottery, tmp_path):
    (tmp_path / "own.py").write_text(HEAD + WHOLE)
    (tmp_path / "empty.py").write_text("")
    said = lottery("check", *arguments)
    assert (said.code, said.out) == (2, "")
    assert re.search(words, said.err), said.err
    assert said.err.count("\n") == 1


def test_an_entry_without_docstring_is_told_so():
    entry = registry.Entry("arms", "silent", lambda ticket, fresh, generator: ticket, {}, {})
    said = {outcome.check: outcome.failure for outcome in examine(candidate(entry, {}))}
    assert said["says_what_it_is"] == "it has no docstring; `lottery methods` shows the first line"
    assert sum(failure is not None for failure in said.values()) == 1


def test_the_line_of_a_class_is_found(lottery, tmp_path):
    """As that of a function is."""
    own = f'{HEAD}\n@lottery.register("models")\nclass own(Net):\n    "A class."\n    def forward(self, x): 1 / 0\n'
    (tmp_path / "own.py").write_text(own)
    line = len(own.splitlines())
    assert f"ZeroDivisionError: division by zero (own.py:{line})" in lottery("check", "own.py").out
