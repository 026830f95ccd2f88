"""Retrain a mask of a finished run from other weights: the controls that tell what makes a ticket."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple, Self

from lottery.arms import EARLY
from lottery.config.schema import Config
from lottery.errors import LotteryError
from lottery.networks import masks
from lottery.networks.key import Key
from lottery.networks.masks import Mask
from lottery.networks.network import Network, State
from lottery.store.reader import Reader
from lottery.store.run import Run
from lottery.studies.asked import Asked
from lottery.studies.copies import retraining
from lottery.studies.layout import Layout, kept_layout
from lottery.studies.other_masks import other_mask
from lottery.studies.plan import Level
from lottery.studies.same_data import refuse_other_data
from lottery.studies.setting import Setting
from lottery.studies.starts import check_parent, is_kept, parent_of, weights_of
from lottery.studies.study import Study
from lottery.training.recipe import Member


class Start(NamedTuple):
    """What a replicate's retraining starts from."""

    mask: Mask
    states: list[State]
    """Weights and buffers; none where they are the dense network's at a step that the parent run didn't keep."""


class Rewind(Study):
    """Retraining of one level of a parent run.

    Where the dense networks weren't kept at the step to rewind to, they are trained up to there first, as the parent
    run trained them: training repeats exactly.
    """

    name = "rewind"

    def __init__(self, setting: Setting, asked: Asked, density: float, untrained: Sequence[int]) -> None:
        """Plan the level that is trained once more, and before it the dense networks that have to be.

        Args:
            setting: of the parent's config, as `retraining` makes it.
            asked: what to retrain.
            density: of the masks.
            untrained: replicates whose dense networks are trained up to the step to rewind to first.
        """
        usual = setting.recipe
        early = tuple(Member(Key(replicate, 0, EARLY), replace(usual, stop=asked.to)) for replicate in untrained)
        again = tuple(
            Member(setting.main(replicate, asked.level)._replace(order=order), replace(usual, start=asked.to))
            for order in range(setting.config.orders)
            for replicate in range(setting.config.replicates)
        )
        apart = [Level(0, 1.0, early), Level(asked.level, density, again)]
        together = [Level(0, density, early + again)]
        super().__init__(setting, [level for level in (apart if asked.level else together) if level.members])
        self._asked, self._early = asked, frozenset(untrained)
        self.starts: list[Start] = []
        """Each replicate's, from when they are read until they are kept in a run."""

    @classmethod
    def of_parent(cls, parent: Reader, setting: Setting, asked: Asked) -> Self:
        """Return the study that retrains networks of a parent run.

        Raises:
            LotteryError: the parent lacks the level, or was made of other data, or the step lies outside training.
        """
        refuse_other_data(parent, setting.config.data, setting.about_data)
        check_parent(parent, setting, asked)
        replicates = range(setting.config.replicates)
        mask = parent.read_mask(
            setting.main(0, asked.level), setting.like.mask
        )  # all that may be asked for keep as many
        return cls(setting, asked, masks.density(mask), [] if is_kept(parent, setting, asked) else replicates)

    @classmethod
    def of_run(cls, run: Reader, setting: Setting) -> Self:
        """Return the study of a run that was made by `lottery rewind`; where it lacks something, its parent is read.

        Raises:
            LotteryError: `run.json` asks for what can't be; or the parent isn't there any more, or can't be read.
        """
        asked = Asked(**run.record["rewind"])
        config = setting.config
        last = len(config.sparse.densities) if config.sparse else config.pruning.iterations
        if asked.level > last or asked.to >= setting.length or retraining(config, draws=asked.draws) != config:
            raise LotteryError(
                f"{run.path / 'run.json'}: rewind: level {asked.level} from {asked.to}it is none of what config.yaml "
                "says; make the run anew with `lottery rewind`"
            )
        keys = [setting.main(replicate, asked.level) for replicate in range(config.replicates)]
        if all(run.has_mask(key) for key in keys):
            from_dense = keys if asked.weights == "rewind" and asked.to else []
            untrained = [key.replicate for key in from_dense if not run.has_state(key, asked.to)]
            return cls(setting, asked, masks.density(run.read_mask(keys[0], setting.like.mask)), untrained)
        with parent_of(run) as parent:
            study = cls.of_parent(parent, setting, asked)
            study.read(parent)
        return study

    def read(self, parent: Reader) -> None:
        """See `Study`."""
        setting, asked = self.setting, self._asked
        for replicate in range(setting.config.replicates):
            key = setting.main(replicate, asked.level)
            ticket = parent.read_mask(key, setting.like.mask)
            mask = ticket if asked.mask == "keep" else other_mask(parent, setting, key, ticket, asked.mask)
            states = [] if replicate in self._early else weights_of(parent, setting, asked, key)
            self.starts.append(Start(mask, states))

    def lay_down(self, run: Run) -> None:
        """See `Study`; from then on the parent isn't needed. Masks come last: there, they mean that all is."""
        for replicate, (mask, states) in enumerate(self.starts):
            key = self.setting.main(replicate, self._asked.level)
            if not run.has_mask(key):
                for draw, state in enumerate(states):
                    run.write_state(key._replace(order=draw), self._asked.to, state)
                run.write_mask(key, mask)
        self.starts.clear()

    def network(self, run: Reader, member: Member) -> Network:
        """See `Study`."""
        key, like = member.key, self.setting.like
        if key.arm == EARLY:
            return self.setting.dense(self.setting.initial(key.replicate))
        mask = run.read_mask(key._replace(order=0), like.mask)
        before, drawn = self.source(key), key._replace(order=key.order % self._asked.draws)
        state = run.read_weights(before, like.state) if before else run.read_state(drawn, self._asked.to, like.state)
        return Network(state, mask)

    def source(self, key: Key) -> Key | None:
        """See `Study`."""
        return Key(key.replicate, 0, EARLY) if key.arm != EARLY and key.replicate in self._early else None

    @staticmethod
    def rounds_before(config: Config, level: int) -> None:
        """See `Study`."""

    def parent_layout(self, parent: Reader) -> tuple[Layout, str] | None:
        """Return the parent's layout, and why it is chosen, where dense training is repeated; None elsewhere.

        Other chunks or threads could give other bytes than the dense networks had that the tickets come from.
        """
        layout = kept_layout(parent.record, self.setting)
        if not self._early or layout is None:
            return None
        return layout, "as in the parent run, whose dense training is repeated"
