"""A large memory lies in pieces beside its checkpoint: each is written once, and none is missed."""

import json
import os
import shutil
import zipfile
from pathlib import Path
from types import SimpleNamespace

import gymnasium
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dqn_symbolic.agent.settings import Settings
from dqn_symbolic.environments.task import Task
from dqn_symbolic.runs import checkpoints, pieces
from dqn_symbolic.runs.loading import restore
from dqn_symbolic.runs.run import Run
from run_catch import main
from tests.plain import load
from tests.test_bad_files import FUZZ, bomb, damaged, fuzz, members_of, refusal
from tests.test_crashes import small_files

A_FRAME = 2 * 3 + 4 * 4  # bytes: the frame, its age, action, reward and discount


class Episodes(gymnasium.Env):
    """Episodes of the given lengths, in turn; each frame is unlike the others of its episode."""

    observation_space = gymnasium.spaces.Box(0, 255, (2, 3), np.uint8)
    action_space = gymnasium.spaces.Discrete(3)

    def __init__(self, lengths):
        self.lengths = lengths

    def reset(self, *, seed=None, options=None):
        self.seed, self.age = seed, 0
        return self.seen(), {}

    def step(self, action):
        self.age += 1
        over = self.age == self.lengths[self.seed % len(self.lengths)]
        return self.seen(), float(self.age * action), over, False, {}

    def seen(self):
        return np.full((2, 3), (7 * self.seed + self.age) % 251, np.uint8)


def new_run(folder, capacity, history=1, lengths=(5,), seed=0):
    """A run that only plays and remembers: its learner has nothing to keep."""
    how = {"hidden": (1,), "warm_up": 10**9, "steps": 10**9, "seed": seed}
    task = Task("Episodes", {}, lambda: Episodes(lengths))
    run = Run(task, Settings(**how, memory_size=capacity, history=history), folder)
    run.agent.learn = SimpleNamespace(get_shared=lambda: [])
    return run


def resumed(folder, **how):
    run = new_run(folder, **how)
    assert restore(run, checkpoints.load_data(folder / "checkpoint.npz", "checkpoint"))
    return run


def steps(run, number):
    for _ in range(number):
        run.agent.step()
    return run


def remembered(run):
    """-> all that the agent's next steps depend on, and all that it can sample."""
    state, arrays = run.agent.get_state()
    memory = run.agent.memory
    sampled = memory.sample(50, np.random.default_rng(0)) if memory.size else []
    kept = [*arrays.items(), *enumerate([*memory.all(), *sampled])]
    return json.dumps(state), {name: array.tobytes() for name, array in kept}


def files(folder):
    """-> {name of a piece: what tells whether it was written again}"""
    if not (folder / "memory").exists():
        return {}
    found = {path.name: path.lstat() for path in (folder / "memory").iterdir()}
    return {name: (status.st_ino, status.st_mtime_ns) for name, status in found.items()}


@pytest.fixture
def small(monkeypatch):
    """small(slots): so many slots make a piece."""
    return lambda slots: monkeypatch.setattr(pieces, "SIZE", slots * A_FRAME)


@pytest.fixture
def hasty(monkeypatch):
    """Nobody waits for the disk, which would be most of a test's time."""
    monkeypatch.setattr(os, "fsync", lambda handle: None)


# -- stopped and resumed ---------------------------------------------------------------------------


@settings(
    deadline=None,
    max_examples=40,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    capacity=st.integers(1, 25),
    history=st.integers(1, 4),
    slots=st.integers(1, 12),
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    checkpoints_after=st.lists(
        st.tuples(st.integers(1, 30), st.booleans()), min_size=1, max_size=7
    ),
)
@example(4, 1, 5, [3], [(5, True), (1, True), (1, True), (1, True)])  # one piece, just full
@example(5, 1, 3, [50], [(5, True), (1, True), (1, True)])  # the ring comes round
def test_a_resumed_memory_equals_one_that_never_stopped(
    tmp_path_factory, small, hasty, capacity, history, slots, lengths, checkpoints_after
):
    """checkpoints_after: agent steps, and whether the run then stops and is resumed."""
    small(slots)
    how = {"capacity": capacity, "history": history, "lengths": lengths}
    folder = tmp_path_factory.mktemp("run")
    run, whole = new_run(folder, **how), new_run(folder, **how)
    for number, stops in checkpoints_after:
        steps(run, number)
        run.save_checkpoint()
        run = resumed(folder, **how) if stops else run
        assert remembered(run) == remembered(steps(whole, number))
        assert {f"{number}.npz" for number in run.pieces} == set(files(folder))
    assert remembered(steps(run, 40)) == remembered(steps(whole, 40))


def test_the_bounds_of_the_pieces_by_hand():
    """A ring of ten slots in pieces of four, worked out by hand."""
    ring = np.arange(10, dtype=np.uint8)  # a byte a slot

    def found(written):
        rings = {"memory.frame": ring[: min(written, 10)], "x": ring}
        of_memory, rest = pieces.cut(written, rings)
        assert rest["x"] is ring
        parts = {number: piece["memory.frame"].tolist() for number, piece in of_memory.items()}
        return parts, rest["memory.frame"].tolist()

    first, second, third = [0, 1, 2, 3], [4, 5, 6, 7], [8, 9]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "SIZE", 4)
        assert found(3) == ({}, [0, 1, 2])
        assert found(4) == ({}, first)  # frame 3 is the newest: its action comes with the next one
        assert found(5) == ({0: first}, [4])
        assert found(10) == ({0: first, 4: second}, third)
        assert found(11) == ({4: second, 8: third}, first)  # frame 10 is in the first slot
        assert found(15) == ({8: third, 10: first}, second)
        assert found(20) == ({10: first, 14: second}, third)
        assert found(10**9 + 5) == ({10**9 - 2: third, 10**9: first}, second)
    assert found(15) == ({}, list(range(10)))  # a small memory is one piece
    assert pieces.cut(0, {}) == ({}, {})  # before the first step


# -- what a checkpoint costs -----------------------------------------------------------------------


def test_a_piece_is_written_once_and_removed_when_its_slots_are_used_again(tmp_path, small, hasty):
    small(10)
    run, before, removed = new_run(tmp_path, capacity=49), {}, 0
    for _ in range(40):
        steps(run, 7).save_checkpoint()
        after = files(tmp_path)
        assert all(after[name] == before[name] for name in before.keys() & after.keys())
        assert len(after) == min((run.agent.memory.written - 1) // 10, 4)
        with zipfile.ZipFile(tmp_path / "checkpoint.npz") as members:
            frames = members.getinfo("memory.frame.npy").file_size - 128  # but for its header
        assert 0 < frames <= 10 * 6
        removed += len(before.keys() - after.keys())
        before = after
    assert removed > 20


def test_a_resumed_run_does_not_rewrite_existing_pieces(tmp_path, small):
    small(10)
    steps(new_run(tmp_path, capacity=49), 30).save_checkpoint()
    before = files(tmp_path)
    assert len(before) == 3
    steps(resumed(tmp_path, capacity=49), 2).save_checkpoint()
    assert files(tmp_path) == before


def test_a_small_memory_has_no_pieces(tmp_path):
    run = steps(new_run(tmp_path, capacity=1_000), 3_000)
    run.save_checkpoint()
    assert os.listdir(tmp_path) == ["checkpoint.npz"]
    assert run.pieces == {}


def test_pieces_have_at_most_16_mebibytes():
    slots = 10_000
    rings = {"memory.frame": np.zeros((slots, 84, 84), np.uint8)}
    of_memory, rest = pieces.cut(slots, rings)
    sizes = [piece["memory.frame"].nbytes for piece in [*of_memory.values(), rest]]
    assert sum(sizes) == rings["memory.frame"].nbytes
    assert max(sizes) <= 2**24
    assert min(sizes[:-1]) > 2**24 - 84 * 84


# -- killed, or copied -----------------------------------------------------------------------------


class Killed(BaseException):
    pass


def killed_at(moment, call):
    """call(), until it wants to replace or to remove a file for the moment-th time. -> whether"""
    left = [moment]

    def until_killed(function):
        def counting(*arguments, **how):
            if left[0] == 0:
                raise Killed
            left[0] -= 1
            return function(*arguments, **how)

        return counting

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", until_killed(os.replace))
        patch.setattr(Path, "unlink", until_killed(Path.unlink))
        try:
            call()
        except Killed:
            return True
    return False


def test_a_kill_during_a_checkpoint_leaves_the_old_or_the_new_checkpoint(tmp_path, small, hasty):
    """Between any two files; then it goes on, and nothing is left that nobody needs."""
    small(10)
    came, moment, killed = [], 0, True
    while killed:
        folder = tmp_path / str(moment)
        folder.mkdir()
        run = steps(new_run(folder, capacity=49), 70)
        run.save_checkpoint()
        old = remembered(run)
        new = remembered(steps(run, 35))
        killed = killed_at(moment, run.save_checkpoint)
        after = resumed(folder, capacity=49)
        assert remembered(after) in (old, new)
        came.append(remembered(after) == new)
        after.train(["Ctrl-C"], quiet=True)  # which ends as soon as it has begun
        assert set(files(folder)) == {f"{number}.npz" for number in after.pieces}
        steps(after, 105 - after.agent.steps)
        after.save_checkpoint()
        assert remembered(resumed(folder, capacity=49)) == new
        moment += 1
    # For each of 4 pieces a replacement, and no temporary file is left to be removed; the
    # checkpoint's replacement makes the difference; then 4 pieces are removed.
    assert came == [False] * (4 * 2 + 1) + [True] * (1 + 4 + 1)


def test_pieces_are_synced_before_the_checkpoint(tmp_path, small, monkeypatch):
    small(10)
    run, done, fsync, replace = new_run(tmp_path, capacity=49), [], os.fsync, os.replace

    def syncing(handle):
        done.append(Path(os.readlink(f"/proc/self/fd/{handle}")).name)
        fsync(handle)

    def replacing(old, new):
        done.append(f"-> {Path(new).name}")
        replace(old, new)

    monkeypatch.setattr(os, "fsync", syncing)
    monkeypatch.setattr(os, "replace", replacing)
    steps(run, 10).save_checkpoint()
    pid = os.getpid()
    assert done == [
        tmp_path.name,  # in which the folder is new
        *(f".0.npz.{pid}", "-> 0.npz", "memory"),
        *(f".checkpoint.npz.{pid}", "-> checkpoint.npz", tmp_path.name),
    ]


@pytest.mark.parametrize(("most", "full"), [(200, "memory/60.npz"), (1_700, "checkpoint.npz")])
def test_a_full_disk_leaves_the_old_checkpoint(tmp_path, small, most, full):
    """Whether a piece found no room, or only the checkpoint that was to name it."""
    small(10)
    run = steps(new_run(tmp_path, capacity=49), 55)
    run.save_checkpoint()
    before, old = files(tmp_path), remembered(run)
    steps(run, 12)
    with small_files(tmp_path, most), pytest.raises(OSError, match="too large") as complaint:
        run.save_checkpoint()
    assert complaint.value.filename == str(tmp_path / full)
    assert before.items() <= files(tmp_path).items()
    after = resumed(tmp_path, capacity=49)
    assert remembered(after) == old
    after.train(["Ctrl-C"], quiet=True)  # which ends as soon as it has begun
    assert files(tmp_path) == before


def test_files_left_by_killed_processes_are_removed(tmp_path, small):
    small(10)
    run = steps(new_run(tmp_path, capacity=49), 30)
    run.save_checkpoint()
    needed = set(files(tmp_path))
    for name in (".20.npz.123", "400.npz"):
        (tmp_path / "memory" / name).write_text("half")
    for name in ("notes.npz", "notes"):
        (tmp_path / "memory" / name).write_text("mine")
    run.save_checkpoint()
    assert set(files(tmp_path)) == needed | {"notes.npz", "notes"}


def test_a_copied_folder_can_be_resumed(tmp_path, small):
    small(10)
    (tmp_path / "one").mkdir()
    run = steps(new_run(tmp_path / "one", capacity=49), 77)
    run.save_checkpoint()
    shutil.move(shutil.copytree(tmp_path / "one", tmp_path / "two"), tmp_path / "three")
    shutil.rmtree(tmp_path / "one")
    assert remembered(resumed(tmp_path / "three", capacity=49)) == remembered(run)


# -- bad pieces ------------------------------------------------------------------------------------


@pytest.fixture
def kept(tmp_path, small):
    """A run in the folder "run" with the pieces 50, 60, 70 and 80; and what it remembers."""
    small(10)
    (tmp_path / "run").mkdir()
    run = steps(new_run(tmp_path / "run", capacity=49), 80)
    run.save_checkpoint()
    assert list(run.pieces) == [50, 60, 70, 80]
    return tmp_path / "run"


def complaint(folder):
    """Resumes. -> why that is refused, or None"""
    run = new_run(folder, capacity=49)
    before, there = remembered(run), files(folder)
    data = checkpoints.load_data(folder / "checkpoint.npz", "checkpoint")
    refused = refusal(restore, run, data)
    assert not refused or remembered(run) == before
    assert files(folder) == there
    assert "\n" not in (refused or "")
    return refused


@pytest.mark.parametrize("what", ["missing", "a folder", "a fifo", "a link to nothing"])
def test_a_piece_that_is_not_a_file_is_refused(kept, what):
    piece = kept / "memory" / "60.npz"
    piece.unlink()
    {
        "missing": lambda: None,
        "a folder": piece.mkdir,
        "a fifo": lambda: os.mkfifo(piece),
        "a link to nothing": lambda: piece.symlink_to("nothing"),
    }[what]()
    expected = "is missing" if what == "missing" else "is not a file"
    assert complaint(kept) == f"{piece} {expected}: expected a file that a run has written"


@settings(fuzz, max_examples=FUZZ or 40)
@given(st.data())
def test_a_damaged_piece_is_refused_or_harmless(kept, data):
    piece = kept / "memory" / "60.npz"
    whole = piece.read_bytes()
    piece.write_bytes(data.draw(damaged(whole)))
    refused = complaint(kept)
    if refused:
        assert refused.startswith(f"{piece} is ")
    else:  # bytes that do not matter, such as a date
        run = resumed(kept, capacity=49)
        again = steps(new_run(kept, capacity=49), 80)
        assert remembered(run) == remembered(again)
    piece.write_bytes(whole)


def test_swapped_pieces_are_refused(kept):
    one, other = kept / "memory" / "60.npz", kept / "memory" / "70.npz"
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)
    assert complaint(kept) == f"{one} is not the file that this checkpoint was written with"


@pytest.mark.parametrize("how", [{"seed": 1}, {"lengths": (6,)}, {"capacity": 50}, {"history": 2}])
def test_a_piece_of_another_run_is_refused(kept, how, tmp_path):
    (tmp_path / "other").mkdir()
    other = steps(new_run(tmp_path / "other", **{"capacity": 49, **how}), 80)
    other.save_checkpoint()
    piece = kept / "memory" / "60.npz"
    piece.write_bytes(pieces.path(tmp_path / "other", list(other.pieces)[1]).read_bytes())
    assert complaint(kept) == f"{piece} is not the file that this checkpoint was written with"


def test_an_oversized_piece_is_refused(kept):
    piece = kept / "memory" / "60.npz"
    members = members_of(piece.read_bytes())
    piece.write_bytes(bomb(members, "memory.frame.npy", np.uint8, megabytes=50))
    assert complaint(kept) == f"{piece} is not the file that this checkpoint was written with"


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data.pop("pieces"),
        lambda data: data["pieces"].pop(),
        lambda data: data["pieces"].append([90, [1]]),
        lambda data: data["pieces"].reverse(),
        lambda data: data.update(pieces=None),
        lambda data: data.update(pieces=[[50, None], *data["pieces"][1:]]),
        lambda data: data.update(pieces=[["../50", [1]], *data["pieces"][1:]]),
        lambda data: data["agent"]["memory"].update(written=103),
        lambda data: data["agent"]["memory"].update(written=10),
        lambda data: data["agent"]["memory"].update(written=10**30),
        lambda data: data["agent"]["memory"].update(written=-5),
    ],
)
def test_a_checkpoint_that_names_other_pieces_is_refused(kept, change):
    path = kept / "checkpoint.npz"
    data = checkpoints.load_data(path, "checkpoint")
    with checkpoints.opened(path), np.load(path) as members:
        arrays = {name: members[name] for name in members if name != "data"}
    change(data)
    checkpoints.save(path, "checkpoint", data, arrays)
    assert "checkpoint.npz does not fit this version" in complaint(kept)


def test_a_piece_with_wrong_checksums_in_the_checkpoint_is_refused(kept):
    path = kept / "checkpoint.npz"
    data, arrays = load(path, "checkpoint")
    data["pieces"][2][1][0] ^= 1
    arrays = {name: array for name, array in arrays.items() if "/" not in name}
    checkpoints.save(path, "checkpoint", data, arrays)
    assert complaint(kept) == (
        f"{kept}/memory/70.npz is not the file that this checkpoint was written with"
    )


def test_a_new_run_is_refused_in_a_folder_with_pieces(tmp_path, capsys):
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "0.npz").write_text("mine")
    assert main(["--out", str(tmp_path), "--quiet"]) == 2
    assert "already holds a run (memory)" in capsys.readouterr().err
    assert (tmp_path / "memory" / "0.npz").read_text() == "mine"
