"""What posebench itself registers: its data sets and their protocols. Imports no torch and no numpy."""

from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING

from posebench.registry.decorators import register_dataset, register_protocol

if TYPE_CHECKING:
    from posebench.datasets.adapter import Adapter
    from posebench.protocols.protocol import ProtocolFamily


@dataclass(frozen=True)
class _Known:
    """A data set: its adapter `module:class` under `posebench.datasets`, what a user must know, its rules."""

    name: str
    adapter: str
    summary: str
    licence: str
    obtain: str
    rules: tuple[str, ...] = ("standard", "best-of-m")
    gated: bool = False
    page: str = ""
    citation: str = ""


#: Of `posebench.datasets.virtual_rig`, which needs numpy; a test compares both.
RIGS = ("low", "high", "near", "far", "focal-0.8", "focal-1.8")

DATASETS = (
    _Known(
        "procedural",
        "procedural:Procedural",
        "generated articulated bodies, 17 joints, 50 Hz, 4 cameras; embedded, not a benchmark of the literature",
        "Apache-2.0 (made by posebench itself)",
        "nothing to get: it is generated when first used",
    ),
    _Known(
        "hdm05",
        "hdm05:Hdm05",
        "motion capture of 5 actors and 11 actions (HDM05 cuts), 60 Hz, 4 virtual cameras",
        "CC BY-SA 3.0",
        "the cut ASF/AMC clips of the HDM05 motion capture database (University of Bonn)",
        rules=("standard", "best-of-m", "transfer", *(f"transfer-{rig}" for rig in RIGS)),
        page="https://resources.mpi-inf.mpg.de/HDM05/",
        citation="Müller et al., Documentation Mocap Database HDM05, CG-2007-2, Universität Bonn, 2007",
    ),
    _Known(
        "cmu",
        "cmu:Cmu",
        "motion capture of the CMU Graphics Lab, 60 Hz, 4 virtual cameras; its test subjects are yours to bring",
        "free for all uses, no direct resale of the data",
        "ASF/AMC files and an index.csv of the CMU Graphics Lab Motion Capture Database",
        page="http://mocap.cs.cmu.edu/",
        citation="CMU Graphics Lab Motion Capture Database, mocap.cs.cmu.edu (NSF EIA-0196217)",
    ),
    _Known(
        "openbiomechanics",
        "openbiomechanics:OpenBiomechanics",
        "baseball pitching, C3D markers at 360 Hz, 3 virtual broadcast cameras; stands in for the private MLBPitchDB",
        "CC BY-NC-SA 4.0, professional sports organisations excluded",
        "the C3D files of the OpenBiomechanics Project (Driveline Baseball)",
        rules=(
            *("standard", "standard-30hz", "zero-shot", "zero-shot-30hz", "best-of-m", "transfer", "transfer-rig"),
            *(f"transfer-{rig}" for rig in RIGS),
        ),
        page="https://www.openbiomechanics.org/",
        citation="Wasserberger et al., The OpenBiomechanics Project, 2022",
    ),
    _Known(
        "pose2sim",
        "pose2sim:Pose2Sim",
        "real OpenPose detections of 4 calibrated cameras, one walking adult, 60 Hz; pseudo ground truth",
        "BSD-3-Clause",
        "the demo of Pose2Sim",
        page="https://github.com/perfanalytics/pose2sim",
        citation="Pagnon et al., Pose2Sim: An open-source Python package for multiview markerless kinematics, JOSS 2022",
    ),
    _Known(
        "human36m",
        "human36m:Human36M",
        "Human3.6M: 11 actors, 15 actions, 4 cameras, 50 Hz, from the npz and pickle files in circulation",
        "Human3.6M licence: academic use, registration",
        "register at the owner's page, then make data_3d_h36m.npz as VideoPose3D documents, "
        "or take MotionBERT's or mmpose's files",
        rules=(
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
        gated=True,
        page="http://vision.imar.ro/human3.6m/",
        citation="Ionescu et al., Human3.6M, TPAMI 2014",
    ),
    _Known(
        "mpi3dhp",
        "mpi3dhp:Mpi3dhp",
        "MPI-INF-3DHP: 8 actors in training, 6 test sequences indoors and outdoors, two ground truths",
        "MPI-INF-3DHP licence: non-commercial research, registration",
        "register at the owner's page and run his download scripts, or take the npz files of P-STMO or D3DP",
        rules=(
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
        gated=True,
        page="https://vcai.mpi-inf.mpg.de/3dhp-dataset/",
        citation="Mehta et al., Monocular 3D Human Pose Estimation In The Wild, 3DV 2017",
    ),
    _Known(
        "3dpw",
        "threedpw:ThreeDPW",
        "3D Poses in the Wild: 60 outdoor sequences, moving camera, up to two people, 30 Hz",
        "3DPW licence: non-commercial research",
        "sequenceFiles.zip from the owner's page, after accepting his licence",
        rules=("challenge24", "spin14"),
        gated=True,
        page="https://virtualhumans.mpi-inf.mpg.de/3DPW/",
        citation="von Marcard et al., Recovering Accurate 3D Human Pose in The Wild, ECCV 2018",
    ),
    _Known(
        "arrays",
        "arrays:Arrays",
        "your own poses: npz or safetensors files with 3D, cameras, and 2D of your detector",
        "yours",
        "write your poses as docs/add-a-dataset.md says",
    ),
)


def _register(known: _Known) -> None:
    def make() -> "Adapter":
        module, _, name = known.adapter.partition(":")
        adapter: Adapter = getattr(import_module(f"posebench.datasets.{module}"), name)()
        return adapter

    make.__qualname__ = known.name
    register_dataset(
        known.name,
        summary=known.summary,
        licence=known.licence,
        obtain=known.obtain,
        default_rule=known.rules[0],
        gated=known.gated,
        page=known.page,
        citation=known.citation,
    )(make)
    for rule in known.rules:

        def family(name: str = f"{known.name}/{rule}") -> "ProtocolFamily":
            from posebench.protocols.families import find_rule

            return find_rule(name)

        register_protocol(f"{known.name}/{rule}")(family)


for _known in DATASETS:
    _register(_known)
