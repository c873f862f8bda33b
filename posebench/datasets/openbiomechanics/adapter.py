"""OpenBiomechanics: 17 pitches and a swing, marker motion capture at 360 Hz, seen by virtual cameras, a broadcast's first.

Source: K. W. Wasserberger, A. C. Brady, D. M. Besky, B. R. Jones, K. J. Boddy, The OpenBiomechanics Project: The open
source initiative for anonymized, elite-level athletic motion capture data, 2022 (Driveline Baseball).
"""

from collections.abc import Iterator
from pathlib import Path

from posebench.datasets.adapter import Adapter, Check, Form
from posebench.datasets.clip import Clip, seen_by
from posebench.datasets.openbiomechanics.broadcast import broadcast_cameras
from posebench.datasets.openbiomechanics.checks import (
    BONE_RANGES_MM,
    DEVIATION_MM,
    FRAMES,
    HEIGHT_MM,
    SPEED_LIMIT,
    by_rate,
    check_handedness,
    check_phases,
    check_pitchers,
    check_throwing_arm,
)
from posebench.datasets.openbiomechanics.joints import MARKERS, human36m_joints
from posebench.datasets.openbiomechanics.markers import RECORDED_FPS, read_markers
from posebench.datasets.openbiomechanics.phases import faster_hand, find_phases
from posebench.datasets.openbiomechanics.recordings import Recording, find_recordings
from posebench.datasets.store import Dataset
from posebench.datasets.verification import (
    check_bones,
    check_complete,
    check_frame_counts,
    check_heights,
    check_inside_image,
    check_speeds,
)
from posebench.datasets.virtual_rig import RIG, RIGS, virtual_cameras
from posebench.skeletons import HUMAN36M_17

#: Rigs of four cameras about the pitcher, by form.
INDOOR_RIGS = {"rig": RIG, **RIGS}


class OpenBiomechanics(Adapter):
    """The benchmark's 18 recordings of the OpenBiomechanics Project, at 60, 30 and 360 Hz, and at 60 Hz by indoor rigs."""

    name = "openbiomechanics"
    version = "1"
    forms = (
        Form("", HUMAN36M_17, 60.0),
        Form("30hz", HUMAN36M_17, 30.0),
        Form("360hz", HUMAN36M_17, RECORDED_FPS),
        # Seen by the virtual rigs of HDM05 instead of a broadcast's cameras: its own, and each of the others.
        *(Form(name, HUMAN36M_17, 60.0, when_wanted=True) for name in INDOOR_RIGS),
    )

    def found(self, source: Path | None) -> tuple[Form, ...]:
        """Every frame rate and rig; raises when no recording is there."""
        find_recordings(source)
        return self.forms

    def clips(self, source: Path | None, form: Form) -> Iterator[Clip]:
        """The recordings in their fixed order; all files are found before the first is read."""
        for recording, path in find_recordings(source):
            yield _clip(recording, path, form)

    def count(self, source: Path | None, form: Form) -> int | None:
        """Number of the benchmark's recordings that are there."""
        return len(find_recordings(source))

    def verify(self, dataset: Dataset) -> list[Check]:
        """Bones, heights, everybody in view; the owner's handedness in the motion; phases; the benchmark's own frames."""
        return [
            check_complete(dataset),
            check_bones(dataset, DEVIATION_MM, 0.0, BONE_RANGES_MM),
            check_heights(dataset, *HEIGHT_MM),
            check_speeds(dataset, SPEED_LIMIT, {}),
            check_inside_image(dataset, 1.0),
            check_handedness(dataset),
            check_throwing_arm(dataset),
            check_phases(dataset),
            check_pitchers(dataset),
            check_frame_counts(dataset, by_rate(FRAMES, dataset)),
        ]


def _clip(recording: Recording, path: Path, form: Form) -> Clip:
    step, rig = round(RECORDED_FPS / form.fps), INDOOR_RIGS.get(form.name)
    markers = read_markers(path, MARKERS)
    world = human36m_joints(markers)
    metadata = {"file": f"{recording.stem}.c3d", **recording.described}
    if recording.action == "pitch":
        throws = recording.throws or faster_hand(world, RECORDED_FPS)[0]
        metadata |= {"throws": throws, "throws_from": "owner" if recording.throws else "motion"}
        phases = find_phases(world, markers[f"{throws}FIN"], throws, RECORDED_FPS)
        last = (len(world) - 1) // step
        # The kept frame that is nearest to the phase.
        metadata |= {name: str(min(last, (frame + step // 2) // step)) for name, frame in phases.items()}
        metadata["phases_from"] = "motion"
    return Clip(
        subject=recording.subject,
        action=recording.action,
        name=recording.clip,
        split=recording.split,
        views=seen_by(broadcast_cameras() if rig is None else virtual_cameras(world, rig)),
        world=world[::step],
        metadata=metadata,
    )
