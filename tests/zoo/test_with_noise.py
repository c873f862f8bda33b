"""The baseline of hypotheses: as much noise as it says about the very pose of the other lifter, and nothing else."""

from dataclasses import replace

import pytest
import torch
from small_lifters import TRANSFORMER, noise_streams, person

from posebench.errors import UsageError
from posebench.metrics.calibration import joint_spread
from posebench.prediction.create import load_lifter
from posebench.prediction.predict_sequence import lift
from posebench.skeletons import HUMAN36M_17

SMALL = {"of": "mixste", "lifter": TRANSFORMER}


def test_the_noise_lies_about_the_pose_of_the_lifter_with_its_published_weights() -> None:
    inside, noisy = load_lifter("videopose3d.open"), load_lifter("with_noise.videopose3d")
    assert noisy.weights is not None
    assert inside.weights is not None
    assert noisy.weights.sha256 == inside.weights.sha256
    assert {**noisy.config["lifter"]} == inside.config
    inputs = person(inside.spec)
    with torch.inference_mode():
        pose = lift(inside, HUMAN36M_17, inputs, flip=True).poses
        drawn = lift(noisy, HUMAN36M_17, inputs, flip=False).poses
    assert drawn.shape == (len(pose), 200, *pose.shape[2:])
    spread = joint_spread(drawn)
    assert spread[..., 0].eq(0).all()
    assert spread[..., 1:].mean().item() == pytest.approx(noisy.config["spread_mm"], rel=0.02)
    assert (drawn.mean(dim=1) - pose[:, 0]).norm(dim=-1).max() < 5 * noisy.config["spread_mm"] / 200**0.5
    # The same in every direction.
    deviations = (drawn - pose)[..., 1:, :].std(dim=(0, 1, 2, 3))
    assert (deviations / deviations.mean() - 1).abs().max() < 0.03


def test_hypotheses_can_be_asked_for_and_steps_cannot() -> None:
    lifter = load_lifter("with_noise.videopose3d", hypotheses=3)
    inputs = replace(person(lifter.spec), noise_streams=noise_streams(2))
    with torch.inference_mode():
        assert lift(lifter, HUMAN36M_17, inputs, flip=False).poses.shape[1] == 3
    with pytest.raises(UsageError, match="leave steps away"):
        load_lifter("with_noise.videopose3d", steps=2)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"of": "d3dp"}, "d3dp is none"),
        ({"of": "mean-pose", "lifter": {}}, "mean-pose is none"),
        ({"of": "motionbert", "lifter": {**TRANSFORMER, "dim_rep": 32}}, "motionbert is none"),
        ({"of": "nobody"}, "nobody"),
        ({"spread_mm": -1.0}, "spread_mm is -1.0"),
        ({"spread_mm": float("nan")}, "spread_mm is nan"),
        ({"hypotheses": 2.5}, "hypotheses is 2.5"),
        ({"flip": 1}, "flip is 1"),
    ],
)
def test_what_cannot_be_is_refused(changed: dict[str, object], message: str) -> None:
    from zoo.lifters.with_noise import WithNoise

    with pytest.raises(UsageError, match=message):
        WithNoise(**{**SMALL, "spread_mm": 50.0, **changed})  # type: ignore[arg-type]
