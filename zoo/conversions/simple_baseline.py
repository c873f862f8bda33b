"""Checkpoints of weigq/3d_pose_baseline_pytorch, with the mean and deviation that stand in files beside them."""

from collections.abc import Mapping
from typing import Any

from posebench.conversion.rules import Conversion, Rule, Shapes
from posebench.errors import WeightsError

#: Our 17 joints among the 32 that Human3.6M's own files have, over all of which the public statistics go.
JOINTS_OF_32 = (0, 1, 2, 3, 6, 7, 8, 12, 13, 14, 15, 17, 18, 19, 25, 26, 27)
#: The network sees all but Neck/Nose and places all but Hip (Martinez et al. 2017).
SEEN = tuple(joint for place, joint in enumerate(JOINTS_OF_32) if place != 9)
PLACED = JOINTS_OF_32[1:]

ARGUMENTS = {"linear_size": "linear_size", "num_stage": "num_stage", "p_dropout": "dropout"}

_PARAMETERS = r"(?:weight|bias|running_mean|running_var|num_batches_tracked)"


def infer(shapes: Shapes) -> dict[str, Any]:
    """Everything."""
    return {
        "linear_size": shapes["w1.weight"][0],
        "num_stage": sum(key.startswith("linear_stages.") and key.endswith(".w1.weight") for key in shapes),
    }


def translate(public: Mapping[str, Any]) -> dict[str, Any]:
    """From the names of the public constructor."""
    return {ours: public[name] for name, ours in ARGUMENTS.items() if name in public}


def fill(values: Mapping[str, Any]) -> dict[str, Any]:
    """Mean and deviation of pixels or of mm, as told by how many there are.

    The author's `stat_3d.pth.tar` and `stat_2d.pth.tar` hold `mean` and `std` over 32 joints, and `dim_use`, the
    coordinates that the network has; an npz of a user's own may hold both under `mean_2d`, `std_2d`, `mean_3d`, `std_3d`.
    """
    found: dict[str, Any] = {}
    for suffix, name in (("", "dim_use"), ("_2d", "dim_use_2d"), ("_3d", "dim_use_3d")):
        if f"mean{suffix}" in values and f"std{suffix}" in values:
            kind, mean, deviation = _select(values[f"mean{suffix}"], values[f"std{suffix}"], values.get(name))
            found[f"mean_{kind}"], found[f"deviation_{kind}"] = mean, deviation
    if not found:
        raise WeightsError("it holds neither mean and std nor mean_2d, std_2d, mean_3d and std_3d.")
    return found


def _select(mean: Any, deviation: Any, used: Any) -> tuple[str, Any, Any]:
    """`2d` or `3d`, mean and deviation (16, 2) or (16, 3) of the joints that the network has."""
    import numpy as np

    mean, deviation = np.asarray(mean, dtype=float).ravel(), np.asarray(deviation, dtype=float).ravel()
    for kind, size, joints in (("2d", 2, SEEN), ("3d", 3, PLACED)):
        place = (size * np.array(joints)[:, None] + np.arange(size)).ravel()
        if len(mean) == len(deviation) == 32 * size:
            if used is not None and sorted(np.asarray(used).ravel().tolist()) != place.tolist():
                raise WeightsError(
                    f"its coordinates in use are not those of the joints that this network has in {kind}."
                )
            return kind, mean[place].reshape(-1, size), deviation[place].reshape(-1, size)
        if len(mean) == len(deviation) == len(place):
            return kind, mean.reshape(-1, size), deviation.reshape(-1, size)
    raise WeightsError(
        f"it has {len(mean)} means and {len(deviation)} deviations, not 2 or 3 for each of 32 or 16 joints."
    )


def run(module: Any, arrays: Mapping[str, Any]) -> Any:
    """The bare network on standardised (batch, 32): standardised (batch, 48)."""
    import torch

    return module.network(torch.from_numpy(arrays["keypoints_2d"]))


CONVERSION = Conversion(
    architecture="simple_baseline",
    repository="weigq/3d_pose_baseline_pytorch",
    licence="MIT",
    parity=("simple_baseline",),
    rules=(
        Rule(rf"((?:w1|w2|batch_norm1)\.{_PARAMETERS})", r"network.\1"),
        Rule(rf"(linear_stages\.\d+\.(?:w1|w2|batch_norm1|batch_norm2)\.{_PARAMETERS})", r"network.\1"),
    ),
    infer=infer,
    translate=translate,
    run=run,
    statistics=("mean_2d", "deviation_2d", "mean_3d", "deviation_3d"),
    fill=fill,
)
