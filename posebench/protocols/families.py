"""The named rules of the literature's benchmarks, by `dataset/rule`."""

from posebench.protocols import human36m, mpi3dhp, threedpw
from posebench.protocols.protocol import ProtocolFamily
from posebench.registry.entries import unknown_name


def literature() -> dict[str, ProtocolFamily]:
    """Every family of Human3.6M, MPI-INF-3DHP and 3DPW."""
    made = [*human36m.families(), *mpi3dhp.families(), *threedpw.families()]
    return {family.name: family for family in made}


def find_literature(name: str) -> ProtocolFamily:
    """One family; raises `UnknownNameError` with the nearest names."""
    families = literature()
    if name not in families:
        raise unknown_name("protocol", name, families)
    return families[name]
