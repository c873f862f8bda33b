"""`h36m_protocol.npz` and its JSON: VideoPose3D's whole evaluation, through the scoring and averaging of protocols."""

from collections.abc import Iterator
from typing import Any

from posebench.conformance.comparison import Comparison, compare, failure
from posebench.conformance.scored import score_poses, scoring_of
from posebench.conformance.stored import StoredArrays
from posebench.errors import DataDamagedError
from posebench.metrics.table import METRICS
from posebench.protocols.headline import combine


def check_human36m(stored: StoredArrays, about: Any) -> Iterator[Comparison]:
    """Every action, the mean over actions and the mean over frames, in each column of the JSON.

    Action files `Walking` and `Walking 1` are one action, as in VideoPose3D's `run.py`.
    """
    sequences, expected = about["sequences"], about["expected"]
    columns = tuple(expected["columns"])
    strange = [column for column in columns if column not in METRICS]
    if strange:
        raise DataDamagedError(f"h36m_protocol.json expects {strange[0]!r}, which is no metric of posebench.")
    names = [f"{k}_{kind}" for k in range(len(sequences)) for kind in ("gt", "pred")]
    tolerance = stored.tolerance(names)
    by_actions, by_frames = scoring_of(columns, averaging="actions"), scoring_of(columns)
    rows = []
    for k, item in enumerate(sequences):
        truth, predicted = stored.poses(f"{k}_gt"), stored.poses(f"{k}_pred")
        if len(truth) != item["frames"]:
            raise DataDamagedError(f"{k}_gt of {stored.name} has {len(truth)} frames, its JSON says {item['frames']}.")
        action = item["action"].split(" ")[0]
        rows.append(
            score_poses(by_actions, predicted, truth, str(item["subject"]), action, item["action"], str(item["camera"]))
        )
    actions, frames = combine(by_actions, rows), combine(by_frames, rows)
    ours = {f"action {name}": numbers["p-agg"] for name, numbers in actions.by_group.items()}
    theirs = {f"action {name}": numbers for name, numbers in expected["per_action"].items()}
    ours |= {"mean over actions": actions.overall["p-agg"], "mean over frames": frames.overall["p-agg"]}
    theirs |= {"mean over actions": expected["action_average"], "mean over frames": expected["frame_average"]}
    for case in sorted(set(ours) ^ set(theirs)):
        yield failure(
            f"h36m_protocol/{case}", f"is {'not expected' if case in ours else 'expected, but no sequence has it'}"
        )
    for case, values in theirs.items():
        if case in ours:
            for column, value in zip(columns, values, strict=True):
                yield compare(f"h36m_protocol/{case}/{column}", value, ours[case][column], tolerance)
    for name in stored.unknown(names, ()):
        yield failure(f"h36m_protocol/{name}", "an array that the JSON does not list")
