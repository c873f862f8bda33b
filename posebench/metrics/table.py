"""The metrics by name: what a scoring rule refers to."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from posebench.metrics.alignment import n_mpjpe, p_mpjpe
from posebench.metrics.motion import acceleration_error, velocity_error
from posebench.metrics.position import auc, mpjpe, pck


@dataclass(frozen=True)
class Metric:
    """A metric of single poses or of motion.

    `values` maps predicted and true poses (frames, joints, 3) to one number a
    frame, or fewer for differences. `joints` says whether the rule's own joint
    set or its PCK joints are taken. `per_second` is the power of the frame rate
    that turns per-frame units into per-second units.
    """

    name: str
    title: str
    unit: str
    values: Callable[[Tensor, Tensor], Tensor]
    joints: str = "all"
    per_second: int = 0
    lower_is_better: bool = True


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("mpjpe", "MPJPE", "mm", mpjpe),
        Metric("p_mpjpe", "P-MPJPE", "mm", p_mpjpe),
        Metric("n_mpjpe", "N-MPJPE", "mm", n_mpjpe),
        Metric("mpjve", "MPJVE", "mm/frame", velocity_error),
        Metric("accel", "Accel", "mm/frame²", acceleration_error),
        Metric("mpjve_s", "MPJVE/s", "mm/s", velocity_error, per_second=1),
        Metric("accel_s", "Accel/s²", "mm/s²", acceleration_error, per_second=2),
        Metric("pck150", "PCK@150", "%", pck, joints="pck", lower_is_better=False),
        Metric("auc", "AUC", "%", auc, joints="pck", lower_is_better=False),
    )
}
