"""The embedded data set `procedural`: generated bodies that move in known ways, the same on every machine."""

from posebench.datasets.procedural.adapter import Procedural

__all__ = ["Procedural"]
