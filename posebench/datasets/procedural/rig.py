"""The four cameras: Human3.6M's published lenses on a rig of our own.

The intrinsics are the public calibration of Human3.6M's cameras 54138969,
55011271, 58860488 and 60457274 (its `metadata.xml`, as VideoPose3D stores
them); they are facts of the cameras and contain no recording. The positions
are ours: near the corners of a room, 5.1 to 5.3 m from its middle and 1.5 to
1.6 m high, as Human3.6M's are.
"""

from posebench.cameras import Camera, look_at

# Name, height of the image, focal length, centre, k1 k2 k3, p1 p2.
_LENSES = (
    (
        "54138969",
        1002,
        (1145.0494384765625, 1143.7811279296875),
        (512.54150390625, 515.4514770507812),
        (-0.20709891617298126, 0.24777518212795258, -0.0030751503072679043),
        (-0.0009756988729350269, -0.00142447161488235),
    ),
    (
        "55011271",
        1000,
        (1149.6756591796875, 1147.5916748046875),
        (508.8486328125, 508.0649108886719),
        (-0.1942136287689209, 0.2404085397720337, 0.006819975562393665),
        (-0.0016190266469493508, -0.0027408944442868233),
    ),
    (
        "58860488",
        1000,
        (1149.1407470703125, 1148.7989501953125),
        (519.8158569335938, 501.40264892578125),
        (-0.2083381861448288, 0.25548800826072693, -0.0024604974314570427),
        (0.0014843869721516967, -0.0007599993259645998),
    ),
    (
        "60457274",
        1002,
        (1145.5113525390625, 1144.77392578125),
        (514.9682006835938, 501.8820190429688),
        (-0.198384091258049, 0.21832367777824402, -0.008947807364165783),
        (-0.0005872055771760643, -0.0018133620033040643),
    ),
)
# Camera centre and the point it looks at, world mm.
_PLACES = (
    ((3900.0, 3500.0, 1560.0), (40.0, 20.0, 930.0)),
    ((3650.0, -3800.0, 1610.0), (-30.0, 30.0, 950.0)),
    ((-3700.0, 3750.0, 1490.0), (20.0, -40.0, 920.0)),
    ((-3550.0, -3650.0, 1575.0), (-20.0, -20.0, 940.0)),
)


def rig() -> tuple[Camera, ...]:
    """The four cameras, the same for every clip; images are 1000 pixels wide."""
    return tuple(
        Camera(
            name=name,
            width=1000,
            height=height,
            focal=focal,
            center=center,
            radial=radial,
            tangential=tangential,
            orientation=look_at(position, target),
            position=position,
        )
        for (name, height, focal, center, radial, tangential), (position, target) in zip(_LENSES, _PLACES, strict=True)
    )
