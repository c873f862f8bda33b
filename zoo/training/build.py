"""The lifter of a training run: made as a tag is made, and what it needs of its configuration and of this machine."""

import inspect
import json
import os
import shutil
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from posebench.errors import UsageError
from posebench.hashing import canonical_json
from posebench.prediction.create import build_module
from posebench.registry.resolve import resolve_model
from zoo.training.config import TrainingConfig


def build_lifter(config: TrainingConfig) -> nn.Module:
    """The module of `lifter`, its weights drawn by torch's generator; raises `UsageError` for what its class does not take."""
    tag = replace(resolve_model(config.lifter.arch), tag=config.tag.split(".")[-1])
    lifter = build_module(tag, config.lifter.config)
    if config.norm_momentum is not None and not any(isinstance(part, nn.BatchNorm1d) for part in lifter.modules()):
        raise UsageError(f"norm_momentum must be left away: {config.lifter.arch} has no batch normalisation.")
    return lifter


def arguments_of(lifter: nn.Module, given: dict[str, Any]) -> dict[str, Any]:
    """Every argument of a lifter's class, as JSON has it: what was given, and the defaults of what was not.

    Weights are stored with all of them: another tag's configuration, or a default of tomorrow, shall not fill a gap.
    """
    bound = inspect.signature(type(lifter)).bind(**given)
    bound.apply_defaults()
    found = dict(bound.arguments)
    for name, parameter in bound.signature.parameters.items():
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            found |= found.pop(name)
    arguments: dict[str, Any] = json.loads(canonical_json(found))
    return arguments


def require_compiler(device: torch.device) -> None:
    """Raise `UsageError` on a machine where `torch.compile` would find no compiler in its first step."""
    # Private to torch, which has no public way to ask; it says so as a part of another error, after minutes of rendering.
    from torch._inductor.cpp_builder import get_cpp_compiler
    from torch._inductor.exc import InvalidCxxCompiler

    try:
        if device.type == "cpu":
            get_cpp_compiler()
            return
    except InvalidCxxCompiler as error:
        raise UsageError(
            "compile: true needs a C++ compiler, and there is no g++ here, nor is CXX one; install one or set compile: false."
        ) from error
    # Triton's rule.
    if not (os.environ.get("CC") or shutil.which("clang") or shutil.which("gcc")):
        raise UsageError(
            "compile: true needs a C compiler, and there is no gcc or clang here; install one or set compile: false."
        )


def refuse_compiled(error: RuntimeError) -> None:
    """Raise `UsageError` for a step that failed in what torch compiled: a compiler that was killed leaves half a library."""
    from torch._inductor.exc import InductorError
    from torch._inductor.runtime.cache_dir_utils import cache_dir

    if isinstance(error, InductorError):
        reason = str(error).splitlines()[0]
        raise UsageError(
            f"What torch compiled cannot be used ({reason}); remove {cache_dir()} and run the same command, or set compile: false."
        ) from error
