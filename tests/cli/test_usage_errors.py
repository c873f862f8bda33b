"""What a mistyped command is told, what every help says, what the command line imports, and how it is stopped."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import click
import pytest

from posebench.cli.lazy import LazyGroup
from posebench.cli.main import INTERRUPTED, app, run_command
from zoo.__main__ import main as zoo_main


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("--bogus", "No such option '--bogus'"),
        ("run --bogus", "No such option '--bogus'"),
        ("run --modl mean-pose", "Did you mean '--model'?"),
        ("run -d procedural", "Missing option '--model'"),
        ("run -m mean-pose --workers x", "Invalid value for '--workers': 'x'"),
        ("run -m mean-pose --device", "'--device' requires an argument"),
        ("mock mean-pose --batch 0", "Invalid value for '--batch': 0"),
        ("score predictions --space world", "Invalid value for '--space': 'world'"),
        ("show", "Missing argument 'PREDICTIONS'"),
        ("time", "Missing argument 'MODEL...'"),
        ("list a b", "unexpected extra argument (b)"),
        ("lst", "No such command 'lst'. Did you mean 'list'?"),
        ("zzz", "No such command 'zzz'."),
        ("data lst", "No such command 'lst'. Did you mean 'list'?"),
        ("data prepare", "Missing argument 'NAME'"),
        ("data download hdm05", "Missing option '--to'"),
        ("leaderboard build --dri x", "Did you mean '--dir'?"),
        ("verify metrics", "Missing argument 'FOLDER'"),
        ("weights pull", "Missing argument 'MODELS...'"),
    ],
)
def test_a_mistyped_command_is_told_what_is_wrong(
    arguments: str, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(arguments.split()) == 2
    shown = capsys.readouterr()
    assert shown.out == ""
    *usage, sentence = shown.err.strip().splitlines()
    assert len(usage) <= 3, "the usage, where help is, an empty line"
    assert sentence.startswith("Error: ")
    assert told in sentence
    assert "Traceback" not in shown.err


@pytest.mark.parametrize("group", ["", "data", "leaderboard", "verify", "weights"])
def test_a_group_without_a_command_shows_its_commands(group: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(group.split()) == 2
    assert "Commands:" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("studdy", "Did you mean 'study'?"),
        ("train x --device tpu", "Invalid value for '--device': 'tpu'"),
        ("train x --threads 0", "Invalid value for '--threads': 0"),
        ("prompts x", "Missing option '--out'"),
    ],
)
def test_the_command_line_of_the_zoo_is_told_so_too(
    arguments: str, told: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["zoo", *arguments.split()])
    with pytest.raises(SystemExit) as leave:
        zoo_main()
    assert leave.value.code == 2
    assert told in capsys.readouterr().err


def commands(group: click.Group, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The path of every command, groups themselves too."""
    yield path
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))
        else:
            yield (*path, name)


@pytest.mark.parametrize("path", list(commands(app)), ids=" ".join)
def test_every_help_says_what_each_parameter_is(path: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command([*path, "--help"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith(" ".join(["Usage: posebench", *path, ""]))
    command: click.Command = app
    for name in path:
        assert isinstance(command, LazyGroup)
        found = command.get_command(click.Context(command), name)
        assert found is not None
        command = found
        # The name in the table of `main.py` and that of the command itself must not part.
        assert isinstance(command, LazyGroup) or command.name == name
    assert command.help
    for parameter in command.params:
        assert isinstance(parameter, click.Option | click.Argument)
        assert parameter.help, parameter.name
        assert all(name in shown for name in parameter.opts if name.startswith("--"))


def imported(*arguments: str) -> list[str]:
    """The modules that stand in memory after a command."""
    code = (
        "import json, sys; from posebench.cli.main import run_command;"
        f"code = run_command({list(arguments)!r}); print(json.dumps(sorted(sys.modules)), file=sys.stderr); sys.exit(code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found: list[str] = json.loads(done.stderr)
    return found


def test_a_command_imports_no_other() -> None:
    shared = {f"posebench.cli.{name}" for name in ("main", "lazy", "application", "console", "options")}
    for arguments, module in ((("list",), "models"), (("data", "list"), "data_info")):
        found = imported(*arguments)
        assert {name for name in found if name.startswith("posebench.cli.")} == shared | {f"posebench.cli.{module}"}
        assert "typer" not in found


@pytest.fixture
def _broken(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """`posebench doctor` meets this exception."""

    def examine(environment: dict[str, str]) -> None:
        raise request.param

    monkeypatch.setattr("posebench.results.doctor.examine", examine)


@pytest.mark.usefixtures("_broken")
@pytest.mark.parametrize("_broken", [KeyboardInterrupt()], indirect=True)
def test_ctrl_c_is_one_sentence_and_130(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_command(["doctor"]) == 130
    assert capsys.readouterr().err.strip() == INTERRUPTED


@pytest.mark.usefixtures("_broken")
@pytest.mark.parametrize("_broken", [EOFError("cut off")], indirect=True)
def test_the_end_of_a_file_is_no_interruption() -> None:
    with pytest.raises(EOFError, match="cut off"):
        run_command(["doctor"])


# Printed through rich, printed plainly, and printed by click.
@pytest.mark.parametrize("arguments", [["list"], ["list", "--json"], ["--help"]], ids=" ".join)
def test_a_reader_that_has_gone_is_no_error(arguments: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    code = f"import sys; from posebench.cli.main import run_command; sys.exit(run_command({arguments!r}))"
    done = subprocess.run([sys.executable, "-c", code], stdout=writer, stderr=subprocess.PIPE, text=True, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, "")
