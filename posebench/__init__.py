"""posebench: the referee of 2D-to-3D human pose lifting.

Public names are imported when first used, so that `import posebench` costs nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from posebench.datasets.library import load_dataset as load_dataset
    from posebench.prediction.create import create_lifter as create_lifter
    from posebench.prediction.lifter import Lifted as Lifted
    from posebench.prediction.lifter import LifterInputs as LifterInputs
    from posebench.prediction.spec import LifterSpec as LifterSpec
    from posebench.registry.decorators import register_dataset as register_dataset
    from posebench.registry.decorators import register_lifter as register_lifter
    from posebench.registry.decorators import register_protocol as register_protocol
    from posebench.registry.manifest import register_manifest as register_manifest
    from posebench.results.api import evaluate as evaluate
    from posebench.results.api import predict as predict
    from posebench.results.api import score as score

_HOME = {
    "LifterInputs": "posebench.prediction.lifter",
    "LifterSpec": "posebench.prediction.spec",
    "Lifted": "posebench.prediction.lifter",
    "create_lifter": "posebench.prediction.create",
    "evaluate": "posebench.results.api",
    "load_dataset": "posebench.datasets.library",
    "predict": "posebench.results.api",
    "register_conversion": "posebench.registry.decorators",
    "register_dataset": "posebench.registry.decorators",
    "register_lifter": "posebench.registry.decorators",
    "register_manifest": "posebench.registry.manifest",
    "register_protocol": "posebench.registry.decorators",
    "score": "posebench.results.api",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'posebench' has no attribute {name!r}")
    return getattr(import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return __all__
