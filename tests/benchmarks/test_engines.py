"""Two workers beside one, each with one thread: what the engine `local` costs beyond the work it shares out."""

from itertools import count
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from ratios import Beside

import posebench
from posebench.engines.engine import cores
from posebench.engines.local import LocalEngine
from posebench.prediction.folder import PredictionFolder

#: How much faster two workers must be on two cores (start-up apart: the processes stay from run to run).
LEAST = 1.6


@pytest.mark.skipif(cores() < 2, reason="two workers have nothing to gain on one core")
def test_two_workers_beside_one(
    beside: Beside, benchmark: BenchmarkFixture, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    number = count()

    def predict(engine: LocalEngine) -> PredictionFolder:
        """The predictions of the bundled data set by the bundled VideoPose3D."""
        return posebench.predict(
            "videopose3d", tmp_path / str(next(number)), dataset="procedural", flip=True, engine=engine,
            limit=2000 if benchmark.disabled else None,
        )  # fmt: skip

    one, two = LocalEngine(1, threads=1), LocalEngine(2, threads=1)
    request.addfinalizer(one.close)
    request.addfinalizer(two.close)
    alone, shared_out = beside(lambda: predict(one), lambda: predict(two), least=LEAST, pairs=6)
    ids = [file.stem.replace(".", "/") for file in alone.path.glob("sequences/*.safetensors")]
    assert len(ids) > 1
    assert alone.hash(ids) == shared_out.hash(ids)
