"""Every metric once more, slowly: loops over numpy scalars, written from the definitions and sharing nothing with posebench.

`python tests/support/plain_definitions.py` writes `tests/metrics/golden.json` again.
"""

import json
import math
from itertools import pairwise, product
from pathlib import Path

import numpy as np

GOLDEN = Path(__file__).parents[1] / "metrics" / "golden.json"
HYPOTHESES, FRAMES, JOINTS = 5, 9, 17
PARENTS = (-1, 0, 1, 2, 0, 4, 5, 0, 7, 8, 9, 8, 11, 12, 8, 14, 15)
PAIRS = (
    ((0, 1), (0, 4)),
    ((1, 2), (4, 5)),
    ((2, 3), (5, 6)),
    ((8, 14), (8, 11)),
    ((14, 15), (11, 12)),
    ((15, 16), (12, 13)),
)
BONES = [(p, c) for c, p in enumerate(PARENTS) if p >= 0]
QUANTILES = [q / 20 for q in range(21)]


def wave(*index: int) -> float:
    """A number between -1 and 1 that looks arbitrary and is the same everywhere."""
    return math.sin(sum((k + 1.37) ** 2 * (i + 0.61) for k, i in enumerate(index)))


def inputs() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Truth, hypotheses, their reprojections and the keypoints; rounded, so that no sine's last bit shows."""
    shape = (FRAMES, JOINTS)
    truth, noise, shift = np.zeros((*shape, 3)), np.zeros((HYPOTHESES, *shape, 3)), np.zeros((HYPOTHESES, *shape, 2))
    for f, j, c in np.ndindex(truth.shape):
        truth[f, j, c] = 500 * wave(j, c) + 60 * wave(f, j, c)
    for h, f, j, c in np.ndindex(noise.shape):
        noise[h, f, j, c] = 90 * (1 + 0.1 * wave(h, 5) + 0.3 * wave(f, h)) * wave(h, f, j, c)
    for h, f, j, c in np.ndindex(shift.shape):
        shift[h, f, j, c] = 9 * wave(h + 3, j, f, c)
    truth, poses = np.round(truth, 2), np.round(truth + noise, 2)
    keypoints = np.round(truth[..., :2] / 8 + 500, 2)
    return truth, poses, np.round(keypoints + shift, 2), keypoints


def distance(a: np.ndarray, b: np.ndarray) -> float:
    return math.sqrt(sum((float(x) - float(y)) ** 2 for x, y in zip(a, b, strict=True)))


def mean(values: list[float]) -> float:
    return math.fsum(values) / len(values)


def lower_median(values: list[float]) -> float:
    return sorted(values)[(len(values) - 1) // 2]


def aligned(predicted: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Umeyama's similarity of one pose by numpy's SVD."""
    x, y = predicted - predicted.mean(0), truth - truth.mean(0)
    u, s, vt = np.linalg.svd(x.T @ y)
    d = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    return float(np.trace(np.diag(s) @ d)) / float((x**2).sum()) * x @ u @ d @ vt + truth.mean(0)


def pose_error(predicted: np.ndarray, truth: np.ndarray) -> float:
    return mean([distance(p, t) for p, t in zip(predicted, truth, strict=True)])


def sequence_error(predicted: np.ndarray, truth: np.ndarray) -> float:
    return mean([pose_error(p, t) for p, t in zip(predicted, truth, strict=True)])


def difference(poses: np.ndarray, order: int) -> np.ndarray:
    for _ in range(order):
        poses = np.array([after - before for before, after in pairwise(poses)])
    return poses


def curve(errors: list[float], thresholds: list[float], inclusive: bool = False) -> list[float]:
    return [mean([float(e <= t if inclusive else e < t) for e in errors]) for t in thresholds]


def trapezoids(values: list[float]) -> float:
    return math.fsum((a + b) / 2 for a, b in pairwise(values))


def length(pose: np.ndarray, bone: tuple[int, int]) -> float:
    return distance(pose[bone[0]], pose[bone[1]])


def linear_quantile(values: list[float], q: float) -> float:
    ordered, place = sorted(values), q * (len(values) - 1)
    low = min(int(place), len(values) - 2)
    return ordered[low] + (place - low) * (ordered[low + 1] - ordered[low])


def single(truth: np.ndarray, predicted: np.ndarray) -> dict[str, float]:
    errors = [distance(predicted[f, j], truth[f, j]) for f, j in product(range(FRAMES), range(JOINTS))]
    fourteen = [
        distance(predicted[f, j], truth[f, j]) for f, j in product(range(FRAMES), [*range(1, 7), 8, *range(10, 17)])
    ]
    twelve = [distance(predicted[f, j], truth[f, j]) for f, j in product(range(FRAMES), range(12))]
    fives = [5.0 * k for k in range(31)]
    scale = [float((p * t).sum() / (p * p).sum()) for p, t in zip(predicted, truth, strict=True)]
    still = np.zeros((FRAMES - 3, JOINTS, 3))
    return {
        "mpjpe": mean(errors),
        "p_mpjpe": mean([pose_error(aligned(p, t), t) for p, t in zip(predicted, truth, strict=True)]),
        "n_mpjpe": mean([pose_error(s * p, t) for s, p, t in zip(scale, predicted, truth, strict=True)]),
        "depth": mean([abs(float(predicted[f, j, 2] - truth[f, j, 2])) for f, j in product(range(FRAMES), range(JOINTS))]),
        "mpjve": sequence_error(difference(predicted, 1), difference(truth, 1)),
        "accel": sequence_error(difference(predicted, 2), difference(truth, 2)),
        "jitter": sequence_error(difference(predicted, 3), still),
        "pck150": 100 * curve(fourteen, [150.0])[0],
        "pck100_inclusive": 100 * curve(errors, [100.0], inclusive=True)[0],
        "auc": 100 * mean(curve(fourteen, fives)),
        "auc_without_zero": 100 * mean(curve(fourteen, fives[1:])),
        "auc_continuous": 100 * mean([max(0.0, 1 - e / 150) for e in fourteen]),
        "auc_challenge": 100 * trapezoids(curve(twelve, [float(t) for t in range(200)], inclusive=True)) / 199,
        "bone_length_error": mean([abs(length(p, b) - length(t, b)) for p, t in zip(predicted, truth, strict=True) for b in BONES]),
        "symmetry_error": mean([abs(length(p, a) - length(p, b)) for p in predicted for a, b in PAIRS]),
        "bone_length_jitter": mean([float(np.std([length(p, b) for p in predicted])) for b in BONES]),
        "root_error": mean([distance(p[0], t[0]) for p, t in zip(predicted, truth, strict=True)]),
    }  # fmt: skip


def several(truth: np.ndarray, poses: np.ndarray, reprojected: np.ndarray, keypoints: np.ndarray) -> dict[str, float]:
    H, F, J = range(HYPOTHESES), range(FRAMES), range(JOINTS)
    error = [[[distance(poses[h, f, j], truth[f, j]) for j in J] for f in F] for h in H]
    fitted = [[aligned(poses[h, f], truth[f]) for f in F] for h in H]
    p_error = [[[distance(fitted[h][f][j], truth[f, j]) for j in J] for f in F] for h in H]
    pixels = [[[distance(reprojected[h, f, j], keypoints[f, j]) for j in J] for f in F] for h in H]
    nearest = [[min(H, key=lambda h: pixels[h][f][j]) for j in J] for f in F]
    average = poses.mean(axis=0)

    def modes(e: list[list[list[float]]]) -> dict[str, float]:
        return {
            "j_best": mean([min(e[h][f][j] for h in H) for f in F for j in J]),
            "p_best": mean([min(mean(e[h][f]) for h in H) for f in F]),
            "p_best_batch": min(mean([mean(e[h][f]) for f in F]) for h in H),
            "j_agg": mean([e[nearest[f][j]][f][j] for f in F for j in J]),
        }

    spread = [[math.sqrt(mean([distance(poses[h, f, j], average[f, j]) ** 2 for h in H])) for j in J] for f in F]
    energy = [
        mean([error[h][f][j] for h in H]) - mean([distance(poses[a, f, j], poses[b, f, j]) for a in H for b in H]) / 2
        for f in F for j in J
    ]  # fmt: skip
    used = [j for j in J if j != 7]
    correct = [mean([float(any(all(p_error[h][f][j] < t for j in used) for h in H)) for f in F]) for t in range(1, 301)]
    return {
        **modes(error),
        **{f"p_{name}": value for name, value in modes(p_error).items()},
        "p_agg": sequence_error(average, truth),
        "p_p_agg": mean([pose_error(aligned(average[f], truth[f]), truth[f]) for f in F]),
        "median": mean([lower_median([mean(error[h][f]) for h in H]) for f in F]),
        "worst": mean([max(mean(error[h][f]) for h in H) for f in F]),
        "best_of_3": mean([min(mean(error[h][f]) for h in (0, 1, 2)) for f in F]),
        "cps": trapezoids(correct),
        "energy_score": mean(energy),
        "spread": mean([value for row in spread for value in row]),
    }


def calibration(truth: np.ndarray, poses: np.ndarray) -> tuple[list[list[float]], float]:
    H, F, J = range(HYPOTHESES), range(FRAMES), range(JOINTS)
    observed = [[0.0] * JOINTS for _ in QUANTILES]
    for j in J:
        for f in F:
            centre = np.array([lower_median([float(poses[h, f, j, c]) for h in H]) for c in range(3)])
            radii = [distance(poses[h, f, j], centre) for h in H]
            for k, q in enumerate(QUANTILES):
                observed[k][j] += float(distance(truth[f, j], centre) < linear_quantile(radii, q)) / FRAMES
    ece = mean([abs(float(np.median(row)) - q) for row, q in zip(observed, QUANTILES, strict=True)])
    return observed, ece


def definitions() -> dict[str, object]:
    """Every value by name."""
    truth, poses, reprojected, keypoints = inputs()
    observed, ece = calibration(truth, poses)
    return {
        "single": single(truth, poses[0]),
        "several": several(truth, poses, reprojected, keypoints),
        "observed": observed,
        "ece": ece,
    }


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(definitions()).replace("], [", "],\n [") + "\n", encoding="utf-8")
