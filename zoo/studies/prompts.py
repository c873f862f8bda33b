"""What the prompt of a DreamPose3D learned, as one file: its answer for every clip of a data set, and its affinity.

`prompts.json` is all that the tables and pictures beside it are made of, so they can be made again without weights.
"""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from posebench.errors import DataDamagedError, DataMissingError
from posebench.files import write_text
from posebench.results.prompts import Prompts

if TYPE_CHECKING:
    from torch import nn

    from posebench.results.api import Progress

FILE = "prompts.json"
#: Of a weight of the affinity.
DECIMALS = 5

Matrix = tuple[tuple[float, ...], ...]


class Affinity(BaseModel):
    """How joints hear each other: `whole` is A, `local` the skeleton's part of it; symmetric, so what was learned is the rest."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    joints: tuple[str, ...]
    local: Matrix
    whole: Matrix

    @model_validator(mode="after")
    def _square(self) -> Self:
        for name, matrix in (("local", self.local), ("whole", self.whole)):
            if [len(row) for row in matrix] != [len(self.joints)] * len(self.joints):
                raise ValueError(f"`{name}` does not have a row and a column for each of {len(self.joints)} joints")
        return self


class PromptStudy(BaseModel):
    """What `prompts.json` holds; `affinity` is None for a lifter without."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    affinity: Affinity | None
    prompts: Prompts


def make_study(
    model: str,
    dataset: str | None,
    keypoints: str | None,
    weights: Path | None,
    device: str = "auto",
    progress: "Progress | None" = None,
) -> PromptStudy:
    """Ask a lifter about every test clip of a data set; raises what `describe_motions` and `load_lifter` raise."""
    from posebench.prediction.create import load_lifter
    from posebench.results.api import describe_motions

    prompts = describe_motions(
        model, dataset=dataset, keypoints=keypoints, weights=weights, device=device, progress=progress
    )
    return PromptStudy(affinity=affinity_of(load_lifter(model, weights).module), prompts=prompts)


def affinity_of(lifter: "nn.Module") -> Affinity | None:
    """The affinity of a DreamPose3D; None of one without, and of any other lifter."""
    from posebench.skeletons import HUMAN36M_17
    from zoo.lifters.dreampose3d import DreamPose3D

    if not isinstance(lifter, DreamPose3D) or lifter.network.affinity is None:
        return None
    affinity = lifter.network.affinity
    # The local part as A has it: half of itself and half of its transpose.
    local = (affinity.local + affinity.local.T) / 2
    return Affinity(
        joints=HUMAN36M_17.joints, local=_rounded(local.tolist()), whole=_rounded(affinity.matrix.detach().tolist())
    )


def write_study(study: PromptStudy, folder: Path) -> Path:
    """Write `prompts.json`: indented, but a line for each clip and each row of a matrix."""
    value = study.model_dump(mode="json")
    prompts = study.prompts.to_json()
    clips = prompts.pop("clips")
    parts = [f'"format": {value["format"]}']
    if value["affinity"] is None:
        parts.append('"affinity": null')
    else:
        joints, local, whole = value["affinity"].values()
        rows = f'"local": {_lines(local, 3)},\n  "whole": {_lines(whole, 3)}'
        parts.append(f'"affinity": {{\n  "joints": {json.dumps(joints)},\n  {rows}\n }}')
    head = json.dumps(prompts, indent=1, ensure_ascii=False)[:-2].replace("\n", "\n ")
    parts.append(f'"prompts": {head},\n  "clips": {_lines(clips, 3)}\n }}')
    path = folder / FILE
    write_text(path, "{\n " + ",\n ".join(parts) + "\n}\n")
    return path


def read_study(path: Path) -> PromptStudy:
    """Read `prompts.json`; raises `DataMissingError`, or `DataDamagedError` also where its summary is not that of its clips."""
    try:
        value = json.loads(path.read_bytes())
        summary = value["prompts"].pop("summary")
        study = PromptStudy.model_validate(value)
    except FileNotFoundError as error:
        raise DataMissingError(f"There is no {path}; make it with `python -m zoo prompts TAG --out FOLDER`.") from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        reason = first["msg"].removeprefix("Value error, ")
        raise DataDamagedError(f"{path} is not valid: {field or 'the whole'}: {reason}; make it again.") from error
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataDamagedError(f"{path} is no file of `python -m zoo prompts`; make it again.") from error
    if summary != study.prompts.summary().model_dump():
        raise DataDamagedError(f"The summary in {path} is not that of its clips; make the file again.")
    return study


def _rounded(rows: list[list[float]]) -> Matrix:
    return tuple(tuple(round(weight, DECIMALS) for weight in row) for row in rows)


def _lines(items: list[Any], indent: int) -> str:
    """A JSON array, one line for each item."""
    between = "\n" + " " * indent
    body = f",{between}".join(json.dumps(item, ensure_ascii=False) for item in items)
    return f"[{between}{body}\n{' ' * (indent - 1)}]"
