"""What is known of the owner's release: its sequences, frames, frame rates and activities.

Sources: the owner's `mpii_get_sequence_info.m`, `mpii_get_joint_set.m` and README; protocols.md, M2 and M3.
"""

from posebench.skeletons import MPI_INF_3DHP_17, MPI_INF_3DHP_28

#: The rate of the form. The owner names rates of the training videos only. A training sequence is about four
#: minutes long; so are TS1 to TS4 at this rate.
FPS = 25.0

ANNOT3, UNIVERSAL, ANNOT2 = "annot3", "univ_annot3", "annot2"

#: Activities 1 to 7 of the test set, as the official evaluation prints them.
ACTIVITIES = (
    "Standing/Walking",
    "Exercising",
    "Sitting",
    "Reaching/Crouching",
    "On The Floor",
    "Sports",
    "Miscellaneous",
)

#: Annotated frames of each test sequence.
TEST_FRAMES = {"TS1": 6151, "TS2": 6080, "TS3": 5838, "TS4": 6007, "TS5": 320, "TS6": 492}
OUTDOORS = ("TS5", "TS6")
#: Valid frames in the files that circulate, and in the older release whose counts papers still weight by.
VALID_2875 = {"TS1": 603, "TS2": 540, "TS3": 506, "TS4": 558, "TS5": 276, "TS6": 392}
VALID_2929 = {"TS1": 603, "TS2": 540, "TS3": 505, "TS4": 553, "TS5": 276, "TS6": 452}

SUBJECTS = tuple(f"S{number}" for number in range(1, 9))
TAKES = ("Seq1", "Seq2")
#: Frames and frames a second of each training sequence. Annotations after the last frame have no image.
TRAIN_FRAMES = {
    ("S1", "Seq1"): (6416, 25.0),
    ("S1", "Seq2"): (12430, 50.0),
    ("S2", "Seq1"): (6502, 25.0),
    ("S2", "Seq2"): (6081, 25.0),
    ("S3", "Seq1"): (12488, 50.0),
    ("S3", "Seq2"): (12283, 50.0),
    ("S4", "Seq1"): (6171, 25.0),
    ("S4", "Seq2"): (6675, 25.0),
    ("S5", "Seq1"): (12820, 50.0),
    ("S5", "Seq2"): (12312, 50.0),
    ("S6", "Seq1"): (6188, 25.0),
    ("S6", "Seq2"): (6145, 25.0),
    ("S7", "Seq1"): (6239, 25.0),
    ("S7", "Seq2"): (6320, 25.0),
    ("S8", "Seq1"): (6468, 25.0),
    ("S8", "Seq2"): (6054, 25.0),
}
#: The eight of fourteen training cameras that hang at chest height: the owner's own choice (`mpii_get_camera_set.m`, vnect).
TRAIN_CAMERAS = (0, 1, 2, 4, 5, 6, 7, 8)
TRAIN_SIZE = (2048, 2048)
#: The 17 relevant joints among the 28 of the training annotations.
SELECTED = MPI_INF_3DHP_28.indices(MPI_INF_3DHP_17.joints)


def own_rate(fps: float) -> float | None:
    """What `Clip.fps` says of a clip at this rate: None where it is the form's."""
    return None if fps == FPS else fps
