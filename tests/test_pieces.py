"""A large memory is saved in pieces: each is written once, and every needed piece is checked."""

import json
import os
import shutil
import tempfile
import zipfile
from pathlib import Path
from types import SimpleNamespace

import gymnasium
import numpy as np
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from dqn_symbolic.agent import Agent
from dqn_symbolic.environments.task import Task
from dqn_symbolic.runs import checkpoints, pieces
from dqn_symbolic.runs import run as run_module
from dqn_symbolic.runs.loading import restore
from dqn_symbolic.runs.run import Run
from dqn_symbolic.settings import Settings
from run_catch import main
from tests.plain import no_functions
from tests.test_bad_files import FUZZ, bomb, changed, damaged, fuzz, members_of, refusal
from tests.test_crashes import small_files

MARK = "0123abcd"  # of every run here
FRAME_BYTES = 2 * 3 + 4 * 4  # the frame, its age, action, reward and discount


class Episodes(gymnasium.Env):
    """Episodes of the given lengths, in turn. The frames of an episode all differ."""

    observation_space = gymnasium.spaces.Box(0, 255, (2, 3), np.uint8)
    action_space = gymnasium.spaces.Discrete(3)

    def __init__(self, lengths):
        self.lengths = lengths

    def reset(self, *, seed=None, options=None):
        self.seed, self.age = seed, 0
        return self.observe(), {}

    def step(self, action):
        self.age += 1
        over = self.age == self.lengths[self.seed % len(self.lengths)]
        return self.observe(), float(self.age * action), over, False, {}

    def observe(self):
        return np.full((2, 3), (7 * self.seed + self.age) % 251, np.uint8)


def new_run(folder, capacity, history=1, lengths=(5,), seed=0, data=None):
    """-> a run that only plays and fills its memory. Its learner has no weights to save."""
    fixed = {"hidden": (1,), "warm_up": 10**9, "steps": 10**9, "seed": seed}
    task = Task("Episodes", {}, lambda: Episodes(lengths))
    settings = Settings(**fixed, memory_size=capacity, history=history)
    agent = Agent(task.make(), settings, no_functions)
    said = []
    run = Run(task, settings, folder, data, say=lambda text, end=None: said.append(text))
    run.begin(agent, parts=[])
    run.stack.close()  # of the lock: several runs of a test use one folder
    assert not said  # the game came back
    return run


def resumed(folder, **options):
    data = checkpoints.load_data(folder / "checkpoint.npz", "checkpoint")
    return new_run(folder, data=data, **options)


def steps(run, number):
    for _ in range(number):
        run.agent.step()
    return run


def memory_state(run):
    """-> the agent's state, and everything that it can sample."""
    state, arrays = run.agent.get_state()
    memory = run.agent.memory
    sampled = memory.sample(50, np.random.default_rng(0)) if memory.size else []
    everything = memory.transitions(np.arange(memory.size))
    named_arrays = [*arrays.items(), *enumerate([*everything, *sampled])]
    return json.dumps(state), {name: array.tobytes() for name, array in named_arrays}


def piece_files(folder):
    """-> {name of a piece: (inode, time)}, which change when it is written again."""
    if not (folder / "memory").exists():
        return {}
    statuses = {path.name: path.lstat() for path in (folder / "memory").iterdir()}
    return {name: (status.st_ino, status.st_mtime_ns) for name, status in statuses.items()}


@pytest.fixture(autouse=True)
def same_mark_and_no_graph(monkeypatch):
    monkeypatch.setattr(run_module, "token_hex", lambda size: MARK)
    no_graph = SimpleNamespace(variables=[], params=[])
    monkeypatch.setattr("dqn_symbolic.agent.q_learning", lambda *how: no_graph)


@pytest.fixture
def set_slots(monkeypatch):
    """set_slots(n): from now on a piece has n slots."""
    return lambda slots: monkeypatch.setattr(pieces, "SIZE", slots * FRAME_BYTES)


# -- stopped and resumed ---------------------------------------------------------------------------


@settings(
    max_examples=20,
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
@example(4, 1, 5, [3], [(5, True), (1, True), (1, True), (1, True)])  # one piece, exactly full
@example(5, 1, 3, [50], [(5, True), (1, True), (1, True)])  # old frames are overwritten
def test_a_resumed_memory_equals_an_uninterrupted_memory(
    tmp_path_factory, set_slots, capacity, history, slots, lengths, checkpoints_after
):
    """checkpoints_after: [(agent steps before a checkpoint, whether the run is then resumed)]."""
    set_slots(slots)
    options = {"capacity": capacity, "history": history, "lengths": lengths}
    folder = tmp_path_factory.mktemp("run")
    run, uninterrupted = new_run(folder, **options), new_run(folder, **options)
    for number, is_resumed in checkpoints_after:
        steps(run, number)
        run.save_checkpoint()
        run = resumed(folder, **options) if is_resumed else run
        assert memory_state(run) == memory_state(steps(uninterrupted, number))
        assert {f"{MARK}-{number}.npz" for number in run.pieces} == set(piece_files(folder))
    assert memory_state(steps(run, 40)) == memory_state(steps(uninterrupted, 40))


def test_the_bounds_of_the_pieces_by_hand():
    """A ring of ten slots in pieces of four."""
    ring = np.arange(10, dtype=np.uint8)  # a byte a slot

    def cut(written):
        rings = {"memory.frame": ring[: min(written, 10)], "x": ring}
        finished, rest = pieces.cut({"memory": {"written": written}}, rings)
        assert rest["x"] is ring
        parts = {number: piece["memory.frame"].tolist() for number, piece in finished.items()}
        return parts, rest["memory.frame"].tolist()

    first, second, third = [0, 1, 2, 3], [4, 5, 6, 7], [8, 9]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "SIZE", 4)
        assert cut(3) == ({}, [0, 1, 2])
        assert cut(4) == ({}, first)  # frame 3 is the newest, and its action is not known yet
        assert cut(5) == ({0: first}, [4])
        assert cut(10) == ({0: first, 4: second}, third)
        assert cut(11) == ({4: second, 8: third}, first)  # frame 10 is in the first slot
        assert cut(15) == ({8: third, 10: first}, second)
        assert cut(20) == ({10: first, 14: second}, third)
        assert cut(10**9 + 5) == ({10**9 - 2: third, 10**9: first}, second)
    assert cut(15) == ({}, list(range(10)))  # a small memory has one piece
    assert pieces.cut({}, {}) == ({}, {})  # before the first step


# -- what a checkpoint costs -----------------------------------------------------------------------


def test_a_piece_is_written_once_and_removed_when_its_slots_are_used_again(tmp_path, set_slots):
    set_slots(10)
    run, before, removed = new_run(tmp_path, capacity=49), {}, 0
    for _ in range(40):
        steps(run, 7).save_checkpoint()
        after = piece_files(tmp_path)
        assert all(after[name] == before[name] for name in before.keys() & after.keys())
        assert len(after) == min((run.agent.memory.written - 1) // 10, 4)
        with zipfile.ZipFile(tmp_path / "checkpoint.npz") as members:
            frame_bytes = members.getinfo("memory.frame.npy").file_size - 128  # without its header
        assert 0 < frame_bytes <= 10 * 6
        removed += len(before.keys() - after.keys())
        before = after
    assert removed > 20


def test_a_resumed_run_does_not_rewrite_existing_pieces(tmp_path, set_slots):
    set_slots(10)
    steps(new_run(tmp_path, capacity=49), 30).save_checkpoint()
    before = piece_files(tmp_path)
    assert len(before) == 3
    steps(resumed(tmp_path, capacity=49), 2).save_checkpoint()
    assert piece_files(tmp_path) == before


def test_a_small_memory_has_no_pieces(tmp_path):
    run = steps(new_run(tmp_path, capacity=1_000), 3_000)
    run.save_checkpoint()
    assert os.listdir(tmp_path) == ["checkpoint.npz"]
    assert run.pieces == {}


def test_pieces_have_at_most_16_mebibytes():
    slots = 10_000
    rings = {"memory.frame": np.zeros((slots, 84, 84), np.uint8)}
    finished, rest = pieces.cut({"memory": {"written": slots}}, rings)
    sizes = [piece["memory.frame"].nbytes for piece in [*finished.values(), rest]]
    assert sum(sizes) == rings["memory.frame"].nbytes
    assert max(sizes) <= 2**24
    assert min(sizes[:-1]) > 2**24 - 84 * 84


# -- killed or copied ------------------------------------------------------------------------------


class Killed(BaseException):
    pass


def killed_at(moment, call):
    """Calls, and kills the call before it replaces or removes its file number `moment`.

    -> whether it was killed
    """
    calls_left = [moment]

    def may_kill(function):
        def counting(*arguments, **options):
            if calls_left[0] == 0:
                raise Killed
            calls_left[0] -= 1
            return function(*arguments, **options)

        return counting

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", may_kill(os.replace))
        patch.setattr(Path, "unlink", may_kill(Path.unlink))
        try:
            call()
        except Killed:
            return True
    return False


def test_a_kill_during_a_checkpoint_leaves_the_old_or_the_new_checkpoint(tmp_path, set_slots):
    """Kills it between any two files. The run then goes on, and no needless file is left."""
    set_slots(10)
    has_new, moment, killed = [], 0, True
    while killed:
        folder = tmp_path / str(moment)
        folder.mkdir()
        run = steps(new_run(folder, capacity=49), 70)
        run.save_checkpoint()
        old = memory_state(run)
        new = memory_state(steps(run, 35))
        killed = killed_at(moment, run.save_checkpoint)
        after = resumed(folder, capacity=49)
        assert memory_state(after) in (old, new)
        has_new.append(memory_state(after) == new)
        # `begin` has removed what is not needed
        assert set(piece_files(folder)) == {f"{MARK}-{number}.npz" for number in after.pieces}
        steps(after, 105 - after.agent.steps)
        after.save_checkpoint()
        assert memory_state(resumed(folder, capacity=49)) == new
        moment += 1
    # Each of 4 new pieces takes a replacement, and before and after a removal of its temporary
    # file. From the replacement of the checkpoint on, the new one counts. Then its temporary file
    # and 4 old pieces are removed.
    assert has_new == [False] * (4 * 3 + 2) + [True] * (1 + 4 + 1)


def test_pieces_are_synced_before_the_checkpoint(tmp_path, set_slots, monkeypatch):
    set_slots(10)
    run, events, fsync, replace = new_run(tmp_path, capacity=49), [], os.fsync, os.replace

    def syncing(handle):
        events.append(Path(os.readlink(f"/proc/self/fd/{handle}")).name)
        fsync(handle)

    def replacing(old, new):
        events.append(f"-> {Path(new).name}")
        replace(old, new)

    monkeypatch.setattr(os, "fsync", syncing)
    monkeypatch.setattr(os, "replace", replacing)
    steps(run, 10).save_checkpoint()
    pid = os.getpid()
    assert events == [
        tmp_path.name,  # because the folder `memory` is new in it
        *(f".{MARK}-0.npz.{pid}", f"-> {MARK}-0.npz", "memory"),
        *(f".checkpoint.npz.{pid}", "-> checkpoint.npz", tmp_path.name),
    ]


@pytest.mark.parametrize(
    ("limit", "failing_file"), [(200, f"memory/{MARK}-60.npz"), (1_700, "checkpoint.npz")]
)
def test_a_full_disk_leaves_the_old_checkpoint(tmp_path, set_slots, limit, failing_file):
    """The disk is full while a piece is written, or while the checkpoint is written."""
    set_slots(10)
    run = steps(new_run(tmp_path, capacity=49), 55)
    run.save_checkpoint()
    before, old = piece_files(tmp_path), memory_state(run)
    steps(run, 12)
    with small_files(tmp_path, limit), pytest.raises(OSError, match="too large") as error:
        run.save_checkpoint()
    assert error.value.filename == str(tmp_path / failing_file)
    assert before.items() <= piece_files(tmp_path).items()
    after = resumed(tmp_path, capacity=49)
    assert memory_state(after) == old
    # `begin` has removed what is not needed
    assert piece_files(tmp_path) == before


def test_files_left_by_killed_processes_are_removed(tmp_path, set_slots):
    set_slots(10)
    run = steps(new_run(tmp_path, capacity=49), 30)
    run.save_checkpoint()
    needed = set(piece_files(tmp_path))
    for name in (f".{MARK}-20.npz.123", f"{MARK}-400.npz"):
        (tmp_path / "memory" / name).write_text("half")
    others = {"notes.npz", "notes", "0.npz", "fedcba98-400.npz", ".fedcba98-20.npz.123"}
    for name in others:
        (tmp_path / "memory" / name).write_text("mine, or another run's")
    run.save_checkpoint()
    assert set(piece_files(tmp_path)) == needed | others


def test_a_memory_that_is_a_link_is_refused_and_kept(tmp_path, set_slots):
    """Else the resumed run would remove the pieces that the other run needs."""
    set_slots(10)
    (tmp_path / "one").mkdir()
    steps(new_run(tmp_path / "one", capacity=49), 77).save_checkpoint()
    (tmp_path / "two").mkdir()
    shutil.copy(tmp_path / "one" / "checkpoint.npz", tmp_path / "two")
    (tmp_path / "two" / "memory").symlink_to(tmp_path / "one" / "memory")
    before = piece_files(tmp_path / "one")
    assert "memory is a link" in refusal_to_resume(tmp_path / "two")
    assert piece_files(tmp_path / "one") == before


def test_a_memory_that_is_a_link_is_refused_before_the_first_step(tmp_path, set_slots):
    """A checkpoint without a memory can name the other run's mark, too."""
    set_slots(10)
    for name in "one", "two":
        (tmp_path / name).mkdir()
        steps(new_run(tmp_path / name, capacity=49), 77 * (name == "one")).save_checkpoint()
    (tmp_path / "two" / "memory").symlink_to(tmp_path / "one" / "memory")
    before = piece_files(tmp_path / "one")
    with pytest.raises(checkpoints.Unreadable, match="memory is a link"):
        resumed(tmp_path / "two", capacity=49)
    assert piece_files(tmp_path / "one") == before


def test_piece_numbers_of_another_type_are_refused(tmp_path, set_slots):
    """0.0 equals 0, but names another file."""
    set_slots(10)
    steps(new_run(tmp_path, capacity=49), 77).save_checkpoint()
    path = tmp_path / "checkpoint.npz"

    def change(data):
        data["pieces"] = [[float(number), sums] for number, sums in data["pieces"]]

    path.write_bytes(changed(path.read_bytes(), change))
    assert "pieces: expected" in refusal_to_resume(tmp_path)


@pytest.mark.parametrize("copied", [shutil.copy2, os.link])
def test_two_copies_of_a_run_go_on(copied, tmp_path, set_slots):
    set_slots(10)
    (tmp_path / "one").mkdir()
    one = steps(new_run(tmp_path / "one", capacity=49), 77)
    one.save_checkpoint()
    shutil.copytree(tmp_path / "one", tmp_path / "two", copy_function=copied)
    two = steps(resumed(tmp_path / "two", capacity=49), 50)
    two.save_checkpoint()
    assert memory_state(resumed(tmp_path / "one", capacity=49)) == memory_state(one)
    steps(one, 50).save_checkpoint()
    for folder in "one", "two":
        assert memory_state(resumed(tmp_path / folder, capacity=49)) == memory_state(two)


@pytest.mark.parametrize("mark", ["", "../../x/", "0123abc*", "0123ABCD", None, 7])
def test_a_mark_that_names_other_files_is_refused(mark, tmp_path, set_slots):
    set_slots(10)
    steps(new_run(tmp_path, capacity=49), 77).save_checkpoint()
    path = tmp_path / "checkpoint.npz"
    path.write_bytes(changed(path.read_bytes(), lambda data: data["run"].update(mark=mark)))
    before = piece_files(tmp_path)
    assert "does not fit this version" in refusal_to_resume(tmp_path)
    assert piece_files(tmp_path) == before


def test_a_copied_folder_can_be_resumed(tmp_path, set_slots):
    set_slots(10)
    (tmp_path / "one").mkdir()
    run = steps(new_run(tmp_path / "one", capacity=49), 77)
    run.save_checkpoint()
    shutil.move(shutil.copytree(tmp_path / "one", tmp_path / "two"), tmp_path / "three")
    shutil.rmtree(tmp_path / "one")
    assert memory_state(resumed(tmp_path / "three", capacity=49)) == memory_state(run)


# -- bad pieces ------------------------------------------------------------------------------------

NOT_THE_FILE = "is not the file that this checkpoint was written with"


@pytest.fixture
def run_folder(tmp_path, set_slots):
    """-> the folder of a run with the pieces 50, 60, 70 and 80."""
    set_slots(10)
    (tmp_path / "run").mkdir()
    run = steps(new_run(tmp_path / "run", capacity=49), 80)
    run.save_checkpoint()
    assert list(run.pieces) == [50, 60, 70, 80]
    return tmp_path / "run"


def refusal_to_resume(folder):
    """Resumes. -> the message if that is refused, or None."""
    run = new_run(Path(tempfile.mkdtemp(dir=folder.parent)), capacity=49)
    before, piece_files_before = memory_state(run), piece_files(folder)
    path = folder / "checkpoint.npz"
    data = checkpoints.load_data(path, "checkpoint")
    message = refusal(restore, path, data, run.task, run.agent)
    assert not message or memory_state(run) == before
    assert piece_files(folder) == piece_files_before
    assert "\n" not in (message or "")
    return message


@pytest.mark.parametrize("replacement", ["missing", "a folder", "a fifo", "a link to nothing"])
def test_a_piece_that_is_not_a_file_is_refused(run_folder, replacement):
    piece = run_folder / "memory" / f"{MARK}-60.npz"
    piece.unlink()
    {
        "missing": lambda: None,
        "a folder": piece.mkdir,
        "a fifo": lambda: os.mkfifo(piece),
        "a link to nothing": lambda: piece.symlink_to("nothing"),
    }[replacement]()
    expected = "is missing" if replacement == "missing" else "is not a file"
    message = f"{piece} {expected}: expected a file that a run has written"
    assert refusal_to_resume(run_folder) == message


@settings(fuzz, max_examples=FUZZ or 20)
@given(st.data())
def test_a_damaged_piece_is_refused_or_harmless(run_folder, data):
    piece = run_folder / "memory" / f"{MARK}-60.npz"
    content = piece.read_bytes()
    piece.write_bytes(data.draw(damaged(content)))
    message = refusal_to_resume(run_folder)
    if message:
        assert message.startswith(f"{piece} is ")
    else:  # the damaged bytes do not matter, such as a date
        run = resumed(run_folder, capacity=49)
        expected = steps(new_run(Path(tempfile.mkdtemp(dir=run_folder.parent)), capacity=49), 80)
        assert memory_state(run) == memory_state(expected)
    piece.write_bytes(content)


def test_swapped_pieces_are_refused(run_folder):
    piece, other_piece = (
        run_folder / "memory" / f"{MARK}-60.npz",
        run_folder / "memory" / f"{MARK}-70.npz",
    )
    content = piece.read_bytes()
    piece.write_bytes(other_piece.read_bytes())
    other_piece.write_bytes(content)
    assert refusal_to_resume(run_folder) == f"{piece} {NOT_THE_FILE}"


@pytest.mark.parametrize(
    "options", [{"seed": 1}, {"lengths": (6,)}, {"capacity": 50}, {"history": 2}]
)
def test_a_piece_of_another_run_is_refused(run_folder, options, tmp_path):
    (tmp_path / "other").mkdir()
    other = steps(new_run(tmp_path / "other", **{"capacity": 49, **options}), 80)
    other.save_checkpoint()
    piece = run_folder / "memory" / f"{MARK}-60.npz"
    piece.write_bytes(pieces.path(tmp_path / "other", MARK, list(other.pieces)[1]).read_bytes())
    assert refusal_to_resume(run_folder) == f"{piece} {NOT_THE_FILE}"


def test_an_oversized_piece_is_refused(run_folder):
    piece = run_folder / "memory" / f"{MARK}-60.npz"
    members = members_of(piece.read_bytes())
    piece.write_bytes(bomb(members, "memory.frame.npy", np.uint8, megabytes=50))
    assert refusal_to_resume(run_folder) == f"{piece} {NOT_THE_FILE}"


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
def test_a_checkpoint_that_names_other_pieces_is_refused(run_folder, change):
    path = run_folder / "checkpoint.npz"
    path.write_bytes(changed(path.read_bytes(), change))
    assert "checkpoint.npz does not fit this version" in refusal_to_resume(run_folder)


def test_a_piece_with_wrong_checksums_in_the_checkpoint_is_refused(run_folder):
    path = run_folder / "checkpoint.npz"

    def change(data):
        data["pieces"][2][1][0] ^= 1

    path.write_bytes(changed(path.read_bytes(), change))
    assert refusal_to_resume(run_folder) == f"{run_folder}/memory/{MARK}-70.npz {NOT_THE_FILE}"


def test_a_new_run_is_refused_in_a_folder_with_pieces(tmp_path, capsys):
    (tmp_path / "memory").mkdir()
    (tmp_path / "memory" / "0.npz").write_text("mine")
    assert main(["--out", str(tmp_path), "--quiet"]) == 2
    assert "already holds a run (memory)" in capsys.readouterr().err
    assert (tmp_path / "memory" / "0.npz").read_text() == "mine"
