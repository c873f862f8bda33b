"""The data set `arrays`: a user's own poses, cameras and keypoints, one npz or safetensors file a clip."""

from posebench.datasets.arrays.adapter import Arrays

__all__ = ["Arrays"]
