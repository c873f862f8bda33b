"""What a lifter returned for the windows of one sequence, copied batch by batch into tensors of the whole sequence."""

from torch import Tensor

from posebench.errors import LifterContractError
from posebench.prediction.lifter import Lifted


class SequenceOutputs:
    """Outputs of `windows` windows of `rows` frames each, laid end to end on the device that they are computed on.

    `poses` is (windows * rows, hypotheses, joints, 3), `root` (windows * rows, 3) and `weight` (windows * rows,
    hypotheses); the last two None of a lifter that returns none. They are copies: a lifter may use its own memory again.
    """

    def __init__(self, name: str, windows: int, rows: int) -> None:
        self._name, self._windows, self._rows = name, windows, rows
        self._whole: dict[str, Tensor] = {}

    def add(self, first: int, real: int, lifted: Lifted) -> None:
        """Take the first `real` windows of a batch, which begins at window `first`.

        Raises `LifterContractError` when a root or weights have another shape than their poses, or a later batch
        has other outputs than the first.
        """
        batch, hypotheses = lifted.poses.shape[:2]
        shapes = {"root": (batch, self._rows, 3), "weight": (batch, hypotheses, self._rows)}
        given = {"poses": lifted.poses.transpose(1, 2)}
        for name, values in (("root", lifted.root), ("weight", lifted.weight)):
            if values is None:
                continue
            if values.shape != shapes[name]:
                raise LifterContractError(
                    f"{self._name} returned a {name} of shape {tuple(values.shape)}; its poses promise {shapes[name]}."
                )
            given[name] = values if name == "root" else values.transpose(1, 2)
        if not self._whole:
            self._whole = {name: values.new_empty((self._windows, *values.shape[1:])) for name, values in given.items()}
        outputs, before = (
            {name: tuple(values.shape[1:]) for name, values in some.items()} for some in (given, self._whole)
        )
        if outputs != before:
            raise LifterContractError(
                f"{self._name} returned outputs {outputs} for one batch and {before} for the batches before."
            )
        for name, values in given.items():
            self._whole[name][first : first + real] = values[:real]

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
