"""The metrics by name: what a scoring rule refers to."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

from posebench.metrics.absolute import absolute_mpjpe
from posebench.metrics.alignment import n_mpjpe, p_mpjpe, p_mpjpe_with_reflections
from posebench.metrics.motion import acceleration_error, jitter, velocity_error
from posebench.metrics.position import depth_error, mpjpe
from posebench.metrics.threedpw import challenge_auc, challenge_pck
from posebench.metrics.thresholds import MPI3DHP_GROUPS, auc, auc_continuous, auc_without_zero, pck, pck_inclusive


@dataclass(frozen=True)
class Metric:
    """A metric of single poses or of motion.

    `values` maps predicted and true poses (frames, joints, 3) to one number a
    frame, or fewer for differences. `joints` says whether the rule's own joint
    set, its PCK joints, the root alone or a `group:` of MPI-INF-3DHP's are taken. `per_second` is the power of the frame rate
    that turns per-frame units into per-second units. `absolute` metrics compare
    camera-space poses, of lifters that estimate the root.
    """

    name: str
    title: str
    unit: str
    values: Callable[[Tensor, Tensor], Tensor]
    joints: str = "all"
    per_second: int = 0
    lower_is_better: bool = True
    absolute: bool = False

    @property
    def shown(self) -> bool:
        """Whether it has a column of its own in tables; the others stand in records and JSON."""
        return self.per_second == 0 and not self.joints.startswith("group:")


def _jitter(predicted: Tensor, truth: Tensor) -> Tensor:
    return jitter(predicted)


#: The official evaluation of MPI-INF-3DHP prints PCK and AUC by groups of joints.
GROUP_METRICS = tuple(
    Metric(f"{name}_{group.lower()}", f"{title} {group}", "%", values, joints=f"group:{group}", lower_is_better=False)
    for name, title, values in (("pck150", "PCK@150", pck), ("auc", "AUC", auc))
    for group in MPI3DHP_GROUPS
)

METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("mpjpe", "MPJPE", "mm", mpjpe),
        Metric("p_mpjpe", "P-MPJPE", "mm", p_mpjpe),
        Metric("p_mpjpe_reflected", "P-MPJPE (reflections)", "mm", p_mpjpe_with_reflections),
        Metric("n_mpjpe", "N-MPJPE", "mm", n_mpjpe),
        Metric("depth", "depth error", "mm", depth_error),
        Metric("mpjve", "MPJVE", "mm/frame", velocity_error),
        Metric("accel", "Accel", "mm/frame²", acceleration_error),
        Metric("jitter", "jitter", "mm/frame³", _jitter),
        Metric("mpjve_s", "MPJVE/s", "mm/s", velocity_error, per_second=1),
        Metric("accel_s", "Accel/s²", "mm/s²", acceleration_error, per_second=2),
        Metric("jitter_s", "jitter/s³", "mm/s³", _jitter, per_second=3),
        Metric("mrpe", "MRPE", "mm", mpjpe, joints="root", absolute=True),
        Metric("mpjpe_abs", "absolute MPJPE", "mm", absolute_mpjpe, absolute=True),
        Metric("pck150", "PCK@150", "%", pck, joints="pck", lower_is_better=False),
        Metric("pck150_inclusive", "PCK@150 (<=)", "%", pck_inclusive, joints="pck", lower_is_better=False),
        Metric("auc", "AUC", "%", auc, joints="pck", lower_is_better=False),
        Metric("auc30", "AUC (30 thresholds)", "%", auc_without_zero, joints="pck", lower_is_better=False),
        Metric("pck50_inclusive", "PCK@50 (<=)", "%", challenge_pck, joints="pck", lower_is_better=False),
        Metric("auc_3dpw", "AUC (0 to 199 mm)", "%", challenge_auc, joints="pck", lower_is_better=False),
        Metric("auc_continuous", "AUC (continuous)", "%", auc_continuous, joints="pck", lower_is_better=False),
        *GROUP_METRICS,
    )
}
