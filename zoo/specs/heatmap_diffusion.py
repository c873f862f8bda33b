"""What the heatmap-guided lifter declares: heatmaps always, lens and root depth only in variants. Imports no torch."""

from typing import Any

from posebench.errors import UsageError
from posebench.prediction.spec import LifterSpec, Privilege

#: `camera` of a configuration, and what has to be granted for it.
CAMERAS: dict[str, tuple[Privilege, ...]] = {"assumed": (), "granted": ("intrinsics",)}
#: `root` of a configuration, likewise. A granted root exists to compare with papers that use the true one.
ROOTS: dict[str, tuple[Privilege, ...]] = {"solved": (), "granted": ("root_depth",)}


def spec(config: dict[str, Any]) -> LifterSpec:
    """Single poses, or chunks of a motion.

    Raises `UsageError` for a camera or root that is not there.
    """
    frames = config.get("frames", 1)
    needed: tuple[Privilege, ...] = ("heatmaps",)
    for name, known, default in (("camera", CAMERAS, "assumed"), ("root", ROOTS, "solved")):
        value = config.get(name, default)
        if value not in known:
            raise UsageError(f"There is no {name} {value!r}; choose one of {', '.join(known)}.")
        needed += known[value]
    return LifterSpec(
        window=frames,
        stride=frames,
        tail="shift" if frames > 1 else "pad",
        space="root_relative",
        privileges=(*needed, "future_frames") if frames > 1 else needed,
        fps=config.get("fps"),
        samples=True,
        generates=True,
    )
