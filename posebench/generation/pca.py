"""The baseline of denoising: the best linear guess from the mean and covariance of training poses, along their principal axes."""

import numpy as np

from posebench.generation.real_poses import Poses


class TrainingSpace:
    """Principal components of root-relative training poses (n, 17, 3) mm, as cameras see them."""

    def __init__(self, poses: Poses) -> None:
        flat = poses[:, 1:].reshape(len(poses), -1)
        self.mean = flat.mean(0)
        values, self.axes = np.linalg.eigh(np.cov(flat, rowvar=False))
        self.variance = np.maximum(values, 0.0)

    def denoise(self, noisy: Poses, deviation: float) -> Poses:
        """Poses (frames, 17, 3) with noise of `deviation` mm a coordinate, each component shrunk as far as noise makes it up.

        The component of variance v keeps v / (v + deviation^2): the Wiener filter, which is the mean of a normal
        distribution given a noisy sample of it. Cutting components off would be a coarser choice of the same shares.
        """
        flat = noisy[:, 1:].reshape(len(noisy), -1) - self.mean
        share = self.variance / (self.variance + deviation**2)
        restored = self.mean + (flat @ self.axes * share) @ self.axes.T
        joints = restored.reshape(len(noisy), -1, 3)
        return np.concatenate([np.zeros_like(joints[:, :1]), joints], axis=1)
