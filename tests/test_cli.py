"""The command line: what each command writes and says, and what every ending leaves behind."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from filelock import FileLock

from models.outcome import Progress
from optimizer import console, files
from optimizer.cli import main
from optimizer.errors import Finding
from optimizer.tables.summary import gap_words

from . import small
from .imports import ROOT

Say = pytest.CaptureFixture[str]


def nodewise(*words: str | Path, cwd: Path | None = None, **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "optimizer", *map(str, words)],
        cwd=cwd or ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        encoding="utf-8",
        errors="replace",
    )


def last_line(text: str) -> dict[str, Any]:
    """The JSON object of the last line, refusing what JSON does not know (NaN, Infinity)."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    answer: dict[str, Any] = json.loads(text.splitlines()[-1], parse_constant=refuse)
    return answer


@pytest.fixture
def brand(tmp_path: Path) -> Path:
    """A small workbook that can be planned."""
    return small.write(tmp_path / "brand.xlsx", small.sheets())


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """Something that stands where the plan will go, to be kept by every ending but success."""
    out = tmp_path / "plan.xlsx"
    out.write_bytes(b"the plan of last month")
    return out


def untouched(out: Path) -> bool:
    return out.read_bytes() == b"the plan of last month"


def beside(out: Path) -> set[str]:
    """Files in the plan's folder, but for the workbook, the plan and the records of its runs."""
    return {file.name for file in out.parent.iterdir()} - {"brand.xlsx", out.name, f"{out.stem}.runs"}


# --- new --------------------------------------------------------------------------------------------------------------


def test_new_keeps_an_existing_file_unless_forced(brand: Path, capsys: Say) -> None:
    """A workbook somebody has filled is never overwritten by accident."""
    before = brand.read_bytes()
    assert main(["new", str(brand)]) == 2
    assert brand.read_bytes() == before
    assert "--force" in capsys.readouterr().err
    assert main(["new", str(brand), "--blank", "--force"]) == 0
    assert brand.read_bytes() != before


def test_a_blank_template_holds_every_header_and_no_data(tmp_path: Path) -> None:
    """`--blank` writes all sheets of the contract with their columns, and its rows are no input yet (exit 3)."""
    path = tmp_path / "empty.xlsx"
    assert main(["new", str(path), "--blank"]) == 0
    names = openpyxl.load_workbook(path).sheetnames
    assert {"Orders", "SKUs", "Nodes", "Regions", "Lanes", "Settings"} <= set(names)
    assert main(["check", str(path)]) == 3


def test_new_can_be_said_twice(tmp_path: Path) -> None:
    """A template nobody has changed yet is no reason to stop: the same command ends well again."""
    words = ["new", str(tmp_path / "empty.xlsx"), "--blank"]
    assert main(words) == 0
    assert main(words) == 0


@pytest.mark.parametrize("name", ["brand.csv", "no/such/folder.xlsx"])
def test_new_refuses_a_path_it_cannot_mean(tmp_path: Path, name: str) -> None:
    """A wrong suffix or a missing folder is the caller's mistake (exit 2), and nothing is written."""
    assert main(["new", str(tmp_path / name)]) == 2
    assert list(tmp_path.iterdir()) == []


# --- check ------------------------------------------------------------------------------------------------------------


def test_check_names_the_cell_and_the_remedy(tmp_path: Path) -> None:
    """A bad cell is told by place, value and expectation, with exit 3 and without a traceback."""
    tables = small.sheets()
    tables["SKUs"][3][1] = "12,5o"
    run = nodewise("check", small.write(tmp_path / "brand.xlsx", tables), "--json")
    assert run.returncode == 3
    assert "SKUs!B4" in run.stderr
    assert "12,5o" in run.stderr
    assert "Traceback" not in run.stdout + run.stderr
    answer = last_line(run.stdout)
    assert (answer["status"], answer["findings"]["error"]) == ("input_invalid", 1)
    assert [line["place"] for line in answer["details"] if line["severity"] == "error"] == ["SKUs!B4"]


def test_twenty_findings_are_shown_and_the_rest_counted(capsys: Say) -> None:
    """Of 25 warnings, 4 errors and a note the errors come first, 20 lines are shown, and 10 more are counted."""
    kinds = ["warning"] * 25 + ["note"] + ["error"] * 4
    console.Talk().findings(
        Finding("X-1", kind, f"SKUs!A{row}", "", "something else", "") for row, kind in enumerate(kinds)
    )
    said = capsys.readouterr()
    assert [line.split()[0] for line in said.err.splitlines()] == ["error"] * 4
    assert [line.split()[0] for line in said.out.splitlines()] == ["warning"] * 16 + ["and"]
    assert said.out.endswith("and 10 more\n")


def test_strict_turns_a_warning_into_an_error(tmp_path: Path) -> None:
    """A numeric SKU code is a warning; with --strict it ends the command with exit 3."""
    tables = small.sheets()
    for sheet, column in (("SKUs", 0), ("Orders", 2)):
        for row in tables[sheet][1:]:
            row[column] = 700 + int(str(row[column])[2:])
    path = small.write(tmp_path / "brand.xlsx", tables)
    assert main(["check", str(path)]) == 0
    assert main(["check", str(path), "--strict"]) == 3


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["check", "{brand}", "--set", "perods=2"], "periods"),
        (["check", "{brand}", "--set", "periods"], "periods=value"),
        (["check", "{brand}", "--set", "periods=many"], "whole number"),
        (["check", "nowhere.xlsx"], "nowhere.xlsx"),
        (["plan", "{brand}", "--out", "{brand}"], "input"),
        (["plan", "{brand}", "--out", "{folder}/plan.csv"], ".xlsx"),
        (["plan", "{brand}", "--out", "{folder}/no/plan.xlsx"], "folder"),
        (["plan", "{brand}"], "--out"),
        (["plant", "{brand}"], "plant"),
    ],
)
def test_a_mistake_of_the_caller_is_told_with_exit_2(words: list[str], hint: str, brand: Path, capsys: Say) -> None:
    """Options, paths and settings that cannot be meant: exit 2, one helpful message, no file written."""
    assert main([word.format(brand=brand, folder=brand.parent) for word in words]) == 2
    assert hint in capsys.readouterr().err
    assert {file.name for file in brand.parent.iterdir()} == {"brand.xlsx"}


# --- plan: published --------------------------------------------------------------------------------------------------


def test_a_plan_is_written_and_told_in_one_json_line(brand: Path, published: Path) -> None:
    """A good run replaces the old plan, leaves nothing else, and its JSON agrees with the written Run sheet."""
    run = nodewise("plan", brand, "--out", published, "--json")
    assert run.returncode == 0, run.stderr
    answer = last_line(run.stdout)
    book = openpyxl.load_workbook(published)
    written = {row[0]: row[1] for row in book["Run"].iter_rows(min_row=2, values_only=True)}
    assert book.sheetnames[0] == "Summary"
    for name in ("status", "stop_reason", "seed", "input_sha256"):
        assert answer[name] == written[name]
    assert answer["cost"] == pytest.approx(written["cost"])
    assert answer["bound"] <= answer["cost"]
    assert answer["gap"] == pytest.approx((answer["cost"] - answer["bound"]) / answer["cost"], abs=1e-12)
    assert answer["input_sha256"] == files.file_digest(brand)
    assert (answer["plan"], answer["published"], answer["exit_code"]) == (str(published), True, 0)
    assert answer["seconds"] > 0
    assert answer["peak_memory_mb"] > 10
    assert beside(published) == set()


def test_a_pipe_gets_plain_lines(brand: Path, tmp_path: Path) -> None:
    """Without a terminal there are no control characters, and the stages are told line by line."""
    run = nodewise("plan", brand, "--out", tmp_path / "plan.xlsx")
    assert run.returncode == 0
    assert "\x1b" not in run.stdout + run.stderr
    assert any(" s  bound " in line for line in run.stdout.splitlines())
    assert f"Written: {tmp_path / 'plan.xlsx'}" in run.stdout


def test_quiet_says_nothing_when_all_is_well(brand: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """--quiet prints errors only: a good run prints nothing, and with --json exactly one line."""
    words = ["plan", str(brand), "--out", str(tmp_path / "plan.xlsx"), "--quiet"]
    assert main(words) == 0
    assert capfd.readouterr() == ("", "")
    assert main([*words, "--json"]) == 0
    said = capfd.readouterr()
    assert (len(said.out.splitlines()), said.err) == (1, "")
    assert last_line(said.out)["command"] == "plan"


def test_the_same_input_gives_the_same_plan(brand: Path, tmp_path: Path) -> None:
    """Two runs in two processes with different hash seeds choose the same placement at the same cost."""
    tables = []
    for number in ("1", "2"):
        out = tmp_path / f"plan{number}.xlsx"
        assert nodewise("plan", brand, "--out", out, PYTHONHASHSEED=number).returncode == 0
        book = openpyxl.load_workbook(out, read_only=True)
        tables.append([list(book[name].iter_rows(values_only=True)) for name in ("Placement", "Replenishment")])
    assert tables[0] == tables[1]


def test_a_published_plan_clears_what_failed_runs_left(brand: Path, published: Path) -> None:
    """Files that told why an earlier run was not published go once a plan is published."""
    for kind in ("errors", "diagnosis", "review", "interim"):
        published.with_name(f"plan.{kind}.xlsx").write_bytes(b"old")
    assert main(["plan", str(brand), "--out", str(published), "--quiet"]) == 0
    assert beside(published) == set()


# --- plan: not published ----------------------------------------------------------------------------------------------


def test_invalid_input_is_listed_in_a_workbook(tmp_path: Path, published: Path) -> None:
    """Exit 3: the findings stand in plan.errors.xlsx, and the old plan is byte for byte as it was."""
    tables = small.sheets()
    tables["SKUs"][2][1] = -5
    tables["Orders"][7][4] = "Nowhere"
    path = small.write(tmp_path / "brand.xlsx", tables)
    assert main(["plan", str(path), "--out", str(published)]) == 3
    rows = openpyxl.load_workbook(tmp_path / "plan.errors.xlsx")["Findings"].iter_rows(values_only=True)
    places = [row[2] for row in rows]
    assert {"SKUs!B3", "Orders!E8"} <= set(places)
    assert untouched(published)


def test_an_infeasible_case_names_the_smallest_relief(tmp_path: Path, published: Path) -> None:
    """Exit 4: with 1 litre of room per node nothing fits; the answer says what is short, and no plan is written. What
    was noticed in reading, a SKU without volume, is not forgotten over it."""
    tables = small.sheets()
    tables["SKUs"][2][2] = 0
    for row in tables["Nodes"][1:]:
        row[5] = 0.001
    path = small.write(tmp_path / "brand.xlsx", tables)
    run = nodewise("plan", path, "--out", published, "--json")
    answer = last_line(run.stdout)
    assert run.returncode == 4
    assert (answer["status"], answer["stop_reason"], answer["plan"]) == ("infeasible_case", "infeasible", None)
    assert answer["relief"]
    assert all(line["amount"] > 0 for line in answer["relief"])
    assert {line["cell"] for line in answer["relief"]} <= {"Nodes!F2", "Nodes!F3", "Nodes!F4"}
    assert "warning D-025 SKUs!C3" in run.stdout
    assert re.search(r"ambient space at MAIN .* is short by [^;]*\(Nodes!F2; the most of 2 periods\)", run.stdout)
    diagnosis = openpyxl.load_workbook(tmp_path / "plan.diagnosis.xlsx")
    assert "Nodes!F2: ambient_m3 of MAIN" in [cell.value for cell in diagnosis["Diagnosis"]["F"]]
    assert "SKUs!C3" in [cell.value for cell in diagnosis["Findings"]["C"]]
    assert untouched(published)


def test_a_wide_gap_goes_to_review(brand: Path, published: Path, capsys: Say) -> None:
    """Exit 5: told to stop at a gap of 50 % and to accept none, the plan is kept for review, not published."""
    words = ["plan", str(brand), "--out", str(published), "--gap", "0.5", "--accept-gap", "0", "--json"]
    assert main(words) == 5
    answer = last_line(capsys.readouterr().out)
    assert answer["gap"] > 0
    assert (answer["plan"], answer["published"]) == (str(published.with_name("plan.review.xlsx")), False)
    assert beside(published) == {"plan.review.xlsx"}
    assert untouched(published)


def test_no_time_means_no_plan(brand: Path, published: Path, capsys: Say) -> None:
    """Exit 6: a millionth of a second is too short for any plan, and is never called infeasible."""
    assert main(["plan", str(brand), "--out", str(published), "--time-limit", "1e-6", "--json"]) == 6
    answer = last_line(capsys.readouterr().out)
    assert (answer["status"], answer["stop_reason"], answer["bound"]) == ("no_plan_in_time", "time_limit", None)
    assert beside(published) == set()
    assert untouched(published)


def test_a_plan_that_fails_its_audit_is_rejected(
    brand: Path, published: Path, monkeypatch: pytest.MonkeyPatch, capsys: Say
) -> None:
    """Exit 8: whatever the auditor objects to is never published; the plan is kept for the owner."""
    fault = Finding("V-001", "error", "Placement!G2", "7", "must be 8", "")
    monkeypatch.setattr("optimizer.audit.audit", lambda *_: (fault,))
    assert main(["plan", str(brand), "--out", str(published), "--json"]) == 8
    said = capsys.readouterr()
    assert "Placement!G2" in said.err
    assert last_line(said.out)["status"] == "audit_failed"
    assert beside(published) == {"plan.rejected.xlsx", "plan.bundle.zip"}
    assert untouched(published)


def test_a_plan_open_in_a_spreadsheet_is_kept_as_pending(
    brand: Path, published: Path, monkeypatch: pytest.MonkeyPatch, capsys: Say
) -> None:
    """Exit 9: when the old plan cannot be replaced the new one stands beside it, and the message says so."""
    from optimizer.writing import publish

    real = publish.replace_whole

    def refuse(source: Path, target: Path) -> None:
        if target == published:
            raise PermissionError(13, "Permission denied")
        real(source, target)

    monkeypatch.setattr(publish, "replace_whole", refuse)
    assert main(["plan", str(brand), "--out", str(published)]) == 9
    assert "plan.pending.xlsx" in capsys.readouterr().err
    assert "Summary" in openpyxl.load_workbook(published.with_name("plan.pending.xlsx")).sheetnames
    assert untouched(published)


def test_two_runs_never_make_the_same_plan_at_once(brand: Path, published: Path) -> None:
    """Exit 10 while another run holds the lock; once it is free the same command works."""
    words = ["plan", str(brand), "--out", str(published), "--quiet"]
    runs = published.with_name("plan.runs")
    runs.mkdir()
    with FileLock(runs / "lock"):
        assert main(words) == 10
        assert untouched(published)
    assert main(words) == 0


def test_an_input_that_changes_meanwhile_is_noticed(
    brand: Path, published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 11: a plan of a workbook that was saved again during the run is not published."""

    def save_again(progress: Progress) -> None:
        if progress.stage == "writing":
            small.write(brand, {**small.sheets(), "Notes": [["saved again"]]})

    listen(monkeypatch, save_again)
    assert main(["plan", str(brand), "--out", str(published)]) == 11
    assert beside(published) == set()
    assert untouched(published)


def listen(monkeypatch: pytest.MonkeyPatch, hear: Callable[[Progress], None]) -> None:
    """Put another listener in the place of the live progress."""

    @contextmanager
    def progress(talk: console.Talk) -> Iterator[Callable[[Progress], None]]:
        yield hear

    monkeypatch.setattr(console.Talk, "progress", progress)


def test_the_last_line_is_told_again_where_nothing_is_heard(monkeypatch: pytest.MonkeyPatch, capsys: Say) -> None:
    """One line of progress, then silence twelve times as long as is borne: it is said again, with a later time."""
    monkeypatch.setattr(console, "SILENCE", 0.05)
    with console.Talk().progress() as hear:
        assert hear is not None
        hear(Progress("search", 0.0, 990.0, 1000.0, "whole patterns"))
        time.sleep(0.6)
    said = capsys.readouterr().out.splitlines()
    assert len(said) >= 3
    assert all(line.endswith("search    bound 990  best 1,000  gap 1.000 %  whole patterns") for line in said)
    assert float(said[-1].split()[0]) >= float(said[0].split()[0])


@pytest.fixture
def foreground() -> Iterator[None]:
    """SIGINT as a terminal delivers it: a shell starts jobs in the background with it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("foreground")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_keeps_the_best_plan(
    number: signal.Signals, code: int, brand: Path, published: Path, monkeypatch: pytest.MonkeyPatch, capsys: Say
) -> None:
    """Ctrl-C and SIGTERM after the first plan: it is audited and kept as plan.interim.xlsx, the old plan stays."""
    sent: list[float] = []

    def stop_at_the_first_plan(progress: Progress) -> None:
        if progress.best < float("inf") and not sent:
            sent.append(progress.best)
            signal.raise_signal(number)

    listen(monkeypatch, stop_at_the_first_plan)
    assert main(["plan", str(brand), "--out", str(published), "--json"]) == code
    answer = last_line(capsys.readouterr().out)
    assert sent
    assert (answer["stop_reason"], answer["exit_code"], answer["published"]) == ("interrupted", code, False)
    assert answer["message"].startswith(f"stopped with a plan. {gap_words(answer['gap'])}.")
    assert beside(published) == {"plan.interim.xlsx"}
    assert untouched(published)


@pytest.mark.usefixtures("foreground")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_before_the_first_plan_leaves_nothing(
    number: signal.Signals, code: int, brand: Path, published: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped before any plan is known: the exit code says so, and no file is left."""
    listen(monkeypatch, lambda progress: signal.raise_signal(number))
    assert main(["plan", str(brand), "--out", str(published)]) == code
    assert beside(published) == set()
    assert untouched(published)


def test_a_bug_is_told_in_a_sentence_and_logged(
    brand: Path, published: Path, monkeypatch: pytest.MonkeyPatch, capsys: Say
) -> None:
    """Exit 1: the planner sees no traceback, and the message ends with the log that holds it."""

    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("the flux is reversed")

    monkeypatch.setattr("optimizer.planning.plan", broken)
    assert main(["plan", str(brand), "--out", str(published), "--json"]) == 1
    said = capsys.readouterr()
    log = Path(last_line(said.out)["log"])
    assert "Traceback" not in said.err + said.out
    assert said.err.rstrip().endswith(str(log))
    assert log.parent == published.parent
    assert "the flux is reversed" in log.read_text(encoding="utf-8")
    assert untouched(published)


# --- verify -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A plan made with a setting of the command line, and its workbook."""
    folder = tmp_path_factory.mktemp("made")
    brand, out = small.write(folder / "brand.xlsx", small.sheets()), folder / "plan.xlsx"
    assert main(["plan", str(brand), "--out", str(out), "--set", "periods=1", "--quiet"]) == 0
    return out, brand


def test_verify_uses_the_settings_the_plan_was_made_with(made: tuple[Path, Path]) -> None:
    """A plan made with --set periods=1 agrees with a workbook that says 2, without saying it again."""
    run = nodewise("verify", *made, "--json")
    assert run.returncode == 0, run.stderr
    assert last_line(run.stdout)["status"] == "verified"


@pytest.mark.parametrize(
    ("sheet", "column"), [("Placement", "average_stock"), ("Replenishment", "reorder_point"), ("Nodes", "cost")]
)
def test_verify_notices_a_changed_number(made: tuple[Path, Path], tmp_path: Path, sheet: str, column: str) -> None:
    """One figure raised by 10 % and one unit in a written plan: exit 8, and the finding names its sheet."""
    plan, brand = made
    book = openpyxl.load_workbook(plan)
    page = book[sheet]
    at = [cell.value for cell in page[1]].index(column) + 1
    page.cell(2, at).value = page.cell(2, at).value * 1.1 + 1
    book.save(tmp_path / "plan.xlsx")
    run = nodewise("verify", tmp_path / "plan.xlsx", brand, "--json")
    assert run.returncode == 8
    assert sheet in {line["place"].partition("!")[0] for line in last_line(run.stdout)["details"]}


def test_verify_refuses_what_is_no_plan(brand: Path, tmp_path: Path, capsys: Say) -> None:
    """A missing plan is the caller's mistake, an input workbook holds no plan, a text file is no workbook."""
    text = tmp_path / "text.xlsx"
    text.write_text("no workbook")
    assert main(["verify", str(tmp_path / "none.xlsx"), str(brand)]) == 2
    assert main(["verify", str(brand), str(brand)]) == 8
    assert "Placement" in capsys.readouterr().err
    assert main(["verify", str(text), str(brand)]) == 3


# --- terminal ---------------------------------------------------------------------------------------------------------


def test_help_starts_in_half_a_second() -> None:
    """The best of five starts of `nodewise --help`, to be fair to a busy machine, takes less than 0.5 s."""
    seconds = []
    for _ in range(5):
        began = time.perf_counter()
        assert nodewise("--help").returncode == 0
        seconds.append(time.perf_counter() - began)
    assert min(seconds) < 0.5


@pytest.mark.parametrize("encoding", ["cp1252", "ascii"])
def test_names_of_any_script_can_be_printed(tmp_path: Path, encoding: str) -> None:
    """A pipe in another encoding neither fails nor garbles: output is UTF-8 everywhere."""
    tables = small.sheets()
    tables["SKUs"][1][0] = "茶-Žluťoučký"
    path = small.write(tmp_path / "Müsli 茶.xlsx", tables)
    run = nodewise("check", path, PYTHONIOENCODING=encoding, PYTHONUTF8="0")
    assert run.returncode == 3
    assert "P-0" in run.stderr
    assert "Traceback" not in run.stderr


def test_a_cell_cannot_steer_the_terminal(capsys: Say) -> None:
    """Control characters in a value are shown, never sent."""
    console.Talk().findings([Finding("K-012", "warning", "SKUs!A5", "A\x1b[2J\r", "a plain name", "")])
    assert "A\\x1b[2J\\r" in capsys.readouterr().out


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
@pytest.mark.parametrize(("extra", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False)])
def test_colour_on_a_terminal_unless_refused(brand: Path, extra: dict[str, str], coloured: bool) -> None:
    """A terminal gets the live line in colour; NO_COLOR takes every colour away."""
    import pty

    reader, writer = pty.openpty()
    words = [sys.executable, "-m", "optimizer", "plan", str(brand), "--out", str(brand.with_name("plan.xlsx"))]
    environment = {name: value for name, value in os.environ.items() if name not in ("NO_COLOR", "FORCE_COLOR")}
    process = subprocess.Popen(words, cwd=ROOT, stdout=writer, env={**environment, "TERM": "xterm", **extra})
    os.close(writer)
    said = b""
    while chunk := _read(reader):
        said += chunk
    assert process.wait() == 0
    assert b"plan" in said
    assert (b"\x1b[36m" in said) == coloured


def _read(reader: int) -> bytes:
    """What the terminal shows next; empty when the other side has closed (Linux reports that as an error)."""
    try:
        return os.read(reader, 65536)
    except OSError:
        return b""
