"""A network of sequences: tokens are looked up, convolved in one dimension, and read by a recurrent layer."""

from torch import Tensor, nn


class _Sequence(nn.Module):
    def __init__(self, classes: int, tokens: int = 12, width: int = 8) -> None:
        super().__init__()
        self.embedding = nn.Embedding(tokens, width)
        self.conv = nn.Conv1d(width, width, 3, padding=1)
        self.up = nn.ConvTranspose1d(width, 6, 2, stride=2)
        self.recurrent = nn.GRU(6, 10, batch_first=True)
        self.output = nn.Linear(10, classes)
        self.decoder = nn.Linear(width, tokens)
        self.decoder.weight = self.embedding.weight  # tied, as in language models

    def forward(self, images: Tensor) -> Tensor:
        tokens = (images.flatten(1) * 3 + 6).long().clamp(0, self.embedding.num_embeddings - 1)
        x = self.embedding(tokens)
        x = x + self.decoder(x).softmax(-1) @ self.embedding.weight
        x = self.up(self.conv(x.transpose(1, 2)).relu()).transpose(1, 2)
        return self.output(self.recurrent(x[:, ::16])[0].mean(1))


def sequence(shape: tuple[int, int, int], classes: int) -> nn.Module:
    """Pixels as tokens."""
    return _Sequence(classes)
