"""A Dockerfile's instructions, its build context, and its build stage run without Docker."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath


@dataclass(frozen=True)
class Instruction:
    """One instruction, its continued lines joined."""

    keyword: str
    value: str


def instructions(text: str) -> list[Instruction]:
    """All instructions in order; comments left out."""
    bare = "\n".join(line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n\s*", " ", bare)
    return [
        Instruction(keyword.upper(), value.strip())
        for keyword, _, value in (line.partition(" ") for line in joined.splitlines())
    ]


def stages(found: Iterable[Instruction]) -> list[list[Instruction]]:
    """The instructions stage by stage, each beginning with its FROM."""
    parted: list[list[Instruction]] = []
    for instruction in found:
        if instruction.keyword == "FROM":
            parted.append([])
        parted[-1].append(instruction)
    return parted


def in_context(path: PurePosixPath, ignore: Iterable[str]) -> bool:
    """Whether .dockerignore lets the file through: the last line that fits it or a parent decides."""
    kept = True
    for line in ignore:
        pattern = line.strip().removeprefix("!")
        if not pattern or pattern.startswith("#"):
            continue
        if any(_fits(part, pattern) for part in (path, *path.parents)):
            kept = line.startswith("!")
    return kept


def _fits(path: PurePosixPath, pattern: str) -> bool:
    if pattern.startswith("**/"):
        return fnmatchcase(path.name, pattern.removeprefix("**/"))
    wanted, shown = pattern.split("/"), path.parts
    return len(wanted) == len(shown) and all(map(fnmatchcase, shown, wanted))


class BuildStage:
    """Runs a stage's COPY and RUN under another root: what begins with /opt or /src is there."""

    def __init__(self, context: Path, root: Path, environment: Mapping[str, str]) -> None:
        self._context = context
        self._root = root
        self._environment = environment
        self._directory = root

    def run(self, stage: Iterable[Instruction]) -> None:
        """Raises CalledProcessError, with the output, where a step fails."""
        for instruction in stage:
            match instruction:
                case Instruction("WORKDIR", value):
                    self._directory = self._root / value.lstrip("/")
                    self._directory.mkdir(parents=True)
                case Instruction("COPY", value):
                    *sources, target = value.split()
                    for source in sources:
                        self._copy(source, self._directory / target)
                case Instruction("RUN", value):
                    self._step(value)

    def _copy(self, source: str, target: Path) -> None:
        path = self._context / source
        if path.is_dir():
            shutil.copytree(path, target)
        else:
            shutil.copy(path, target / path.name if target.is_dir() else target)

    def _step(self, command: str) -> None:
        moved = re.sub(r"(?<![\w.])/(opt|src)\b", rf"{self._root}/\1", command)
        (self._root / "opt").mkdir(exist_ok=True)
        subprocess.run(
            ["/bin/sh", "-c", moved],
            cwd=self._directory,
            env={**os.environ, **self._environment},
            check=True,
            capture_output=True,
            text=True,
        )
