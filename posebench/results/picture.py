"""A picture of predictions beside the truth: what the lifter saw, its pose from the camera and from the side."""

from pathlib import Path

import numpy as np

from posebench.datasets.store import Dataset
from posebench.errors import UsageError
from posebench.files import replace_whole
from posebench.inputs.frames import wanted_frames
from posebench.inputs.sources import find_source
from posebench.prediction.folder import PredictionFolder
from posebench.results.drawing import FROM_THE_CAMERA, FROM_THE_SIDE, TRUTH, draw_keypoints, draw_pose

COLUMNS = 5


def draw_predictions(folder: PredictionFolder, dataset: Dataset, sequence_id: str | None, path: Path) -> str:
    """Draw `COLUMNS` frames of a sequence to an image file (PNG, SVG or PDF by its ending); returns the sequence's id.

    `sequence_id` None takes the first one. Several hypotheses are drawn by
    their mean. Raises `UsageError` for a sequence that is not in the folder.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    if path.suffix not in {".png", ".svg", ".pdf"}:
        raise UsageError(f"{path} ends in {path.suffix!r}; a picture ends in .png, .svg or .pdf.")
    manifest = folder.manifest
    found = {item.info.id: item for item in wanted_frames(dataset, manifest.inputs, manifest.limit)}
    chosen = sequence_id or min(found)
    if chosen not in found:
        raise UsageError(f"{folder.path} has no sequence {chosen!r}; its first is {min(found)!r}.")
    sequence = dataset.read(found[chosen].info)
    seen = find_source(manifest.inputs.source).read(sequence)
    prediction = folder.read(chosen)
    poses = prediction.poses.mean(axis=0)
    root = sequence.skeleton.root
    if manifest.space == "camera":
        poses = poses - poses[:, root : root + 1]
    rows = np.linspace(0, len(poses) - 1, min(COLUMNS, len(poses))).round().astype(int)
    figure, axes = plt.subplots(3, len(rows), figsize=(2.4 * len(rows), 7.6), squeeze=False)
    for column, row in enumerate(rows):
        frame = int(prediction.frame[row])
        truth = sequence.poses[frame] - sequence.poses[frame, root : root + 1]
        draw_keypoints(axes[0, column], sequence.skeleton, seen.pixels[frame])
        axes[0, column].set_title(f"frame {frame}", fontsize=9)
        for axis, across in ((axes[1, column], FROM_THE_CAMERA), (axes[2, column], FROM_THE_SIDE)):
            draw_pose(axis, sequence.skeleton, truth, across, TRUTH, width=4.0)
            draw_pose(axis, sequence.skeleton, poses[row], across)
        error = np.linalg.norm(poses[row] - truth, axis=-1).mean()
        axes[1, column].set_title(f"MPJPE {error:.0f} mm", fontsize=9)
    for axis, label in zip(axes[:, 0], ("2D seen", "from the camera", "from the side"), strict=True):
        axis.set_ylabel(label, fontsize=9)
    figure.suptitle(
        f"{manifest.lifter}, {manifest.inputs.source} 2D, {manifest.inputs.dataset} {chosen}; grey: truth", fontsize=10
    )
    figure.tight_layout()
    kind = path.suffix.removeprefix(".")
    replace_whole(path, lambda part: figure.savefig(part, format=kind, dpi=120))
    plt.close(figure)
    return chosen
