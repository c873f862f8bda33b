"""What a lifter returned for the windows of one sequence, copied batch by batch into tensors of the whole sequence."""

import torch
from torch import Tensor

from posebench.errors import LifterContractError
from posebench.prediction.lifter import Lifted


class SequenceOutputs:
    """Outputs of `windows` windows of `rows` frames each, laid end to end on the device that they are computed on.

    `poses` is (windows * rows, hypotheses, joints, 3), `root` (windows * rows, 3) or (windows * rows, hypotheses, 3),
    `weight` (windows * rows, hypotheses) and `lens` (9,); all but the poses None of a lifter that returns none. They are
    copies: a lifter may use its own memory again.
    """

    def __init__(self, name: str, windows: int, rows: int) -> None:
        self._name, self._windows, self._rows = name, windows, rows
        self._whole: dict[str, Tensor] = {}
        self.lens: Tensor | None = None

    def add(self, first: int, real: int, lifted: Lifted) -> None:
        """Take the first `real` windows of a batch, which begins at window `first`.

        Raises `LifterContractError` when a root, weights or lens have another shape than their poses promise, or a
        later batch has other outputs, or another lens, than the first.
        """
        given = self._checked(lifted)
        if not self._whole:
            self._whole = {name: values.new_empty((self._windows, *values.shape[1:])) for name, values in given.items()}
            self.lens = None if lifted.lens is None else lifted.lens.clone()
        outputs, before = (
            {name: tuple(values.shape[1:]) for name, values in some.items()} for some in (given, self._whole)
        )
        if outputs != before:
            raise LifterContractError(
                f"{self._name} returned outputs {outputs} for one batch and {before} for the batches before."
            )
        if not _same(lifted.lens, self.lens):
            raise LifterContractError(
                f"{self._name} returned another lens than for the batches before; a sequence is seen by one camera."
            )
        for name, values in given.items():
            self._whole[name][first : first + real] = values[:real]

    def _checked(self, lifted: Lifted) -> dict[str, Tensor]:
        """What is kept of every row, the rows before the hypotheses."""
        batch, hypotheses = lifted.poses.shape[:2]
        promised: dict[str, tuple[tuple[int, ...], ...]] = {
            "root": ((batch, self._rows, 3), (batch, hypotheses, self._rows, 3)),
            "weight": ((batch, hypotheses, self._rows),),
            "lens": ((9,),),
        }
        given = {"poses": lifted.poses.transpose(1, 2)}
        for name, values in (("root", lifted.root), ("weight", lifted.weight), ("lens", lifted.lens)):
            if values is None:
                continue
            if tuple(values.shape) not in promised[name]:
                raise LifterContractError(
                    f"{self._name} returned a {name} of shape {tuple(values.shape)}; its poses promise "
                    f"{' or '.join(map(str, promised[name]))}."
                )
            if name != "lens":
                given[name] = values if name == "root" and values.ndim == 3 else values.transpose(1, 2)
        return given

    @property
    def poses(self) -> Tensor:
        """See the class."""
        return self._whole["poses"].flatten(0, 1)

    @property
    def root(self) -> Tensor | None:
        """See the class."""
        return self._whole["root"].flatten(0, 1) if "root" in self._whole else None

    @property
    def weight(self) -> Tensor | None:
        """See the class."""
        return self._whole["weight"].flatten(0, 1) if "weight" in self._whole else None


def _same(lens: Tensor | None, other: Tensor | None) -> bool:
    if lens is None or other is None:
        return lens is other
    # NaN is told later, by the name of the sequence.
    return torch.allclose(lens, other, rtol=0.0, atol=0.0, equal_nan=True)
