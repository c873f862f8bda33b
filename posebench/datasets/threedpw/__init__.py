"""3DPW: people outdoors, seen by one moving camera, in the owner's `sequenceFiles`."""

from posebench.datasets.threedpw.adapter import ThreeDPW

__all__ = ["ThreeDPW"]
