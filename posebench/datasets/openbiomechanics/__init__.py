"""OpenBiomechanics: baseball pitching in C3D markers, seen by three virtual broadcast cameras."""

from posebench.datasets.openbiomechanics.adapter import OpenBiomechanics

__all__ = ["OpenBiomechanics"]
