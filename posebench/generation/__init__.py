"""Poses without an image: `posebench generate`, `complete` and `denoise`, by lifters that are priors of poses."""
