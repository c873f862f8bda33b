"""Another lifter's pose with Gaussian noise around it, as hypotheses: what spread alone is worth.

Many hypotheses about any point come near the truth by chance. A lifter that says where else a person may be has to be
better than this one of the same spread.
"""

import math
from typing import Any

from torch import Tensor, nn

from posebench.errors import LifterContractError, UsageError
from posebench.prediction.flip import averaged, doubled
from posebench.prediction.lifter import LifterInputs
from posebench.registry.decorators import LIFTERS
from posebench.skeletons import SKELETONS
from zoo.blocks.sizes import check_counts, check_positive, check_switches
from zoo.specs import with_noise as specs


class WithNoise(nn.Module):
    """The lifter `of`, built as `lifter` says; its weights are this one's, key for key.

    `spread_mm`
        Standard deviation of each joint about the other lifter's, in all directions together (`metrics.calibration.spread`);
        the same for every joint but the root, which stays the origin.
    `hypotheses`
        How many poses are drawn.
    `steps`
        1: they are drawn at once.
    `flip`
        Whether the pose is the mean with that of the mirror image, as a run's own flip makes it.

    Raises `UsageError` for values that cannot be.
    """

    def __init__(
        self,
        of: str,
        lifter: dict[str, Any],
        spread_mm: float,
        hypotheses: int = 200,
        steps: int = 1,
        flip: bool = False,
    ) -> None:
        super().__init__()
        check_counts(hypotheses=hypotheses)
        check_positive(spread_mm=spread_mm)
        check_switches(flip=flip)
        if steps != 1:
            raise UsageError(f"steps is {steps!r}; with_noise draws its poses at once, so leave steps away.")
        self.spec = specs.spec({"of": of, "lifter": lifter, "flip": flip})
        self.lifter: nn.Module = LIFTERS.get(of).factory(**lifter)
        self.of, self.hypotheses, self.flip = of, hypotheses, flip
        self.deviation = spread_mm / math.sqrt(3.0)
        self.joints = SKELETONS[self.spec.skeleton]

    def state_dict(self, *arguments: Any, **settings: Any) -> Any:
        """That of the lifter inside."""
        return self.lifter.state_dict(*arguments, **settings)

    def load_state_dict(self, *arguments: Any, **settings: Any) -> Any:
        """Into the lifter inside."""
        return self.lifter.load_state_dict(*arguments, **settings)

    def lift(self, inputs: LifterInputs) -> Tensor:
        """(batch, hypotheses, rows, joints, 3), root-relative camera mm."""
        mirrored = self.joints.mirrored
        poses = averaged(self.poses(doubled(inputs, mirrored)), mirrored) if self.flip else self.poses(inputs)
        noise = inputs.noise(self.hypotheses, *poses.shape[1:]) * self.deviation
        noise[..., self.joints.root, :] = 0.0
        return poses.float()[:, None] + noise

    def poses(self, inputs: LifterInputs) -> Tensor:
        """(batch, rows, joints, 3) of the lifter inside."""
        poses = self.lifter.lift(inputs)  # type: ignore[operator]  # of a lifter
        if not isinstance(poses, Tensor) or poses.ndim != 4:
            raise LifterContractError(f"with_noise needs one pose a frame, and {self.of} returned something else.")
        return poses
