"""Writes small OpenBiomechanics trees in the owner's layout with ezc3d: a body of markers that pitches.

The pitcher stands on the plate at the origin, faces home plate (+x), lifts the leading knee, strides, lays the arm
back and throws. Places are world millimetres until they are written.
"""

from pathlib import Path
from typing import Any

import numpy as np

FPS = 360.0
FRAMES = 432
#: Seconds of what `pitcher` does.
KNEE_UP, LAID_BACK, THROWN = 0.25, 0.95, 1.05

#: The markers of every file, by the owner's names.
LABELS = (
    "C7", "CLAV", "LANK", "LASI", "LBHD", "LELB", "LFHD", "LFIN", "LFRM", "LHEE", "LKNE", "LMANK", "LMELB", "LMKNE", "LPSI",
    "LSHO", "LTHI", "LTIB", "LTOE", "LUPA", "LWRA", "LWRB", "RANK", "RASI", "RBAK", "RBHD", "RELB", "RFHD", "RFIN", "RFRM",
    "RHEE", "RKNE", "RMANK", "RMELB", "RMKNE", "RPSI", "RSHO", "RTHI", "RTIB", "RTOE", "RUPA", "RWRA", "RWRB", "STRN", "T10",
)  # fmt: skip
#: Three more in some files, ten more on the bat.
MORE, BAT = ("LBAK", "LIC", "RIC"), tuple(f"Marker{i}" for i in range(1, 11))

#: stem -> throwing hand: two pitchers of each split, left and right, and the two samples.
PITCHES = {
    "000870_003252_74_195_002_FF_808": "R",
    "001000_001718_75_215_004_FF_912": "L",
    "001017_001759_71_175_001_FF_839": "R",
    "001062_001830_66_186_002_FF_835": "R",
    "001540_002989_71_185_001_FF_805": "L",
    "hitting_sample": "L",
    "pitching_sample": "R",
}

Markers = dict[str, np.ndarray]


def pitcher(throws: str = "R", frames: int = FRAMES) -> Markers:
    """All 45 markers (frames, 3) in mm; a left-hander is the mirror image of a right-hander."""
    t = np.arange(frames) / FPS
    zero = np.zeros(frames)
    # x of a right-hander's trunk: 0.9 m forward from 0.4 to 0.8 s.
    root = np.stack([900 * _smooth(t, 0.4, 0.8), zero, zero], axis=-1)
    markers: Markers = {}

    def put(name: str, at: Any) -> None:
        markers[name] = root + np.asarray(at)

    for side, y in (("L", 1.0), ("R", -1.0)):
        put(f"{side}ASI", [80, 120 * y, 1000])
        put(f"{side}PSI", [-80, 45 * y, 1000])
        put(f"{side}FHD", [90, 60 * y, 1640])
        put(f"{side}BHD", [-90, 60 * y, 1680])
        put(f"{side}SHO", [0, 190 * y, 1440])
        # The hips of the regression for this pelvis: see the test.
        hip = root + np.array([80 - 48.3, 86.5 * y, 1000 - 82.9])
        lift = 0.9 * np.exp(-(((t - KNEE_UP) / 0.15) ** 2)) if side == "L" else zero
        knee = hip + 430 * np.stack([np.sin(lift), zero, -np.cos(lift)], axis=-1)
        ankle = knee + 420 * np.array([-0.15, 0, -np.sqrt(1 - 0.15**2)])
        _pair(markers, side, "KNE", knee, [0, 50 * y, 0])
        _pair(markers, side, "ANK", ankle, [0, 40 * y, 0])
        markers[f"{side}HEE"], markers[f"{side}TOE"] = ankle + np.array([-80, 0, -40]), ankle + np.array([140, 0, -40])
        markers[f"{side}THI"], markers[f"{side}TIB"] = (hip + knee) / 2, (knee + ankle) / 2
        shoulder = root + np.array([0, 190 * y, 1440 - 0.17 * 380])
        if side == "R":
            turn = -1.0 + 2.6 * _smooth(t, LAID_BACK, THROWN)
            back = 1.5 * _smooth(t, 0.75, LAID_BACK) - 3.0 * _smooth(t, LAID_BACK, THROWN)
        else:
            turn, back = zero, zero
        along = np.stack([np.sin(turn), y * np.cos(turn), zero], axis=-1)
        forward = np.stack([np.cos(turn), -y * np.sin(turn), zero], axis=-1)
        elbow = shoulder + 310 * along
        reach = np.cos(back)[:, None] * np.array([0, 0, 1.0]) - np.sin(back)[:, None] * forward
        wrist = elbow + 270 * reach
        _pair(markers, side, "ELB", elbow, [0, 0, 40])
        markers[f"{side}WRA"], markers[f"{side}WRB"] = wrist + 25 * along, wrist - 25 * along
        markers[f"{side}FIN"] = wrist + 100 * reach
        markers[f"{side}UPA"], markers[f"{side}FRM"] = (shoulder + elbow) / 2, (elbow + wrist) / 2
    put("C7", [-70, 0, 1460])
    put("CLAV", [70, 0, 1400])
    put("T10", [-90, 0, 1180])
    put("STRN", [90, 0, 1120])
    put("RBAK", [-90, -80, 1300])
    assert sorted(markers) == sorted(LABELS)
    return markers if throws == "R" else _mirrored(markers)


def write_c3d(
    path: Path,
    markers: Markers,
    *,
    prefix: str = "",
    rate: float = FPS,
    units: str = "m",
    events: bool = True,
    missing: tuple[str, int] | None = None,
) -> Path:
    """One file in the order of `markers`; `missing` is a marker and a frame in which it is lost."""
    import ezc3d

    places = np.stack(list(markers.values()), axis=1).transpose(2, 1, 0) / (1000 if units == "m" else 1)
    file = ezc3d.c3d()
    points = np.ones((4, *places.shape[1:]))
    points[:3] = places
    residuals = np.zeros((1, *places.shape[1:]))
    if missing is not None:
        column = list(markers).index(missing[0])
        points[:3, column, missing[1]] = np.nan
        residuals[0, column, missing[1]] = -1
    file["data"]["points"] = points
    file["data"]["meta_points"]["residuals"] = residuals
    point = file["parameters"]["POINT"]
    point["LABELS"]["value"] = [prefix + name for name in markers]
    point["RATE"]["value"], point["UNITS"]["value"] = [rate], [units]
    # Two channels of a force plate, three times as fast as the cameras.
    file["data"]["analogs"] = np.full((1, 2, 3 * places.shape[2]), 7.5)
    analog = file["parameters"]["ANALOG"]
    analog["RATE"]["value"], analog["LABELS"]["value"], analog["UNITS"]["value"] = (
        [3 * rate],
        ["Fx1", "Fy1"],
        ["N", "N"],
    )
    if events:
        file.add_parameter("EVENT", "USED", [0])
    path.parent.mkdir(parents=True, exist_ok=True)
    file.write(str(path))
    return path


def write_openbiomechanics(root: Path, stems: dict[str, str] | None = None, frames: int = FRAMES) -> Path:
    """A tree of recordings with the owner's oddities; returns its root."""
    for stem, throws in (PITCHES if stems is None else stems).items():
        markers = pitcher(throws, frames)
        if stem == "hitting_sample":
            markers |= {name: markers["LFIN"] + 30 * i for i, name in enumerate(BAT)}
        if stem.startswith("0010"):
            markers = dict.fromkeys(MORE, markers["RBAK"] + 30) | markers
        odd = stem.startswith("001017")
        write_c3d(root / "c3d" / f"{stem}.c3d", markers, prefix="Skeleton_001_" if odd else "", events=not odd)
    return root


def _pair(markers: Markers, side: str, name: str, joint: np.ndarray, offset: Any) -> None:
    markers[f"{side}{name}"], markers[f"{side}M{name}"] = joint + np.asarray(offset), joint - np.asarray(offset)


def _smooth(t: np.ndarray, start: float, end: float) -> np.ndarray:
    u = np.clip((t - start) / (end - start), 0, 1)
    return u * u * (3 - 2 * u)


def _mirrored(markers: Markers) -> Markers:
    other = {"L": "R", "R": "L"}
    alone = ("C7", "CLAV", "RBAK", "STRN", "T10")
    source = {name: name if name in alone else other[name[0]] + name[1:] for name in markers}
    return {name: markers[of] * np.array([1, -1, 1]) for name, of in source.items()}
