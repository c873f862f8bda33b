"""What posebench itself registers: its data sets and their protocols. Imports no torch and no numpy."""

from typing import TYPE_CHECKING

from posebench.registry.decorators import register_dataset, register_protocol

if TYPE_CHECKING:
    from posebench.datasets.adapter import Adapter
    from posebench.protocols.protocol import ProtocolFamily


@register_dataset(
    "procedural",
    summary="generated articulated bodies, 17 joints, 50 Hz, 4 cameras; embedded, not a benchmark of the literature",
    licence="Apache-2.0 (made by posebench itself)",
    obtain="nothing to get: it is generated when first used",
)
def procedural() -> "Adapter":
    """The embedded data set."""
    from posebench.datasets.procedural import Procedural

    return Procedural()


@register_dataset(
    "hdm05",
    summary="motion capture of 5 actors and 11 actions (HDM05 cuts), 60 Hz, 4 virtual cameras",
    licence="CC BY-SA 3.0",
    obtain="the cut ASF/AMC clips of the HDM05 motion capture database (University of Bonn)",
)
def hdm05() -> "Adapter":
    """Real motion: HDM05."""
    from posebench.datasets.hdm05 import Hdm05

    return Hdm05()


@register_dataset(
    "cmu",
    summary="motion capture of the CMU Graphics Lab, 60 Hz, 4 virtual cameras",
    licence="free for all uses, no direct resale of the data",
    obtain="ASF/AMC files and an index.csv of the CMU Graphics Lab Motion Capture Database",
)
def cmu() -> "Adapter":
    """Real motion: CMU."""
    from posebench.datasets.cmu import Cmu

    return Cmu()


@register_protocol("procedural/standard")
def procedural_standard() -> "ProtocolFamily":
    """The embedded data set's own rule."""
    from posebench.protocols.open_sets import open_standard

    return open_standard("procedural", default_source="gt")


@register_protocol("hdm05/standard")
def hdm05_standard() -> "ProtocolFamily":
    """HDM05's rule."""
    from posebench.protocols.open_sets import open_standard

    return open_standard("hdm05", default_source="simulated")


@register_protocol("openbiomechanics/standard")
def openbiomechanics_standard() -> "ProtocolFamily":
    """The rule for baseball pitching; its data set has no adapter yet."""
    from posebench.protocols.open_sets import open_standard

    return open_standard("openbiomechanics", default_source="simulated", version="1")


def _register_families(dataset: str, rules: tuple[str, ...]) -> None:
    """The named rules of a benchmark; their values are only made when one is asked for."""
    for rule in rules:

        def make(name: str = f"{dataset}/{rule}") -> "ProtocolFamily":
            from posebench.protocols.literature import find_literature

            return find_literature(name)

        register_protocol(f"{dataset}/{rule}")(make)


_register_families(
    "human36m",
    (
        "videopose3d",
        "zeroed-root",
        "subtracted-root",
        "mixste",
        "mmpose",
        "motionbert",
        "joints16",
        "joints16-without-root",
        "d3dp",
        "best-of-m",
        "hard",
    ),
)
_register_families(
    "mpi3dhp",
    (
        "official-annot3",
        "official-univ",
        "pooled-annot3",
        "pooled-univ",
        "activities-annot3",
        "activities-univ",
        "pstmo2929",
        "joints17-annot3",
        "auc30-annot3",
    ),
)
_register_families("3dpw", ("challenge24", "spin14"))
