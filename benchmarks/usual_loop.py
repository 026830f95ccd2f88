"""A whole study against the usual loop, start-up included: LeNet-300-100 on MNIST, batch 128, SGD 0.1, three levels of
three epochs, test evaluation each epoch; one replicate and five. Each is a process of its own, run in alternation.

    python benchmarks/usual_loop.py DATA_ROOT [ROUNDS [REPLICATES ...]]

The usual loop is careful but ordinary: torchvision's data set with transforms, DataLoader, torch.optim, masks by
torch.nn.utils.prune, one network after the other.
"""

import copy
import subprocess
import sys
import tempfile
from pathlib import Path


def usual(root: str, replicates: int) -> None:
    """The study as a user would write it."""
    import torch
    from torch import nn
    from torch.nn import functional as F
    from torch.nn.utils import prune
    from torch.utils.data import DataLoader
    from torchvision import datasets, transforms

    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.1307,), (0.3081,))])
    train_set = datasets.MNIST(root, train=True, transform=transform)
    test_set = datasets.MNIST(root, train=False, transform=transform)
    for replicate in range(replicates):
        torch.manual_seed(replicate)
        train_loader = DataLoader(train_set, batch_size=128, shuffle=True, drop_last=True)
        test_loader = DataLoader(test_set, batch_size=1000)
        model = nn.Sequential(
            nn.Flatten(), nn.Linear(784, 300), nn.ReLU(), nn.Linear(300, 100), nn.ReLU(), nn.Linear(100, 10)
        )
        layers = [module for module in model if isinstance(module, nn.Linear)]
        initial = [copy.deepcopy(layer.weight.data) for layer in layers]
        biases = [copy.deepcopy(layer.bias.data) for layer in layers]
        for level in range(3):
            if level:
                for layer, weight, bias in zip(layers, initial, biases, strict=True):
                    prune.l1_unstructured(layer, "weight", amount=0.2)
                    layer.weight_orig.data.copy_(weight)
                    layer.bias.data.copy_(bias)
            optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
            for _ in range(3):
                model.train()
                for images, labels in train_loader:
                    optimizer.zero_grad()
                    loss = F.cross_entropy(model(images), labels)
                    loss.backward()
                    optimizer.step()
                model.eval()
                correct = 0
                with torch.no_grad():
                    for images, labels in test_loader:
                        correct += (model(images).argmax(1) == labels).sum().item()
            print(f"replicate {replicate} level {level}: {correct / len(test_set):.4f}")
            torch.save(model.state_dict(), Path(tempfile.gettempdir()) / "usual.pt")


CONFIG = """
name: benchmark
data: {{name: mnist, root: {root}, validation: 0}}
model: lenet_300_100
train: {{length: 3ep, batch_size: 128, optimizer: {{name: sgd, lr: 0.1}}, evaluate_every: 1ep}}
pruning: {{allocation: uniform, fraction: 0.2, iterations: 2}}
device: cpu
"""


def main() -> None:
    from timing import alternate, show

    root, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else 5
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "benchmark.yaml"
        config.write_text(CONFIG.format(root=root))

        def call(*command: str) -> None:
            subprocess.run([sys.executable, *command], check=True, capture_output=True, cwd=folder)

        for replicates in map(int, sys.argv[3:] or ("1", "5")):
            ours = ("-c", "from lottery.cli import main; main()", "prune", str(config), "--replicates", str(replicates))
            theirs = (str(Path(__file__).resolve()), "--usual", root, str(replicates))
            tasks = {"usual": lambda c=theirs: call(*c), "lottery": lambda c=ours: call(*c)}
            seconds = alternate(tasks, rounds, warm=False)
            rows.append({"replicates": replicates, "usual loop s": seconds["usual"], "lottery s": seconds["lottery"],
                         "times as fast": seconds["usual"] / seconds["lottery"]})  # fmt: skip
    show("A whole study, start-up and files included", rows, "usual_loop")


if __name__ == "__main__":
    if sys.argv[1] == "--usual":
        usual(sys.argv[2], int(sys.argv[3]))
    else:
        main()
