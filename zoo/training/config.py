"""One training run as a value: everything that decides the weights, read from `zoo/configs`.

A file there may say `extends: TAG` and only what is different. What is resolved is the value: it is hashed, and the card shows it.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError, model_validator

from posebench.errors import DataMissingError, UsageError
from posebench.hashing import hash_value
from posebench.prediction.spec import LifterSpec
from posebench.registry.resolve import resolve_model
from zoo.vocabulary import ACTIONS

CONFIGS = Path(__file__).parents[1] / "configs"
#: Folders in it of what studies compare, and of what a search tried.
ABLATIONS, SEARCH = "ablations", "search"
#: How many configurations one may stand on.
MOST_BASES = 3
#: Keys that a configuration has of its own: what it is called and what it is.
OWN = ("tag", "summary")

#: Keys that decide nothing of the weights: names, words, places, and how often progress is kept.
NEUTRAL: dict[str, Any] = {
    **dict.fromkeys((*OWN, "weights_licence", "checkpoint_every"), True),
    "data": {"__all__": {"licence", "store"}},
}

#: What learns from poses alone: keypoints and test-time flip have no part in its training and validation.
PRIORS = ("heatmap_diffusion",)
#: What `loss` is of.
WEIGHTED = "dreampose3d"

Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Range = tuple[float, float]
Model = TypeVar("Model", bound=BaseModel)


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class LifterConfig(_Section):
    """What is trained."""

    arch: Literal[
        "simple_baseline",
        "videopose3d",
        "mixste",
        "motionagformer",
        "poseformerv2",
        "d3dp",
        "dreampose3d",
        "heatmap_diffusion",
    ]
    config: dict[str, Any] = {}
    """Arguments of the lifter's class, repeated in the manifest."""


class LossConfig(_Section):
    """Weights of DreamPose3D's losses, and what is shown when; the other lifters have one loss and no weights."""

    pose: Literal["l1", "mpjpe"] = "l1"
    """Distance of poses: sum of absolute coordinates as the paper has it, or the length of the difference."""
    bone: Annotated[float, Field(ge=0)] = 0.0
    """Of the absolute difference of bone lengths, in metres."""
    action: Annotated[float, Field(ge=0)] = 0.0
    """Of the cross-entropy of the prompt's action, in nats."""
    temporal: Annotated[float, Field(ge=0)] = 0.0
    """Of the difference of displacements from frame to frame, in metres."""
    hallucinate_from: Share = 0.25
    """Share of the steps after which poses around each frame are predicted too."""
    all_noise: Share = 0.0
    """Share of the windows that are shown noise alone: a sampler's first time, and the only one of one step."""


class DataConfig(_Section):
    """One data set of the mixture. Its split `train` is trained on, its split `validation` selects."""

    name: str
    weight: Positive
    """Share of a batch, relative to the other weights."""
    camera_frames: PositiveInt
    """How many frames are rendered: every clip is seen by as many random cameras as that takes."""
    licence: str
    """Licence of the data, for the model card."""
    store: Path | None = None
    """A prepared store to read; None opens the data set by its name."""


class CameraConfig(_Section):
    """Ranges that the virtual cameras are drawn from, each uniform. Lengths in metres, angles in degrees."""

    distance: Range = (3.0, 7.0)
    """From the person to the camera, over the floor; it grows until the person is in the picture."""
    height: Range = (0.8, 2.4)
    """Of the camera above the floor."""
    aim_height: Range = (0.7, 1.1)
    """Of the point that the camera looks at."""
    aim_offset: Range = (0.0, 1.2)
    """Of that point from the person, over the floor, in any direction."""
    roll: Range = (-2.0, 2.0)
    focal: Range = (1.0, 1.4)
    """Focal length divided by the image's width."""
    aspect: Range = (0.9, 1.1)
    """Height of the image divided by its width, which is 1000 pixels."""
    distortion: Range = (0.0, 1.1)
    """Multiple of Human3.6M's mean lens distortion."""
    body_scale: Range = (0.9, 1.1)
    """The person is made larger or smaller by this factor."""

    @model_validator(mode="after")
    def _ordered(self) -> "CameraConfig":
        for name in type(self).model_fields:
            low, high = getattr(self, name)
            if low > high:
                raise ValueError(f"{name} is from {low} to {high}; the smaller number comes first")
        for name in ("distance", "height", "focal", "aspect", "body_scale"):
            if getattr(self, name)[0] <= 0:
                raise ValueError(f"{name} must be above 0")
        return self


class TrainingConfig(_Section):
    """The whole run. The same configuration, data and library versions give the same weights on a CPU."""

    tag: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]+$")]
    summary: str
    """One sentence for the model card."""
    weights_licence: str
    lifter: LifterConfig
    seed: int = 0
    data: Annotated[tuple[DataConfig, ...], Field(min_length=1)]
    sources: Annotated[dict[str, Positive], Field(min_length=1)] = {"gt": 0.4, "simulated": 0.6}
    """Share of renditions seen through each 2D source."""
    camera: CameraConfig = CameraConfig()
    flip: bool = True
    """Validate, and later predict, with test-time flip: the setting of the tag."""
    validation_sources: Annotated[tuple[str, ...], Field(min_length=1)] = ("gt", "simulated")

    loss: LossConfig = LossConfig()
    leave_out: tuple[str, ...] = ()
    """Labels of `zoo.vocabulary` whose clips are neither trained on nor selected with."""

    steps: PositiveInt
    batch_size: Annotated[int, Field(ge=2)] = 2048
    learning_rate: Positive = 1e-3
    final_learning_rate: Positive = 1e-6
    warmup_steps: Annotated[int, Field(ge=0)] = 500
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    clip_norm: Positive = 1.0
    """Gradients are scaled down to this norm; the loss is in metres."""
    ema_decay: Annotated[float, Field(ge=0, lt=1)] = 0.999
    norm_momentum: tuple[Share, Share] | None = None
    """Momentum of batch normalisation at the first and last step, falling exponentially as in Pavllo et al. 2019."""
    amp: Literal["off", "bf16"] = "off"
    """Arithmetic of the forward pass; weights, loss and statistics stay float32."""
    compile: bool = False
    """Compile the lifter with `torch.compile`, which takes a C++ compiler and rounds a little differently."""
    validate_every: PositiveInt = 1000
    checkpoint_every: PositiveInt = 500

    @model_validator(mode="after")
    def _consistent(self) -> "TrainingConfig":
        names = [data.name for data in self.data]
        if len(set(names)) != len(names):
            raise ValueError("data names the same data set twice")
        if self.warmup_steps >= self.steps:
            raise ValueError(f"warmup_steps is {self.warmup_steps}, which leaves nothing of {self.steps} steps")
        if self.norm_momentum is not None and min(self.norm_momentum) <= 0:
            raise ValueError("norm_momentum must be above 0")
        if unknown := set(self.leave_out) - ACTIONS.keys():
            raise ValueError(f"leave_out names {sorted(unknown)[0]!r}, which zoo/vocabulary.py does not have")
        if self.lifter.config.get("normalize", "") == "pixels":
            raise ValueError("lifter.config.normalize must not be 'pixels': images of several sizes are mixed")
        total = sum(data.weight for data in self.data)
        if small := [data.name for data in self.data if data.weight / total * self.batch_size < 1]:
            raise ValueError(f"the weight of {small[0]} is less than one window of a batch; raise it, or batch_size")
        return self

    @model_validator(mode="after")
    def _nothing_is_without_effect(self) -> "TrainingConfig":
        arch, loss, declared = self.lifter.arch, self.loss, _declared(self.lifter)
        if declared is not None and self.flip and declared.flips_itself:
            raise ValueError(f"flip must be false: {arch} flips by lifter.config.flip")
        if arch in PRIORS and self.flip:
            raise ValueError(f"flip must be false: {arch} is not validated with it")
        if arch in PRIORS and (self.sources.keys() | set(self.validation_sources)) != {"gt"}:
            raise ValueError(
                f"sources and validation_sources must be gt alone: {arch} learns from poses, not keypoints"
            )
        if arch != WEIGHTED and loss != LossConfig():
            raise ValueError(f"loss must be left away: its weights are {WEIGHTED}'s, and {arch} has one loss")
        if declared is not None and loss.action and not declared.describes:
            raise ValueError("loss.action must be 0: the prompt of lifter.config.prompt infers no action")
        hallucinates_late = loss.hallucinate_from != LossConfig().hallucinate_from
        if hallucinates_late and self.lifter.config.get("hallucinated") == 1:
            raise ValueError("loss.hallucinate_from must be left away: lifter.config.hallucinated is 1")
        return self

    @property
    def hash(self) -> str:
        """SHA-256 (hex) of every value that decides the weights, defaults too: see `NEUTRAL` for those that do not."""
        return hash_value(self.model_dump(mode="json", exclude=NEUTRAL))


def _declared(lifter: LifterConfig) -> LifterSpec | None:
    """What a lifter of this configuration declares; None where a value has the wrong kind, which its class names better."""
    try:
        return resolve_model(lifter.arch).entry.spec(lifter.config)
    except TypeError:
        return None


def find_config(name_or_path: str) -> Path:
    """The file of a tag, or the file itself; raises `DataMissingError` listing the tags that are there."""
    path = Path(name_or_path)
    found = _bundled(name_or_path) if path.suffix not in {".yaml", ".yml"} else path if path.is_file() else None
    if found is None:
        raise DataMissingError(
            f"There is no training configuration {name_or_path!r}; give a YAML file or one of: {_tags()}."
        )
    return found


def _bundled(tag: str) -> Path | None:
    places = (folder / f"{tag}.yaml" for folder in (CONFIGS, CONFIGS / ABLATIONS, CONFIGS / SEARCH))
    return next((place for place in places if place.is_file()), None)


def _tags() -> str:
    return ", ".join(sorted(file.stem for file in CONFIGS.rglob("*.yaml")))


def load_config(path: Path) -> TrainingConfig:
    """Read a YAML file, over the one that it extends; raises `UsageError` naming the first wrong key, and what is wrong with it."""
    return validated(TrainingConfig, _resolved(path, ()), f"training configuration {path.name}")


def _resolved(path: Path, above: tuple[Path, ...]) -> dict[str, Any]:
    """A file's values over those of the bundled configuration that its key `extends` names; `above` extend this one."""
    value = read_mapping(path, "training configuration")
    if "extends" not in value:
        return value
    name = value.pop("extends")
    base, chain = _bundled(str(name)), (*above, path.resolve())
    if base is None:
        raise UsageError(
            f"The training configuration {path.name} extends {name!r}, which is not in zoo/configs; it has {_tags()}."
        )
    if base.resolve() in chain:
        raise UsageError(f"The training configuration {path.name} extends {name}, which extends it in turn.")
    if len(chain) > MOST_BASES:
        raise UsageError(
            f"The training configuration {chain[0].name} stands on more than {MOST_BASES} others; extend a nearer one."
        )
    inherited = {key: kept for key, kept in _resolved(base, chain).items() if key not in OWN}
    return _merged(inherited, value)


def _merged(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Mappings merge; anything else replaces."""
    merged = dict(base)
    for key, value in over.items():
        inherited = base.get(key)
        both = isinstance(value, dict) and isinstance(inherited, dict)
        merged[key] = _merged(inherited, value) if both else value  # type: ignore[arg-type]  # both are mappings
    return merged


def read_mapping(path: Path, kind: str) -> dict[str, Any]:
    """A YAML file of keys and values; raises `UsageError` for anything else, with `kind` for what it should be."""
    try:
        value = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        reason = " ".join(str(error).split())
        raise UsageError(f"The {kind} {path.name} is not YAML ({reason}).") from error
    if not isinstance(value, dict):
        raise UsageError(f"The {kind} {path.name} must be a mapping of keys to values.")
    return value


def validated(model: type[Model], value: dict[str, Any], what: str) -> Model:
    """The value of a model; raises `UsageError` that names the first wrong key of `what`."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "(whole file)"
        reason = first["msg"].removeprefix("Value error, ")
        raise UsageError(f"The {what} is wrong at key `{key}`: {reason}.") from error
