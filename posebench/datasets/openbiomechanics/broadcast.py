"""Three virtual cameras of a baseball broadcast, fixed in the world of the owner's mound.

In that world the pitcher's plate lies at the origin, x points to home plate, y to first base, z up. A broadcast's
cameras stand at the field's border with long lenses: perspective almost vanishes, and depth is told by the body alone.
Where they stand and what they frame is posebench's own choice, of the kind that broadcasts use.
"""

from dataclasses import dataclass
from functools import cache

from posebench.cameras import Camera, look_at

IMAGE = (1920, 1080)


@dataclass(frozen=True)
class Mount:
    """A camera's place and the point it looks at in world mm, and its focal length in pixels."""

    name: str
    position: tuple[float, float, float]
    target: tuple[float, float, float]
    focal: float


MOUNTS = (
    # From behind the fence in left centre, so that the pitcher does not hide the plate.
    Mount("centre-field", (-109_000.0, -15_000.0, 7_000.0), (9_200.0, 0.0, 700.0), 38_000.0),
    # Beside the two dugouts, at unlike distances and heights, so that they are not each other's mirror image.
    Mount("first-base", (5_500.0, 37_000.0, 3_000.0), (700.0, 0.0, 1_000.0), 12_700.0),
    Mount("third-base", (-4_000.0, -34_500.0, 5_000.0), (700.0, 0.0, 1_000.0), 12_000.0),
)


@cache
def broadcast_cameras() -> tuple[Camera, ...]:
    """The three cameras, without lens distortion."""
    return tuple(
        Camera(
            name=mount.name,
            width=IMAGE[0],
            height=IMAGE[1],
            focal=(mount.focal, mount.focal),
            center=(IMAGE[0] / 2, IMAGE[1] / 2),
            radial=(0.0, 0.0, 0.0),
            tangential=(0.0, 0.0),
            orientation=look_at(mount.position, mount.target),
            position=mount.position,
        )
        for mount in MOUNTS
    )
