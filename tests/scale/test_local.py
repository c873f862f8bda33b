"""The engine `local`: the bits of one process, whatever the number of workers and whichever of them dies."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from command_line import refused, run

import posebench
from posebench.engines.choose import choose_engine
from posebench.engines.engine import WorkerError, cores
from posebench.engines.local import LocalEngine
from posebench.errors import NotFiniteError
from posebench.prediction.folder import PredictionFolder
from posebench.results.record import Record

#: A lifter with flip, one that samples, one that is fitted.
RUNS: tuple[tuple[str, dict[str, Any]], ...] = (
    ("plain", {"flip": True}),
    ("sampling", {"hypotheses": 4, "steps": 1, "seed": 5}),
    ("mean-pose", {}),
)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """What a worker has here; another number of threads may move a sum's last bit."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def numbers(record: Record) -> dict[str, Any]:
    """A record without what two runs never share: its id, and the time it took."""
    value = record.model_dump(mode="json")
    return {name: part for name, part in value.items() if name not in ("id", "created", "timing")}


@pytest.mark.parametrize("workers", [1, 2, 3])
def test_any_number_of_workers_gives_the_bits_of_one_process(lifters: None, workers: int) -> None:
    engine = LocalEngine(workers, threads=1)
    for model, settings in RUNS:
        alone = posebench.evaluate(model, dataset="tiny", **settings)
        shared = posebench.evaluate(model, dataset="tiny", engine=engine, **settings)
        assert shared.run.predictions_sha256 == alone.run.predictions_sha256
        assert numbers(shared) == numbers(alone)
        # Passes side by side have no time that may stand beside those of one process.
        assert shared.timing.workers == workers
        assert shared.timing.forward_seconds is None
        assert shared.timing.frames_per_second is None
        assert alone.timing.workers is None
    engine.close()


def test_a_worker_that_is_killed_costs_its_sequence_alone(
    lifters: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = posebench.evaluate("fragile", dataset="tiny")
    monkeypatch.setenv("POSEBENCH_TEST_KILL", str(tmp_path / "killed"))
    engine = LocalEngine(2, threads=1)
    seen: list[int] = []
    shared = posebench.evaluate(
        "fragile", dataset="tiny", engine=engine, progress=lambda stage, done, _: seen.append(done) if stage == "predict" else None
    )  # fmt: skip
    engine.close()
    assert (tmp_path / "killed").exists()
    assert numbers(shared) == numbers(alone)
    # Every sequence was told once, all workers together.
    assert seen == sorted(set(seen))
    assert seen[-1] == 200


def test_what_fails_in_a_worker_is_one_sentence_here(lifters: None, tmp_path: Path) -> None:
    engine = LocalEngine(2, threads=1)
    with pytest.raises(WorkerError, match=r"failing.*S2/turn/0.*RuntimeError: the shapes do not fit\)"):
        posebench.evaluate("failing", dataset="tiny", engine=engine)
    with pytest.raises(NotFiniteError, match="S2/turn/0"):
        posebench.evaluate("nan", dataset="tiny", engine=engine)
    with pytest.raises(WorkerError, match=r"3 worker processes died on S2/turn/0.*run fewer at once"):
        posebench.evaluate("deadly", dataset="tiny", engine=engine, predictions=tmp_path)
    engine.close()
    # What was finished stays, as after any interruption.
    assert list((PredictionFolder.open(tmp_path).path / "sequences").glob("*.safetensors"))


def test_a_worker_that_is_killed_while_it_waits_costs_nothing(lifters: None) -> None:
    from engine_lifters import process_of  # as a process finds it

    engine = LocalEngine(2, threads=1)
    before = {process for _, process in engine.map(process_of, range(6)) if isinstance(process, int)}
    assert len(before) == 2
    lost = min(before)
    os.kill(lost, signal.SIGKILL)
    (worker,) = (process for process in multiprocessing.active_children() if process.pid == lost)
    worker.join(10)
    made = dict(engine.map(process_of, range(6)))
    engine.close()
    assert sorted(made) == list(range(6))
    assert lost not in made.values()


def test_a_script_without_a_guard_is_told_so(tmp_path: Path) -> None:
    script = tmp_path / "bare.py"
    script.write_text(
        "from posebench.engines.local import LocalEngine\n"
        "from posebench.errors import PosebenchError\n"
        "try:\n"
        "    print(list(LocalEngine(1, threads=1).map(abs, [-1])))\n"
        "except PosebenchError as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, check=True)
    assert "worker processes ended before they began" in done.stdout
    assert '`if __name__ == "__main__":`' in done.stdout
    assert "memory; " not in done.stdout


def test_threads_are_those_asked_for_and_recorded(lifters: None, capsys: pytest.CaptureFixture[str]) -> None:
    before = torch.get_num_threads()
    common = ("run", "-m", "plain", "-d", "tiny", "--json")
    made = {
        options: json.loads(run(capsys, *common, *options))
        for options in ((), ("--threads", "3"), ("--threads", "3", "--engine", "local", "--workers", "1"))
    }
    assert torch.get_num_threads() == before
    assert [record["environment"]["threads"] for record in made.values()] == [before, 3, 3]
    # Threads move last bits at most, so they make no other run.
    assert len({record["run"]["manifest_sha256"] for record in made.values()}) == 1


@pytest.mark.parametrize(
    ("device", "workers", "gpus"), [("cuda", 4, ("0", "1", "2", "3")), ("cuda:0", 1, ()), ("cpu", cores(), ())]
)
def test_a_worker_a_gpu_or_a_core(monkeypatch: pytest.MonkeyPatch, device: str, workers: int, gpus: Any) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    engine = choose_engine("local", device=device)
    assert isinstance(engine, LocalEngine)
    assert engine.workers == workers
    assert engine.gpus == gpus


def test_the_command_line_says_it_without_a_traceback(lifters: None, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("run", "-m", "nan", "-d", "tiny", "--engine", "local", "--workers", "1", "--threads", "1")
    assert "NaN or infinity in sequence S2/turn/0" in refused(capsys, 4, *arguments)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--engine", "slurm"), "--engine 'slurm' is not known; give local or ray."),
        (("--workers", "2"), "--workers is for --engine local or ray."),
        (("--engine", "local", "--ray-address", "auto"), "--ray-address is for --engine ray."),
        (("--engine", "ray", "--device", "cuda:1"), "--device cuda:1 is a GPU of this machine; with --engine ray give --device cuda."),
        (("--threads", "0"), "--threads is 0; give 1 or more."),
        (("--engine", "local", "--workers", "0"), "--workers is 0; give 1 or more."),
        (("--engine", "local", "--threads", "-1"), "--threads is -1; give 1 or more."),
    ],
)  # fmt: skip
def test_options_that_do_not_go_together_are_refused(
    lifters: None, capsys: pytest.CaptureFixture[str], options: tuple[str, ...], message: str
) -> None:
    assert refused(capsys, 2, "run", "-m", "plain", "-d", "tiny", *options) == f"posebench: {message}"
