"""Frame numbers from file names: `cam01.0007.json`, `clip_000000000007_keypoints.json`, `7.jpg`."""

import re
from collections.abc import Sequence

from posebench.errors import DataDamagedError


def frame_numbers(names: Sequence[str], where: str) -> list[int]:
    """The number in each name that counts the frames: the one in which the names differ.

    In a single name it is the last. Raises `DataDamagedError` naming the first
    name that has none, is of another series, or has the number of another.
    """
    split = [re.split(r"(\d+)", name) for name in names]
    for name, parts in zip(names, split, strict=True):
        if len(parts) == 1:
            raise DataDamagedError(f"The name {name!r} in {where} has no frame number; put only numbered frames there.")
        if parts[::2] != split[0][::2]:
            raise DataDamagedError(
                f"{name!r} in {where} is not of the series of {names[0]!r}; put one camera's frames in a folder."
            )
    values = [[int(digits) for digits in parts[1::2]] for parts in split]
    varying = [place for place, column in enumerate(zip(*values, strict=True)) if len(set(column)) > 1]
    if len(varying) > 1:
        raise DataDamagedError(
            f"The names in {where} differ in more than one number, as {names[0]!r} and {names[-1]!r} do; "
            "put one camera's frames in a folder."
        )
    numbers = [value[varying[0] if varying else -1] for value in values]
    seen: dict[int, str] = {}
    for name, number in zip(names, numbers, strict=True):
        if number in seen:
            raise DataDamagedError(f"{seen[number]!r} and {name!r} in {where} are both frame {number}; remove one.")
        seen[number] = name
    return numbers
