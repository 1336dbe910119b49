"""Files that are damaged, foreign or malicious are refused in one line, and nothing is changed.

`FUZZ=4000 pytest tests/test_bad_files.py` tries 4,000 files of each kind, with a new random seed.
"""

import copy
import io
import json
import os
import tracemalloc
import zipfile
from collections import Counter
from contextlib import suppress
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dqn_symbolic.agent import Agent
from dqn_symbolic.guard.files import write_text
from dqn_symbolic.runs import checkpoints
from dqn_symbolic.runs.loading import Unreadable, fitting, load, read_agent, read_data, restore
from dqn_symbolic.settings import Settings
from run_catch import main
from tests.counts import on_the_page
from tests.plain import contents, uncompiled

pytestmark = pytest.mark.usefixtures("uncompiled")

FUZZ = int(os.environ.get("FUZZ", 0))
fuzz = settings(
    max_examples=FUZZ or 150,
    derandomize=not FUZZ,
    database=None,
    suppress_health_check=list(HealthCheck),
)
SMALL = [
    *("--quiet", "--rows", "4", "--columns", "5", "--steps", "120"),
    *("--hidden", "4", "--warm-up", "50", "--memory-size", "60"),
    *("--evaluate-every", "50", "--batch-size", "4"),
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("fuzz") / "run"
    with uncompiled():
        assert main(["--out", str(folder), *SMALL]) == 0
    return folder


# -- damaging files --------------------------------------------------------------------------------


@st.composite
def damaged(draw, content):
    """-> content with bytes lost, changed or inserted."""
    content = bytearray(content)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, len(content)))
        damage = draw(st.sampled_from(("cut", "flip", "insert", "leave out", "zero")))
        if damage == "cut":
            del content[at:]
        elif damage == "flip" and at < len(content):
            content[at] ^= 1 << draw(st.integers(0, 7))
        elif damage == "insert":
            content[at:at] = draw(st.binary(min_size=1, max_size=20))
        elif damage == "leave out":
            del content[at : at + draw(st.integers(1, 200))]
        elif damage == "zero":
            content[at : at + 16] = bytes(len(content[at : at + 16]))
    return bytes(content)


def members_of(content):
    with zipfile.ZipFile(io.BytesIO(content)) as members:
        return {name: members.read(name) for name in members.namelist()}


def zipped(members):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return file.getvalue()


def npy(array):
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


@st.composite
def rebuilt(draw, content):
    """-> a zip file with correct checksums and changed members."""
    members = members_of(content)
    for _ in range(draw(st.integers(1, 2))):
        name, other = (draw(st.sampled_from(sorted(members))) for _ in range(2))
        change = draw(st.sampled_from(("swap", "drop", "rename", "damage", "array", "header")))
        if change == "swap":
            members[name], members[other] = members[other], members[name]
        elif change == "drop" and len(members) > 1:
            del members[name]
        elif change == "rename":
            renamed = draw(st.text(st.characters(codec="utf-8", min_codepoint=1))) + ".npy"
            members[renamed] = members.pop(name)
        elif change == "damage":
            members[name] = draw(damaged(members[name]))
        elif change == "array":
            dtype = draw(st.sampled_from(("f4", "f8", "u1", "i8", "U3", "c8", "M8[s]", ">f4")))
            shape = draw(st.lists(st.integers(0, 5), max_size=4))
            members[name] = npy(np.zeros(shape, dtype))
        elif change == "header":
            old = draw(st.sampled_from((b"'descr'", b"<f4", b"|u1", b"False", b"(", b",)", b"1")))
            news = (b"", b"'x'", b"|O", b"True", b"-1", b"[", b"9999999999", b"1L")
            members[name] = members[name].replace(old, draw(st.sampled_from(news)), 1)
    return zipped(members)


def paths(value, path=()):
    """Yields the path of keys and indices to every part of a JSON value."""
    items = {dict: dict.items, list: enumerate}.get(type(value), lambda value: ())
    for name, part in items(value):
        yield (*path, name)
        yield from paths(part, (*path, name))


ODD_VALUES = st.one_of(
    st.sampled_from([None, True, 0, -1, 1, 3, 2**31, 2**63, 2**64, 10**30, 10**400]),
    st.sampled_from([0.5, -0.0, 1e308, float("nan"), float("inf")]),
    st.sampled_from(["", "x\ny", "numba", "\ud800", "x" * 9999]),
    st.sampled_from([[], [0], [-1], [2, 3], [[1, 1, 1]], [[]], {}, {"x": 1}]),
    st.integers(),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
        max_leaves=6,
    ),
)


@st.composite
def with_other_data(draw, content):
    """-> the file with changes in its JSON data."""
    members = members_of(content)
    data = json.loads(np.load(io.BytesIO(members["data.npy"])).item())
    for _ in range(draw(st.integers(1, 2))):
        *parents, key = draw(st.sampled_from(list(paths(data))))
        parent = data
        for parent_key in parents:
            parent = parent[parent_key]
        change = draw(st.sampled_from(("change", "change", "change", "delete", "add")))
        if change == "change":
            parent[key] = copy.deepcopy(draw(ODD_VALUES))
        elif change == "delete":
            del parent[key]
        elif isinstance(parent, dict):
            name = draw(st.sampled_from(("x", "steps", "render_mode", "memory")))
            parent[name] = draw(ODD_VALUES)
    return zipped({**members, "data.npy": npy(np.array(json.dumps(data)))})


def test_an_array_in_fortran_order_is_refused(folder, tmp_path):
    """Its numbers are those of another matrix."""
    members = members_of((folder / "agent.npz").read_bytes())
    W = np.asfortranarray(np.load(io.BytesIO(members["W1.npy"])))
    path = tmp_path / "agent.npz"
    path.write_bytes(zipped({**members, "W1.npy": npy(W)}))
    assert "in Fortran order" in refusal(read_agent, path)


def refusal(call, *arguments):
    """-> the message of the error that the command line reports; None if there was none."""
    try:
        call(*arguments)
    except (Unreadable, ValueError, MemoryError) as error:  # any other error would give a traceback
        return str(error)
    return None


def outcomes(intact, path, call):
    """Writes one bad file after another to `path` and calls. -> {outcome: how often}."""
    counts = Counter()

    @fuzz
    @given(st.one_of(damaged(intact), rebuilt(intact), with_other_data(intact)))
    def try_one(content):
        path.write_bytes(content)
        before = contents(path.parent)
        message = refusal(call)
        assert contents(path.parent) == before
        assert "\n" not in (message or "")
        assert len(message or "") < 1_000
        counts["refused" if message else "accepted"] += 1

    try_one()
    if FUZZ:
        said = f"{counts['refused']:,} refused, {counts['accepted']:,} harmless, no traceback"
        on_the_page(f"changed files `{path.name}`", said)
    return counts


def test_a_damaged_checkpoint_is_refused_or_resumes(folder, tmp_path):
    intact = (folder / "checkpoint.npz").read_bytes()
    path = tmp_path / "checkpoint.npz"
    path.write_bytes(intact)
    _, task, settings = read_data(path, "checkpoint")
    agent = Agent(task.make(), settings)

    def resume():
        data, _, settings = read_data(path, "checkpoint")
        if settings == agent.settings:  # other settings would have to be compiled
            rows, *_ = restore(path, data, task, agent)
            assert task.solved(rows) in (False, True)
            with suppress(FloatingPointError):  # the command line reports it in one line
                for _ in range(12):
                    agent.step()

    counts = outcomes(intact, path, resume)
    assert counts["refused"] > counts["accepted"] > 0


HUGE = {"1e8": 10**8, "1e12": 10**12, "1e400": 10**400, "1e308": 1e308, "nan": float("nan")}


def changed(content, change):
    """-> the file with change(data) in its JSON data."""
    members = members_of(content)
    data = json.loads(np.load(io.BytesIO(members["data.npy"])).item())
    change(data)
    return zipped({**members, "data.npy": npy(np.array(json.dumps(data)))})


def with_setting(content, name, value):
    return changed(content, lambda data: data["settings"].update({name: value}))


@pytest.mark.slow
@pytest.mark.parametrize("number", HUGE.values(), ids=HUGE)
def test_no_number_in_a_file_of_two_kilobytes_costs_more_than_the_file(number, folder, tmp_path):
    """Whatever stands in place of a number, it is refused, or it costs no memory."""
    intact, refused = (folder / "agent.npz").read_bytes(), {}
    path = tmp_path / "agent.npz"
    for field in fields(Settings):
        if field.type not in (int, float, tuple):
            continue
        value = [number] if field.type is tuple else number
        path.write_bytes(with_setting(intact, field.name, value))
        tracemalloc.start()
        message = refusal(load, path)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 2**27 or field.name == "memory_size", field.name  # zeros take no memory
        refused[field.name] = message
        if message:
            assert field.name in message
            assert len(message) < 500
    kept = {name for name, message in refused.items() if not message}
    harmless = {f.name for f in fields(Settings) if f.type is int and not f.metadata["most"]}
    assert kept == {10**8: {*harmless, "seed"}, 10**12: {"seed"}}.get(number, set())


@pytest.mark.parametrize("kind", ["agent", "checkpoint"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_weights_that_are_not_finite_are_refused(kind, bad, folder, tmp_path, capsys):
    path = tmp_path / f"{kind}.npz"
    path.write_bytes((folder / f"{kind}.npz").read_bytes())
    members = members_of(path.read_bytes())
    name = {"agent": "W1.npy", "checkpoint": "best.W1.npy"}[kind]
    array = np.load(io.BytesIO(members[name]))
    array[0, 0] = bad
    path.write_bytes(zipped({**members, name: npy(array)}))
    assert main(commands(tmp_path)[kind]) == 2
    err = capsys.readouterr().err
    assert "not finite: " in err
    assert err.count("\n") == 1
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("number", ["1" + "0" * 400, "1e308", "nan", "inf"])
def test_a_row_that_could_not_be_drawn_is_refused(number, folder, tmp_path, capsys):
    def change(data):
        data["run"]["progress"] = data["run"]["progress"].replace(",1.0,", f",{number},", 1)

    content = changed((folder / "checkpoint.npz").read_bytes(), change)
    (tmp_path / "checkpoint.npz").write_bytes(content)
    assert main([*commands(tmp_path)["checkpoint"], "--steps", "150"]) == 2
    assert "epsilon: expected a number below 1e+100, got " in capsys.readouterr().err
    assert os.listdir(tmp_path) == ["checkpoint.npz"]


def test_a_file_names_no_game_through_a_wrapper(folder, tmp_path, capsys):
    """With shimmy, these ids import the module in their option `env_id`."""
    change = lambda data: data.update(game="GymV26Environment-v0")  # noqa: E731
    content = changed((folder / "agent.npz").read_bytes(), change)
    option = lambda data: data["settings"].update(game={"env_id": "mine:X-v0"})  # noqa: E731
    (tmp_path / "agent.npz").write_bytes(changed(content, option))
    assert main(commands(tmp_path)["agent"]) == 2
    assert "env_id is no option of the game" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["summary.json", "progress.csv"])
def test_a_text_that_is_no_file_is_no_text(name, folder, tmp_path, capsys):
    for copied in "agent.npz", "checkpoint.npz":
        (tmp_path / copied).write_bytes((folder / copied).read_bytes())
    os.mkfifo(tmp_path / name)
    plots = name == "progress.csv"
    command = ["plot", str(tmp_path)] if plots else commands(tmp_path)["checkpoint"]
    status = main(command)  # which would wait for ever
    err = capsys.readouterr().err
    assert status == 2
    assert ("not a text file of a run" if plots else "summary.json: is not a file") in err
    assert err.count("\n") == 1


def test_data_that_shrink_when_they_are_compressed_are_refused(folder, tmp_path, capsys):
    """They would take a hundred times the memory of the file."""
    content = changed((folder / "agent.npz").read_bytes(), lambda data: data.update(z=[{}] * 10**6))
    (tmp_path / "agent.npz").write_bytes(content)
    assert len(content) < 2**17
    assert main(commands(tmp_path)["agent"]) == 2
    assert "agent.npz is damaged, cut short or not from a run" in capsys.readouterr().err


@pytest.mark.parametrize(
    "change",
    [
        lambda run: run.update(train_seconds=1e16),
        lambda run: run.update(compile_seconds=10**90),
        lambda run: run.pop("linker"),
        lambda run: run.update(progress=run["progress"].replace("loss", "\ud800")),
    ],
)
def test_odd_values_of_a_run_are_refused(change, folder, tmp_path, capsys):
    content = (folder / "checkpoint.npz").read_bytes()
    content = changed(content, lambda data: change(data["run"]))
    (tmp_path / "checkpoint.npz").write_bytes(content)
    assert main([*commands(tmp_path)["checkpoint"], "--steps", "150"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_a_column_of_another_program_does_no_harm(folder, tmp_path):
    """The rows that follow leave it empty, and the run can be resumed again."""

    def change(data):
        head, *lines = data["run"]["progress"].splitlines()
        data["run"]["progress"] = "\n".join([f"a,{head}", *(f"1,{line}" for line in lines)]) + "\n"

    content = changed((folder / "checkpoint.npz").read_bytes(), change)
    (tmp_path / "checkpoint.npz").write_bytes(content)
    for steps in "170", "230":
        assert main([*commands(tmp_path)["checkpoint"], "--steps", steps]) == 0
    rows = (tmp_path / "progress.csv").read_text().splitlines()
    assert {row.count(",") for row in rows} == {rows[0].count(",")}


def test_weights_that_overflow_end_an_evaluation_in_one_line(folder, tmp_path, capsys):
    members = members_of((folder / "agent.npz").read_bytes())
    largest = npy(np.full_like(np.load(io.BytesIO(members["W1.npy"])), 3e38))
    (tmp_path / "agent.npz").write_bytes(zipped({**members, "W1.npy": largest}))
    assert main(["evaluate", str(tmp_path), "--quiet"]) == 2
    err = capsys.readouterr().err
    assert err.startswith("run_catch.py: the Q-values are [")
    assert err.count("\n") == 1


def test_what_is_no_file_is_not_replaced(folder, capsys):
    os.mkfifo(folder.parent / "pipe")
    assert main(["plot", str(folder), "--out", str(folder.parent / "pipe")]) == 2
    assert "pipe: is not a file" in capsys.readouterr().err
    assert (folder.parent / "pipe").is_fifo()


def test_nothing_is_written_through_a_link(tmp_path):
    """The name of a temporary file can be guessed."""
    (tmp_path / "mine").write_text("mine")
    (tmp_path / f".x.{os.getpid()}").symlink_to(tmp_path / "mine")
    write_text(tmp_path / "x", "text")
    assert (tmp_path / "mine").read_text() == "mine"
    assert (tmp_path / "x").read_text() == "text"
    assert sorted(os.listdir(tmp_path)) == ["mine", "x"]


def test_a_damaged_agent_file_is_refused_or_plays(folder, tmp_path):
    intact = (folder / "agent.npz").read_bytes()
    counts = outcomes(intact, tmp_path / "agent.npz", lambda: read_agent(tmp_path / "agent.npz"))
    assert counts["refused"] > counts["accepted"] > 0


# -- malicious files, and no files at all ----------------------------------------------------------


def commands(folder):
    return {
        "checkpoint": ["--resume", str(folder), "--quiet"],
        "agent": ["watch", str(folder), "--gif", str(folder / "a.gif")],
    }


@pytest.mark.parametrize("kind", ["checkpoint", "agent"])
@pytest.mark.parametrize("replacement", ["directory", "device", "fifo", "link to nothing"])
def test_paths_that_are_not_files_are_refused_at_once(kind, replacement, tmp_path, capsys):
    path = tmp_path / f"{kind}.npz"
    {
        "directory": path.mkdir,
        "device": lambda: path.symlink_to("/dev/zero"),
        "fifo": lambda: os.mkfifo(path),
        "link to nothing": lambda: path.symlink_to(tmp_path / "nothing"),
    }[replacement]()
    assert main(commands(tmp_path)[kind]) == 2
    assert capsys.readouterr().err == (
        f"run_catch.py: {path} is not a file: expected a file that a run has written\n"
    )
    assert os.listdir(tmp_path) == [path.name]


def bomb(members, name, dtype, megabytes):
    """-> the same file, with so many megabytes of compressed zeros as the array `name`."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for other_name, content in members.items():
            if other_name != name:
                archive.writestr(other_name, content)
        with archive.open(name, "w") as content:
            header = npy(np.zeros(1, dtype))[:-1]
            size = megabytes * 2**20
            content.write(header.replace(b"(1,)", b"(%d,)" % size).replace(b" " * 7, b"", 1))
            for _ in range(megabytes):
                content.write(bytes(2**20))
    return file.getvalue()


@pytest.mark.parametrize("kind", ["checkpoint", "agent"])
@pytest.mark.parametrize("large", ["the data", "an array", "the network in its settings"])
def test_a_zip_bomb_is_refused_without_taking_memory(
    kind, large, folder, tmp_path, capsys, monkeypatch
):
    monkeypatch.setattr(checkpoints, "MAX_DATA_SIZE", 2**20)
    intact = (folder / f"{kind}.npz").read_bytes()
    members, path = members_of(intact), tmp_path / f"{kind}.npz"
    content = {
        "the data": lambda: bomb(members, "data.npy", np.uint8, megabytes=50),
        "an array": lambda: bomb(members, list(members)[1], np.uint8, megabytes=50),
        # of four gigabytes
        "the network in its settings": lambda: with_setting(intact, "hidden", [30_000, 30_000]),
    }[large]()
    path.write_bytes(content)
    assert path.stat().st_size < 10**6
    main(commands(tmp_path)[kind])  # so that all modules are imported before the measurement
    tracemalloc.start()
    assert main(commands(tmp_path)[kind]) == 2
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20 * 2**20
    err = capsys.readouterr().err
    assert err.count("\n") == 2
    assert str(path) in err
    assert os.listdir(tmp_path) == [path.name]


def test_an_array_with_missing_or_extra_bytes_is_refused(folder, tmp_path, capsys):
    """The header and the checksum of the array are correct."""
    members = members_of((folder / "agent.npz").read_bytes())
    first = list(members)[1]
    for changed in (members[first] + b"x", members[first][:-1], members[first][:-4]):
        (tmp_path / "agent.npz").write_bytes(zipped({**members, first: changed}))
        assert main(commands(tmp_path)["agent"]) == 2
        assert "agent.npz is damaged, cut short or not" in capsys.readouterr().err


def test_data_that_are_nested_too_deeply_are_refused(tmp_path):
    refused = pytest.raises(Unreadable, match="does not fit this version: RecursionError")
    with refused, fitting(tmp_path / "checkpoint.npz"):
        raise RecursionError("maximum recursion depth exceeded")
