"""A prediction folder: what a lifter predicted, apart from any score.

`manifest.json` says under which inputs and by whom; `sequences/` has one
safetensors file a sequence with

- `poses` float32 (hypotheses, rows, joints, 3) in the manifest's space,
- `frame` int64 (rows), the frame each row predicts,
- optionally `root` float32 camera mm, (rows, 3) or (hypotheses, rows, 3), `weight` float32 (hypotheses, rows), and
  `lens` float32 (9), by which the lifter takes its poses to project.

Every file is renamed into place when whole: it is the unit of resume and of a shard.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from posebench.errors import DataDamagedError, DataMissingError, UsageError
from posebench.files import write_bytes, write_text
from posebench.hashing import hash_array, hash_value
from posebench.inputs.spec import InputsSpec

#: Folders of another format are refused, not guessed at: predicting again is the safe way to the new one.
FORMAT = 3


@dataclass(frozen=True)
class PredictionManifest:
    """Who predicted what, under which inputs. Two runs may share a folder only if their manifests are equal."""

    lifter: str
    config: dict[str, Any]
    settings: dict[str, Any]
    weights_sha256: str | None
    code_sha256: str
    """Of the code that its poses depend on (`posebench.prediction.code_hash`): changed code does not continue an old folder."""
    space: str
    skeleton: str
    lifted_as: str
    tail: str
    granted: tuple[str, ...]
    inputs: InputsSpec
    dataset_fingerprint: str
    frame_list_sha256: str | None
    limit: int | None
    seed: int
    batch_size: int
    device: str
    format: int = FORMAT

    def to_json(self) -> dict[str, Any]:
        """Plain values; `inputs_hash` stands beside the inputs it is the hash of."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {
            **values,
            "granted": list(self.granted),
            "inputs": self.inputs.to_json(),
            "inputs_hash": self.inputs.hash,
        }

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> "PredictionManifest":
        """The inverse of `to_json`; raises `ValueError` or `KeyError` for what is not one."""
        value = dict(value)
        if value["format"] != FORMAT:
            raise ValueError(f"its format is {value['format']}, this posebench reads {FORMAT}")
        inputs = InputsSpec.from_json(value.pop("inputs"))
        if value.pop("inputs_hash") != inputs.hash:
            raise ValueError("inputs_hash is not the hash of inputs")
        return cls(**{**value, "granted": tuple(value["granted"]), "inputs": inputs})


@dataclass(frozen=True)
class SequencePrediction:
    """The predictions of one sequence; shapes as in the module's docstring."""

    poses: npt.NDArray[np.float32]
    frame: npt.NDArray[np.int64]
    interpolated: int = 0
    """Joint-frames of the keypoints that were missing and interpolated for the lifter."""
    root: npt.NDArray[np.float32] | None = None
    weight: npt.NDArray[np.float32] | None = None
    lens: npt.NDArray[np.float32] | None = None


class PredictionFolder:
    """A folder of predictions on disk."""

    def __init__(self, path: Path, manifest: PredictionManifest) -> None:
        self.path = path
        self.manifest = manifest

    @classmethod
    def create(cls, path: Path, manifest: PredictionManifest) -> "PredictionFolder":
        """Start a folder, or take up one that an interrupted run of the very same settings left.

        Raises `UsageError` naming the first setting that differs.
        """
        file = path / "manifest.json"
        if file.exists():
            older = cls.open(path).manifest.to_json()
            # As a file has it, but in the manifest's own order: who predicted is told before what follows from that.
            asked = json.loads(json.dumps(manifest.to_json()))
            if found := _difference(older, asked):
                key, before, now = found
                raise UsageError(
                    f"The folder {path} holds predictions with another {key} ({before!r}, asked {now!r}); "
                    "choose another --predictions folder."
                )
        else:
            (path / "sequences").mkdir(parents=True, exist_ok=True)
            write_text(file, json.dumps(manifest.to_json(), indent=1, sort_keys=True) + "\n")
        return cls(path, manifest)

    @classmethod
    def open(cls, path: Path) -> "PredictionFolder":
        """Open a folder; raises `DataMissingError` or `DataDamagedError`."""
        file = path / "manifest.json"
        if not file.is_file():
            raise DataMissingError(
                f"{path} is no prediction folder: it has no manifest.json; make one with `posebench run --predictions`."
            )
        try:
            return cls(path, PredictionManifest.from_json(json.loads(file.read_text(encoding="utf-8"))))
        except (ValueError, KeyError, TypeError) as error:
            raise DataDamagedError(
                f"The manifest {file} cannot be read ({error}); predict again into another folder."
            ) from error

    def file(self, sequence_id: str) -> Path:
        """Where a sequence's predictions lie; names have no dots, so this is one to one."""
        return self.path / "sequences" / f"{sequence_id.replace('/', '.')}.safetensors"

    def has(self, sequence_id: str) -> bool:
        """Whether the sequence is there, whole."""
        return self.file(sequence_id).exists()

    def write(self, sequence_id: str, prediction: SequencePrediction) -> None:
        """Write one sequence, atomically."""
        arrays = {"poses": prediction.poses, "frame": prediction.frame}
        optional = {"root": prediction.root, "weight": prediction.weight, "lens": prediction.lens}
        arrays |= {name: array for name, array in optional.items() if array is not None}
        metadata = {"sequence": sequence_id, "interpolated": str(prediction.interpolated)}
        whole = {name: np.ascontiguousarray(array) for name, array in arrays.items()}
        write_bytes(self.file(sequence_id), save(whole, metadata))

    def read(self, sequence_id: str) -> SequencePrediction:
        """Read one sequence; raises `DataMissingError` or `DataDamagedError` naming it."""
        file = self.file(sequence_id)
        if not file.exists():
            raise DataMissingError(
                f"{self.path} lacks the sequence {sequence_id}; run the same `posebench run` again to finish it."
            )
        try:
            with safe_open(file, framework="numpy") as opened:
                arrays = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 (no mapping)
                metadata = opened.metadata()
            return SequencePrediction(
                arrays["poses"],
                arrays["frame"],
                int(metadata["interpolated"]),
                arrays.get("root"),
                arrays.get("weight"),
                arrays.get("lens"),
            )
        except (SafetensorError, KeyError, ValueError, TypeError) as error:
            raise DataDamagedError(
                f"The predictions of {sequence_id} in {self.path} cannot be read ({error}); delete {file.name} and run again."
            ) from error

    def hash(self, sequence_ids: list[str]) -> str:
        """SHA-256 (hex) over the numbers of these sequences: the evidence that a score belongs to these predictions."""
        return hash_value({sequence_id: _hash_arrays(self.read(sequence_id)) for sequence_id in sorted(sequence_ids)})


def _difference(older: dict[str, Any], asked: dict[str, Any]) -> tuple[str, Any, Any] | None:
    """The first name, in its innermost group, under which two manifests differ, and both values; what is missing is "none"."""
    for key in dict.fromkeys([*asked, *older]):
        before, now = older.get(key, "none"), asked.get(key, "none")
        if before != now:
            if isinstance(before, dict) and isinstance(now, dict):
                return _difference(before, now)
            return key, before, now
    return None


def _hash_arrays(prediction: SequencePrediction) -> str:
    return hash_value(
        {name: hash_array(array) for name, array in asdict(prediction).items() if isinstance(array, np.ndarray)}
    )
