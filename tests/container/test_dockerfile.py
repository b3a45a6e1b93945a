"""The Dockerfile keeps the rules of its kind, and its build stage makes a broker without the lab."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import pytest

from tests.container.dockerfile import BuildStage, Instruction, in_context, instructions, stages
from tests.support.tools import require_tool

ROOT = Path(__file__).resolve().parents[2]
DOCKERFILE = ROOT / "Dockerfile"
IGNORE = (ROOT / ".dockerignore").read_text().splitlines()
BUILD, RUNTIME = stages(instructions(DOCKERFILE.read_text()))


def values(keyword: str, stage: list[Instruction] = RUNTIME) -> list[str]:
    return [instruction.value for instruction in stage if instruction.keyword == keyword]


def test_hadolint_finds_nothing() -> None:
    hadolint = require_tool("hadolint")
    finished = subprocess.run([hadolint, DOCKERFILE], capture_output=True, text=True, check=False)
    assert (finished.stdout, finished.returncode) == ("", 0)


def test_both_stages_start_from_one_image_of_one_exact_version() -> None:
    images = {value.split()[0] for value in (*values("FROM", BUILD), *values("FROM"))}
    assert images == {"python:3.11.14-slim-bookworm"}


def test_it_runs_as_a_numbered_user_that_is_not_root() -> None:
    assert values("USER") == ["65532:65532"]
    after = [i.keyword for i in RUNTIME[RUNTIME.index(Instruction("USER", "65532:65532")) + 1 :]]
    assert not {"RUN", "COPY", "ADD"} & set(after)


@pytest.mark.parametrize("keyword", ["ENTRYPOINT", "CMD"])
def test_it_starts_without_a_shell(keyword: str) -> None:
    (value,) = values(keyword)
    assert json.loads(value)


def test_its_health_is_asked_without_a_shell() -> None:
    (value,) = values("HEALTHCHECK")
    assert json.loads(value.partition("CMD ")[2])[1:] == ["-m", "broker.http.probe"]


def test_the_runtime_stage_takes_files_from_the_build_stage_only() -> None:
    assert values("COPY") == ["--from=build /opt/broker /opt/broker"]
    assert values("ADD") == []


def test_temporary_files_need_no_writable_root() -> None:
    assert any("TMPDIR=/dev/shm" in value for value in values("ENV"))


@pytest.mark.parametrize(
    "path",
    ["broker/lab/clock.py", "broker/demo/files.py", "tests/conftest.py", ".git/config", "x.pem", "config/a"],
)
def test_the_build_never_sees(path: str) -> None:
    assert not in_context(PurePosixPath(path), IGNORE)


@pytest.mark.parametrize(
    "path", ["broker/issue.py", "broker/cli/lab.py", "README.md", "requirements-build.lock"]
)
def test_the_build_sees(path: str) -> None:
    assert in_context(PurePosixPath(path), IGNORE)


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The build stage's result: its steps run as they stand, under a folder instead of /."""
    context, root = tmp_path_factory.mktemp("context"), tmp_path_factory.mktemp("root")
    tracked = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.splitlines()
    for name in tracked:
        if in_context(PurePosixPath(name), IGNORE) and (ROOT / name).is_file():
            (context / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, context / name)
    # the interpreter of the tests stands in for the image's
    path = os.pathsep.join((str(Path(sys.base_prefix) / "bin"), os.environ["PATH"]))
    BuildStage(context, root, {"PATH": path, "UV_LINK_MODE": "hardlink"}).run(BUILD)
    yield root / "opt" / "broker"
    shutil.rmtree(root)


def broker(image: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([image / "bin" / "broker", *words], capture_output=True, text=True, check=False)


# one test, so that the stage is built once also where tests run in parallel
@pytest.mark.timeout(300)
def test_the_build_stage_makes_a_broker_without_the_lab(image: Path) -> None:
    told = broker(image, "--version")
    assert (told.returncode, told.stdout.split()[:1]) == (0, ["broker,"])
    for command in ("serve", "controller"):
        assert broker(image, command, "--help").returncode == 0
    for command in ("lab", "demo"):
        missing = broker(image, command)
        assert missing.returncode != 0
        assert "not part of this installation" in missing.stderr
