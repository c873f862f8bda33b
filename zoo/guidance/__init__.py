"""Steering samples of an unconditional prior of poses by what an image shows."""
