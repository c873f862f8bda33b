"""Writes small HDM05 and CMU trees in the owners' layout, and knows by itself where the bones' ends must be."""

import math
from pathlib import Path

#: name, parent, direction, length in file units, axis in degrees, degrees of freedom: the owners' thirty bones.
BONES: list[tuple[str, str, tuple[float, float, float], float, tuple[float, float, float], str]] = [
    ("lhipjoint", "root", (0.62, -0.74, 0.26), 2.4, (0, 0, 0), ""),
    ("lfemur", "lhipjoint", (0.34202, -0.939693, 0), 7.4, (0, 0, 20), "rx ry rz"),
    ("ltibia", "lfemur", (0.34202, -0.939693, 0), 7.2, (0, 0, 20), "rx"),
    ("lfoot", "ltibia", (0.12, -0.33, 0.93), 2.3, (-90, 0, 20), "rx rz"),
    ("ltoes", "lfoot", (0, 0, 1), 1.1, (-90, 0, 20), "rx"),
    ("rhipjoint", "root", (-0.62, -0.74, 0.26), 2.4, (0, 0, 0), ""),
    ("rfemur", "rhipjoint", (-0.34202, -0.939693, 0), 7.4, (0, 0, -20), "rx ry rz"),
    ("rtibia", "rfemur", (-0.34202, -0.939693, 0), 7.2, (0, 0, -20), "rx"),
    ("rfoot", "rtibia", (-0.12, -0.33, 0.93), 2.3, (-90, 0, -20), "rx rz"),
    ("rtoes", "rfoot", (0, 0, 1), 1.1, (-90, 0, -20), "rx"),
    ("lowerback", "root", (0.01, 0.998, -0.05), 2.1, (0, 0, 0), "rx ry rz"),
    ("upperback", "lowerback", (0.01, 0.999, -0.04), 2.1, (0, 0, 0), "rx ry rz"),
    ("thorax", "upperback", (0, 1, 0), 2.1, (0, 0, 0), "rx ry rz"),
    ("lowerneck", "thorax", (0, 0.995, 0.1), 1.6, (0, 0, 0), "rx ry rz"),
    ("upperneck", "lowerneck", (0.02, 0.998, -0.06), 1.6, (0, 0, 0), "rx ry rz"),
    ("head", "upperneck", (0.01, 0.999, -0.03), 1.7, (0, 0, 0), "rx ry rz"),
    ("lclavicle", "thorax", (0.96, 0.25, -0.1), 3.7, (0, 0, 0), "ry rz"),
    ("lhumerus", "lclavicle", (1, 0, 0), 4.9, (180, -30, -90), "rx ry rz"),
    ("lradius", "lhumerus", (1, 0, 0), 3.2, (180, -30, -90), "rx"),
    ("lwrist", "lradius", (1, 0, 0), 1.6, (0, 90, 90), "ry"),
    ("lhand", "lwrist", (1, 0, 0), 0.7, (0, 90, 90), "rx rz"),
    ("lfingers", "lhand", (1, 0, 0), 0.5, (0, 90, 90), "rx"),
    ("lthumb", "lwrist", (0.707107, 0, 0.707107), 0.8, (-90, 45, 0), "rx rz"),
    ("rclavicle", "thorax", (-0.96, 0.25, -0.1), 3.7, (0, 0, 0), "ry rz"),
    ("rhumerus", "rclavicle", (-1, 0, 0), 4.9, (180, 30, 90), "rx ry rz"),
    ("rradius", "rhumerus", (-1, 0, 0), 3.2, (180, 30, 90), "rx"),
    ("rwrist", "rradius", (-1, 0, 0), 1.6, (0, -90, -90), "ry"),
    ("rhand", "rwrist", (-1, 0, 0), 0.7, (0, -90, -90), "rx rz"),
    ("rfingers", "rhand", (-1, 0, 0), 0.5, (0, -90, -90), "rx"),
    ("rthumb", "rwrist", (-0.707107, 0, 0.707107), 0.8, (-90, -45, 0), "rx rz"),
]
MOVING = [(name, len(dof.split())) for name, _, _, _, _, dof in BONES if dof]

Frame = dict[str, list[float]]


def motion(frames: int, walk: float = 0.0) -> list[Frame]:
    """A motion in which every channel moves, knees bent forwards, walking `walk` file units a frame."""
    result: list[Frame] = []
    for t in range(frames):
        phase = 0.08 * t
        frame: Frame = {
            "root": [1.0 + walk * t, 16.5, -2.0, 4 * math.sin(phase), 30 + 5 * math.sin(phase), 3 * math.cos(phase)]
        }
        for i, (name, count) in enumerate(MOVING):
            frame[name] = [round(8 * math.sin(phase + i + k), 4) for k in range(count)]
        for side, sign in (("l", 1), ("r", -1)):
            frame[f"{side}tibia"] = [round(35 + sign * 20 * math.sin(phase), 4)]
            frame[f"{side}femur"][0] = round(-20 - sign * 10 * math.sin(phase), 4)
            # Arms hang down from their outstretched rest.
            frame[f"{side}humerus"][2] = sign * 70.0
        result.append(frame)
    return result


def asf_text(scale: dict[str, float] | None = None, newline: str = "\r\n") -> str:
    """A skeleton in the owners' layout; `scale` multiplies bones' lengths."""
    lines = [
        "# AST/ASF file generated using VICON BodyLanguage",
        ":version 1.10",
        ":name VICON",
        ":units",
        "  mass 1.0",
        "  length 0.45",
        "  angle deg",
        ":documentation",
        "   .ast/.asf automatically generated from VICON data",
        ":root",
        "   order TX TY TZ RX RY RZ",
        "   axis XYZ",
        "   position 0 0 0  ",
        "   orientation 0 0 0 ",
        ":bonedata",
    ]
    for number, (name, _, direction, length, axis, dof) in enumerate(BONES, start=1):
        lines += ["  begin", f"     id {number} ", f"     name {name}"]
        lines += [f"     direction {direction[0]} {direction[1]} {direction[2]} "]
        lines += [f"     length {length * (scale or {}).get(name, 1.0)} "]
        lines += [f"     axis {axis[0]} {axis[1]} {axis[2]}   XYZ"]
        if dof:
            lines += [f"    dof {dof}", "    limits (-160.0 20.0)"]
            lines += ["           (-70.0 70.0)"] * (len(dof.split()) - 1)
        lines += ["  end"]
    lines += [":hierarchy", "  begin"]
    for parent in ["root"] + [bone[0] for bone in BONES]:
        if children := [bone[0] for bone in BONES if bone[1] == parent]:
            lines += [f"    {parent} {' '.join(children)}"]
    return newline.join([*lines, "  end", ""])


def amc_text(frames: list[Frame], first: int = 1, newline: str = "\r\n") -> str:
    """A motion in the owners' layout, numbered from `first`."""
    lines = ["#!OML:ASF X:\\f\xfcr Bonn\\Daniel.ASF", ":FULLY-SPECIFIED", ":DEGREES"]
    for number, frame in enumerate(frames, start=first):
        lines.append(str(number))
        lines += [f"{name} {' '.join(str(value) for value in values)}" for name, values in frame.items()]
    return newline.join([*lines, ""])


def write(path: Path, text: str) -> Path:
    """Write bytes as the owners did, in an encoding that is not UTF-8."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode("latin-1"))
    return path


def write_hdm05(folder: Path, clips: dict[str, int], flat: bool = False) -> Path:
    """A tree with `clips` of the form {"bd_squat1Reps_001": frames}, and the actors' skeletons above them."""
    for clip, frames in clips.items():
        actor, action, _ = clip.split("_")
        write(folder / f"HDM_{actor}.asf", asf_text())
        write((folder if flat else folder / action) / f"HDM_{clip}_120.amc", amc_text(motion(frames)))
    return folder


def write_cmu(folder: Path, rows: list[tuple[str, str, str, str]], frames: int = 6) -> Path:
    """A tree with an index of (subject, file, fps, description), all files written."""
    for subject, file, _, _ in rows:
        write(folder / subject / f"{subject}.asf", asf_text(newline="\n"))
        write(folder / subject / file, amc_text(motion(frames), newline="\n"))
    lines = ["subject,file,fps,description", *(f'{s},{f},{r},"{d}"' for s, f, r, d in rows)]
    write(folder / "index.csv", "\n".join([*lines, ""]))
    return folder


def naive_ends(frame: Frame) -> dict[str, list[float]]:
    """Every bone's end in world mm, z up, bone by bone with 3x3 lists: slow, plain, written from the definition."""
    unit = 25.4 / 0.45
    ends = {"root": [value * unit for value in frame["root"][:3]]}
    turns = {"root": _euler(*frame["root"][3:])}
    for name, parent, direction, length, axis, dof in BONES:
        angles = dict(zip(dof.split(), frame.get(name, []), strict=True))
        c = _euler(*axis)
        own = _euler(angles.get("rx", 0.0), angles.get("ry", 0.0), angles.get("rz", 0.0))
        inverse = [[c[j][i] for j in range(3)] for i in range(3)]
        turns[name] = _times(turns[parent], _times(c, _times(own, inverse)))
        offset = [sum(turns[name][i][k] * direction[k] for k in range(3)) * length * unit for i in range(3)]
        ends[name] = [ends[parent][i] + offset[i] for i in range(3)]
    return {name: [x, -z, y] for name, (x, y, z) in ends.items()}


def _times(a: list[list[float]], b: list[list[float]]) -> list[list[float]]:
    return [[sum(a[i][k] * b[k][j] for k in range(3)) for j in range(3)] for i in range(3)]


def _euler(x: float, y: float, z: float) -> list[list[float]]:
    """Rz Ry Rx of angles in degrees."""
    (cx, sx), (cy, sy), (cz, sz) = ((math.cos(math.radians(a)), math.sin(math.radians(a))) for a in (x, y, z))
    rx: list[list[float]] = [[1, 0, 0], [0, cx, -sx], [0, sx, cx]]
    ry: list[list[float]] = [[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]]
    rz: list[list[float]] = [[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]]
    return _times(rz, _times(ry, rx))
