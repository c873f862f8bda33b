"""What is said of hypotheses taken together, as samples of a distribution. A leaf without torch: protocols name them.

The numbers are `calibration.py`'s and, of the last but one, `inputs/heatmap_modes.py`'s. None of them chooses a
hypothesis, so none is an oracle's.
"""

from dataclasses import dataclass

#: Stands where an aggregate's name does: hypotheses with the root and lens that the lifter said, if it did.
SAMPLES = "samples"
#: The same with the true root and lens, for what cannot be had without.
PLACED = "samples-placed"
SAMPLE_AGGREGATES = {
    SAMPLES: "hypotheses as samples of a distribution",
    PLACED: "the same, seen with the true root and lens",
}

#: Confidence from which on a joint counts as surely seen. A choice: the simulated detector's is 0.64 in the mean.
SURE = 0.5
#: Standard deviations of its heatmap within which a joint is expected.
SIGMAS = 3.0


@dataclass(frozen=True)
class SampleMetric:
    """A number of all hypotheses together; `digits` is how many tables show after the point."""

    name: str
    title: str
    unit: str
    what: str
    digits: int = 1
    lower_is_better: bool | None = True
    """None where neither is better: what is best is what fits the error."""


ECE = "ece"
WITHIN = "within_3_sigma"

SAMPLE_METRICS: dict[str, SampleMetric] = {
    metric.name: metric
    for metric in (
        SampleMetric(
            "energy", "energy score", "mm",
            "mean distance to the truth less half the mean distance between two hypotheses; MPJPE of one hypothesis",
        ),
        SampleMetric(
            "spread", "spread", "mm",
            "standard deviation of a joint about the hypotheses' mean, over all joints but the root", lower_is_better=None,
        ),
        SampleMetric(
            "spread_sure", "spread, sure joints", "mm",
            f"the same of the joints whose keypoint has a confidence of {SURE:g} or more", lower_is_better=None,
        ),
        SampleMetric(
            "spread_doubtful", "spread, doubtful joints", "mm",
            f"of the joints whose keypoint has a confidence below {SURE:g}", lower_is_better=None,
        ),
        SampleMetric(
            "spread_missing", "spread, missing joints", "mm",
            "of the joints without a keypoint: hidden, or not found", lower_is_better=None,
        ),
        SampleMetric(
            WITHIN, "within 3 sigma", "%",
            "joints of all hypotheses that are seen within 3 standard deviations of the nearest peak of their built "
            "heatmap, of the joints that have one", lower_is_better=False,
        ),
        SampleMetric(
            ECE, "ECE", "",
            "expected calibration error: how far the share of true joints within each quantile of the hypotheses is from "
            "that quantile, median over all joints but the root, mean over 21 quantiles", digits=3,
        ),
    )
}  # fmt: skip
