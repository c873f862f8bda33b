"""Making a lifter by name: factory, configuration, weights, declared behaviour."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from torch import nn

from posebench.errors import LifterContractError, UsageError
from posebench.hashing import canonical_json
from posebench.prediction.code_hash import hash_code
from posebench.prediction.hub import Report
from posebench.prediction.run_options import SAMPLING, samples
from posebench.prediction.spec import LifterSpec
from posebench.prediction.weights import WeightsFile, described_config, find_weights, load_weights
from posebench.registry.resolve import ModelTag, resolve_model


@dataclass(frozen=True)
class LoadedLifter:
    """A lifter ready to predict: its module in eval mode, what it declares and where its weights came from."""

    module: nn.Module
    spec: LifterSpec
    tag: ModelTag
    config: dict[str, Any]
    weights: WeightsFile | None

    @property
    def name(self) -> str:
        """`architecture.tag`."""
        return self.tag.name

    @property
    def parameters(self) -> int:
        """Number of trainable parameters."""
        return sum(parameter.numel() for parameter in self.module.parameters())

    @cached_property
    def code_sha256(self) -> str:
        """Hash of the code that its poses depend on, see `posebench.prediction.code_hash`; made when first asked for."""
        return hash_code(self.module, self.tag.entry, self.spec)

    def about(self) -> dict[str, Any]:
        """Whose poses its poses are, as plain values for a file beside them."""
        return {
            "name": self.name,
            "config": self.config,
            "weights_sha256": self.weights.sha256 if self.weights else None,
            "weights_origin": self.weights.origin if self.weights else None,
            "code_sha256": self.code_sha256,
        }


def build_module(tag: ModelTag, config: dict[str, Any]) -> nn.Module:
    """Call the factory; raises `UsageError` for a configuration it does not take, `LifterContractError` for no lifter."""
    try:
        module = tag.entry.factory(**config)
    except (TypeError, ValueError, ArithmeticError, RuntimeError) as error:
        # Also what torch says of sizes that cannot be.
        reason = str(error).strip().split("\n")[0].rstrip(".")
        raise UsageError(f"The configuration of {tag.name} is not taken by {tag.entry.origin}: {reason}.") from error
    if not isinstance(module, nn.Module) or not callable(getattr(module, "lift", None)):
        raise LifterContractError(f"{tag.entry.origin} must return a torch.nn.Module with a method lift(inputs).")
    return module.eval()


def load_lifter(name: str, weights: Path | None = None, report: Report | None = None, **config: Any) -> LoadedLifter:
    """A lifter by `architecture` or `architecture.tag`, its weights loaded strictly.

    `weights` is a safetensors file to use instead of the registered ones;
    the configuration that it says it has is taken in place of the tag's.
    `report` hears how far a download from the Hub is; other keyword arguments
    override the tag's configuration, and may not contradict the file's, but
    for hypotheses and steps of a lifter that samples, which no weights depend
    on. Raises `UnknownNameError`, `UsageError`, `WeightsError`, and
    `LifterContractError` for a lifter that samples without saying how.
    """
    tag = resolve_model(name)
    file = find_weights(tag, weights, report)
    merged = {**_own_config(tag, file, config), **config}
    module = build_module(tag, merged)
    spec = tag.entry.spec(merged)
    if spec.samples and (missing := [setting for setting in SAMPLING if setting not in merged]):
        raise LifterContractError(
            f"{tag.name} declares that it samples: its configuration must have {' and '.join(SAMPLING)}, and lacks {missing[0]}."
        )
    if file is not None:
        load_weights(module, file, tag.name)
    return LoadedLifter(module, spec, tag, merged, file)


def _own_config(tag: ModelTag, file: WeightsFile | None, asked: dict[str, Any]) -> dict[str, Any]:
    """The configuration without what was asked: the tag's, or what the user's file says of itself."""
    stored = described_config(file, tag) if file is not None and file.origin == "file" else None
    if file is None or stored is None:
        return tag.config
    sampling = SAMPLING if samples(tag) else ()
    for name, value in asked.items():
        # As JSON has them, which knows no tuples.
        if name in stored and name not in sampling and canonical_json(stored[name]) != canonical_json(value):
            raise UsageError(f"{file.path} was made with {name} = {stored[name]!r}, not {value!r}; leave {name} away.")
    # What a tag with weights says beyond sizes was chosen for its own; one without only says how to run.
    kept = tag.config if tag.described.weights is None else {n: v for n, v in tag.config.items() if n in sampling}
    return {**kept, **stored}


def create_lifter(name: str, weights: Path | None = None, **config: Any) -> nn.Module:
    """The plain `torch.nn.Module` of a lifter, in eval mode; arguments and errors as `load_lifter`."""
    return load_lifter(name, weights, **config).module
