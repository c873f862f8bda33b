"""Checkpoints of paTRICK-swk/D3DP: the denoiser below `pose_estimator.`, and twelve buffers of the schedule."""

from collections.abc import Mapping
from typing import Any

from posebench.conversion.rules import Conversion, Rule, Shapes
from zoo.conversions import mixste

#: The schedule is computed here as there; a checkpoint's copy of it is left away.
BUFFERS = (
    "betas",
    "alphas_cumprod",
    "alphas_cumprod_prev",
    "sqrt_alphas_cumprod",
    "sqrt_one_minus_alphas_cumprod",
    "log_one_minus_alphas_cumprod",
    "sqrt_recip_alphas_cumprod",
    "sqrt_recipm1_alphas_cumprod",
    "posterior_variance",
    "posterior_log_variance_clipped",
    "posterior_mean_coef1",
    "posterior_mean_coef2",
)
DENOISER = "pose_estimator."


def infer(shapes: Shapes) -> dict[str, Any]:
    """Everything but the heads; hypotheses and steps are the sampler's and stand in no checkpoint."""
    prefix = DENOISER if any(key.startswith(DENOISER) for key in shapes) else ""
    return mixste.infer(shapes, prefix)


def run(module: Any, arrays: Mapping[str, Any]) -> Any:
    """The denoiser on keypoints, noisy poses of several hypotheses and times."""
    import torch

    seen, noisy, time = (torch.from_numpy(arrays[name]) for name in ("keypoints_2d", "noisy_pose_3d", "timestep"))
    return module.network(seen, noisy, time)


CONVERSION = Conversion(
    architecture="d3dp",
    repository="paTRICK-swk/D3DP",
    licence="MIT, over code of CC BY-NC 4.0",
    parity=("d3dp_denoiser",),
    rules=(
        *(Rule(f"(?:{DENOISER})?{rule.pattern}", rule.target) for rule in mixste.stack_rules("network.transformer")),
        Rule(rf"(?:{DENOISER})?time_mlp\.1\.(.+)", r"network.time.perceptron.0.\1"),
        Rule(rf"(?:{DENOISER})?time_mlp\.3\.(.+)", r"network.time.perceptron.2.\1"),
        *(Rule(name, None) for name in BUFFERS),
    ),
    infer=infer,
    translate=mixste.translate,
    run=run,
)
