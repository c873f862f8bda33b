"""Hypotheses with roots of their own and the lens they go with: from the lifter to the folder and into a score."""

import json
from collections.abc import Callable
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch

import posebench
from posebench.errors import DataDamagedError, NotFiniteError, UsageError
from posebench.prediction.folder import PredictionFolder
from posebench.prediction.lifter import Lifted, LifterInputs
from posebench.registry.decorators import register_lifter

LENS = torch.arange(1.0, 10.0)


class Placing(torch.nn.Module):
    """Two hypotheses of nobody in particular, a metre and three metres to the right, weighted 3 to 1."""

    def __init__(self, change: Callable[[Lifted], Lifted]) -> None:
        super().__init__()
        self.change = change

    def lift(self, inputs: LifterInputs) -> Lifted:
        batch, frames = inputs.keypoints.shape[:2]
        poses = torch.zeros(batch, 2, frames, 17, 3)
        root = torch.zeros(batch, 2, frames, 3)
        root[:, 0, :, 0], root[:, 1, :, 0], root[..., 2] = 1000.0, 3000.0, 5000.0
        weight = torch.tensor([0.75, 0.25])[None, :, None].expand(batch, 2, frames)
        return self.change(Lifted(poses, root, weight, LENS.clone()))


@pytest.fixture
def placing(tiny: str) -> Callable[..., str]:
    number = count()

    def register(change: Callable[[Lifted], Lifted] = lambda lifted: lifted, **spec: object) -> str:
        name = f"placing-{next(number)}"
        register_lifter(name, spec=posebench.LifterSpec(**spec))(lambda: Placing(change))  # type: ignore[arg-type]
        return name

    return register


def test_each_root_and_the_lens_reach_the_folder_as_they_are(placing: Callable[..., str], tmp_path: Path) -> None:
    spec = {"window": 4, "stride": 4, "tail": "shift", "privileges": ("future_frames",)}
    folder = posebench.predict(placing(**spec), tmp_path / "p", dataset="tiny")
    prediction = folder.read("S2/turn/0/north")
    assert prediction.root is not None
    assert prediction.lens is not None
    assert prediction.root.shape == (2, 25, 3)
    assert np.unique(prediction.root[..., 0], axis=1).tolist() == [[1000.0], [3000.0]]
    assert prediction.lens.tolist() == LENS.tolist()


def test_the_person_is_placed_at_the_weighted_mean_of_the_roots(placing: Callable[..., str]) -> None:
    own = posebench.evaluate(placing(), dataset="tiny")
    mean = posebench.evaluate(
        placing(lambda made: Lifted(made.poses, (made.root * made.weight[..., None]).sum(1), made.weight)),
        dataset="tiny",
    )
    assert own.results["honest"]["p-agg"]["mrpe"] == pytest.approx(mean.results["honest"]["p-agg"]["mrpe"], abs=1e-9)
    plain = posebench.evaluate(placing(lambda made: Lifted(made.poses, made.root)), dataset="tiny")
    assert abs(plain.results["honest"]["p-agg"]["mrpe"] - own.results["honest"]["p-agg"]["mrpe"]) > 50


@pytest.mark.parametrize(
    ("part", "said"), [("root", " for a root"), ("weight", " for a weight"), ("lens", " for a len")]
)
def test_what_is_not_finite_is_told(placing: Callable[..., str], tmp_path: Path, part: str, said: str) -> None:
    def spoiled(made: Lifted) -> Lifted:
        spoil = getattr(made := made.each(torch.Tensor.clone), part)
        spoil[..., -1] = torch.nan
        return made

    with pytest.raises(NotFiniteError, match=rf"{said}.* in sequence S2/sway/0/east"):
        posebench.predict(placing(spoiled), tmp_path, dataset="tiny", limit=3)


@pytest.mark.parametrize("part", ["root", "weight", "lens"])
def test_none_of_them_has_a_mirror_image(placing: Callable[..., str], tmp_path: Path, part: str) -> None:
    name = placing(lambda made: Lifted(made.poses, **{part: getattr(made, part)}))
    with pytest.raises(UsageError, match="run it without flip"):
        posebench.predict(name, tmp_path, dataset="tiny", limit=3, flip=True)


def test_a_folder_of_an_older_format_is_refused(placing: Callable[..., str], tmp_path: Path) -> None:
    file = posebench.predict(placing(), tmp_path, dataset="tiny", limit=3).path / "manifest.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), "format": 2}))
    with pytest.raises(DataDamagedError, match=r"its format is 2.* predict again into another folder"):
        PredictionFolder.open(tmp_path)
