"""MPI-INF-3DHP from its owner's files and from the npz files in circulation."""

from posebench.datasets.mpi3dhp.adapter import Mpi3dhp

__all__ = ["Mpi3dhp"]
