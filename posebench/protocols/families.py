"""The rules that posebench brings, by `dataset/rule`: of the literature's benchmarks and of the open data sets."""

from collections.abc import Callable

from posebench.datasets.virtual_rig import RIGS
from posebench.protocols import human36m, mpi3dhp, openbiomechanics, threedpw
from posebench.protocols.open_sets import open_rules, open_transfer
from posebench.protocols.protocol import ProtocolFamily
from posebench.registry.entries import unknown_name

#: Who makes the families of a data set; only those of the one that is asked for are made.
MAKERS: dict[str, Callable[[], list[ProtocolFamily]]] = {
    "human36m": human36m.families,
    "mpi3dhp": mpi3dhp.families,
    "3dpw": threedpw.families,
    "openbiomechanics": openbiomechanics.families,
    "procedural": lambda: open_rules("procedural", "gt"),
    "hdm05": lambda: open_rules("hdm05", "simulated") + [open_transfer("hdm05", rig) for rig in ("", *RIGS)],
    "cmu": lambda: open_rules("cmu", "simulated"),
    "pose2sim": lambda: open_rules("pose2sim", "openpose", stored=("openpose", "openpose-raw")),
    "arrays": lambda: open_rules("arrays", "gt", own_sources=True),
}


def literature() -> dict[str, ProtocolFamily]:
    """Every family of Human3.6M, MPI-INF-3DHP and 3DPW."""
    return {family.name: family for dataset in ("human36m", "mpi3dhp", "3dpw") for family in MAKERS[dataset]()}


def find_rule(name: str) -> ProtocolFamily:
    """One family; raises `UnknownNameError` with the nearest names."""
    dataset = name.partition("/")[0]
    families = {family.name: family for family in MAKERS[dataset]()} if dataset in MAKERS else {}
    if name not in families:
        raise unknown_name("protocol", name, families)
    return families[name]
