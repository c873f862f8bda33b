"""Human3.6M in every form that is in circulation."""

from posebench.datasets.human36m.adapter import Human36M

__all__ = ["Human36M"]
