"""What the README tells people to type works as it stands there."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from broker.demo.files import APP
from tests.support.stack import Stack, new_stack
from tests.support.tools import ROOT, require_tool

README = (ROOT / "README.md").read_text()
FENCED = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
BLOCKS: Sequence[tuple[str, str]] = FENCED.findall(README)
ON_THE_LOG: Sequence[tuple[str, str]] = FENCED.findall((ROOT / "docs" / "audit.md").read_text())


def block(language: str, containing: str, blocks: Sequence[tuple[str, str]] = BLOCKS) -> str:
    """The one block of the README, or of another page, that has these words."""
    (found,) = [text for kind, text in blocks if kind == language and containing in text]
    return found


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    with new_stack(tmp_path_factory.mktemp("readme")) as running:
        running.apply()
        running.config("apps", "add", APP, "--secret-file", str(running.site.root / "app.secret"))
        scopes = ["tickets", "audit.read"]
        running.edit("apps.yaml", lambda apps: apps["apps"][APP].update(scopes=scopes))
        running.serve()
        running.ready()
        yield running


def environment(stack: Stack) -> dict[str, str]:
    return {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "BROKER_URL": stack.site.url,
        "BROKER_CA": str(stack.site.broker_ca),
        "BROKER_CLIENT_ID": APP,
        "BROKER_KEY": str(stack.site.app_key),
        "BROKER_SECRET_FILE": str(stack.site.root / "app.secret"),
        "BROKER_LOG_KEYS": str(stack.site.log_key),
        "BROKER_LOG_STATE": str(stack.site.log_state),
        "BROKER_RECEIPTS": str(stack.site.receipts),
    }


def typed(stack: Stack, *command: str) -> str:
    done = subprocess.run(
        command, env=environment(stack), cwd=stack.site.root, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("words", ["grant_type=client_credentials", "broker ticket ", "broker tickets "])
def test_the_shell_examples_get_a_ticket(stack: Stack, words: str) -> None:
    require_tool("curl")
    assert '"session_id"' in typed(stack, "bash", "-euo", "pipefail", "-c", block("sh", words))


def test_the_line_for_a_batch_gets_tickets_in_place_of_the_line_for_one(stack: Stack) -> None:
    require_tool("curl")
    (batch,) = re.findall(r"^`(--no-buffer --json .*)`", README, re.MULTILINE)
    single = block("sh", "grant_type=client_credentials").rstrip().splitlines()

    said = typed(stack, "bash", "-euo", "pipefail", "-c", "\n".join([*single[:-1], batch]))

    lines = [json.loads(line) for line in said.splitlines()]
    assert lines[-1]["summary"] == {"asked": 2, "issued": 2, "refused": 0, "not_attempted": 0}


def test_the_python_example_reads_sensors(stack: Stack) -> None:
    assert "Fan" in typed(stack, sys.executable, "-c", block("python", "cim_connection"))


def test_the_python_example_of_a_witness_keeps_a_receipt(stack: Stack) -> None:
    index = int(typed(stack, sys.executable, "-c", block("python", "Witness(")))
    assert [index] == [int(file.stem[-12:]) for file in stack.site.receipts.glob(f"*{index:012d}.json")]


def test_the_script_of_the_page_on_the_log_keeps_the_receipts_of_curl(stack: Stack, tmp_path: Path) -> None:
    require_tool("curl")
    ask = block("sh", "grant_type=client_credentials")
    script = block("sh", "keep_receipt", ON_THE_LOG)
    folder = tmp_path / "receipts"
    lines = (
        f"BROKER_RECEIPTS={folder}",
        f"ask_for_a_ticket() {{\n{ask}}}",
        "use_the_ticket() { cat; }",
        script,
    )

    answer = json.loads(typed(stack, "bash", "-euo", "pipefail", "-c", "\n".join(lines)))

    (file,) = folder.iterdir()
    assert answer["session_id"]
    assert json.loads(file.read_text()) == {"issuance": answer["issuance"], **answer["receipt"]}


def test_an_auditors_own_witness_keeps_checkpoints_that_the_log_is_held_against(
    stack: Stack, tmp_path: Path
) -> None:
    require_tool("curl")
    (tmp_path / "log.pub").write_text(stack.site.log_key.read_text())
    keep = block("sh", "/v1/audit/checkpoint", ON_THE_LOG)
    verify = block("sh", "--against checkpoints", ON_THE_LOG).rstrip()
    script = f"cd {tmp_path}\n{keep}{keep}{verify} --config {stack.site.config}"

    said = typed(stack, "bash", "-euo", "pipefail", "-c", script)

    assert "kept checkpoint" in said
    assert "a key that you gave" in said


def test_an_answer_that_is_no_checkpoint_is_not_kept_by_an_auditors_own_witness(
    stack: Stack, tmp_path: Path
) -> None:
    require_tool("curl")
    keep = block("sh", "/v1/audit/checkpoint", ON_THE_LOG)
    refused = keep.replace("/v1/audit/checkpoint", "/v1/audit/records/none")

    script = f"cd {tmp_path}\n{keep}if {refused}then exit 1; fi\n{keep}"
    typed(stack, "bash", "-euo", "pipefail", "-c", script)

    notes = (tmp_path / "checkpoints").read_text()
    assert [line for line in notes.splitlines() if line.startswith("{")] == []
    assert notes.count("\n\n") == 2


SET_UP = [
    ("broker config check --controller /etc/cim-ticket-broker/controller.yaml", ["config", "check"]),
    ("broker roles lint", ["roles", "lint"]),
    ("broker roles plan", ["roles", "plan"]),
    ("broker roles apply", ["roles", "apply"]),
    ("broker apps add hardware-monitor", ["apps", "add"]),
    ("broker controller", ["controller"]),
    ("broker serve", ["serve"]),
]


def test_the_set_up_names_commands_that_there_are(stack: Stack) -> None:
    assert block("sh", "broker config check").splitlines() == [line for line, _ in SET_UP]
    for _, command in SET_UP:
        assert "--config" in stack.broker(*command, "--help").stdout


def test_every_page_that_the_readme_leads_to_is_there() -> None:
    links = re.findall(r"\]\(((?!http)[^)#]+)\)", README)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_the_two_commands_and_their_apt_line_stand_in_one_block() -> None:
    assert block("sh", "make demo").split("\n")[:3] == [
        "sudo apt-get install -y python3-venv make git",
        "make demo",
        "make test",
    ]
