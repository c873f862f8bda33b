"""Pose2Sim's demo: real OpenPose detections of four calibrated cameras, and the 3D triangulated from them."""

from posebench.datasets.pose2sim.adapter import Pose2Sim

__all__ = ["Pose2Sim"]
