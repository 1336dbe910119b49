"""The command `run_catch.py`: its files, options, messages and exit statuses."""

import csv
import importlib.util
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytensor
import pytest
from PIL import Image

import games.window.screen
import games.window.window
from dqn_symbolic.runs import checkpoints
from dqn_symbolic.runs.run import FILES
from games.window.control import Tally
from run_catch import DOOR, main
from tests.plain import contents, load, summary

# This fixture affects only this process. The processes that the tests start do compile.
pytestmark = pytest.mark.usefixtures("uncompiled")

ROOT = Path(__file__).parent.parent
SMALL = [
    "--quiet",
    *("--hidden", "16", "--warm-up", "50", "--evaluate-every", "100"),
    *("--checkpoint-every", "70"),
]
# With discount 0, a run does not solve the game and so does not end. `discount` is data, so the
# compiled functions of the default run can be used again.
ENDLESS = ["--steps", 10**9, "--discount", 0]
KEYS = {
    *("game", "solved", "catch_rate", "starts", "mean_return", "best_mean_return"),
    *("env_steps", "updates", "train_seconds"),
    *("compile_seconds", "steps_per_second", "seed", "backend", "settings"),
}


def copied(folder, to):
    shutil.copytree(folder, to)
    return to


def progress(folder):
    """-> the rows of progress.csv, with numbers for text."""
    rows = csv.DictReader((folder / "progress.csv").read_text().splitlines())
    return [{k: float(v) if v else None for k, v in row.items()} for row in rows]


def run(*arguments, **environment):
    return subprocess.Popen(
        [sys.executable, "-u", "run_catch.py", *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The folder and the output of `python run_catch.py` with default options."""
    folder = tmp_path_factory.mktemp("runs") / "default"
    process = run("--out", folder)
    out, err = process.communicate()
    assert process.returncode == 0, err
    return folder, out


# -- train -----------------------------------------------------------------------------------------


def test_the_default_run_solves_catch(trained):
    folder, out = trained
    result = summary(folder)
    assert set(result) == KEYS
    assert result["solved"] is True
    assert result["catch_rate"] == 1.0
    assert result["starts"] == 80
    assert result["env_steps"] < 10_000
    assert result["updates"] == result["env_steps"] - result["settings"]["warm_up"] + 1
    speed = result["env_steps"] / result["train_seconds"]
    assert result["steps_per_second"] == pytest.approx(speed, rel=0.01)
    assert result["compile_seconds"] > 0
    assert (result["seed"], result["backend"]) == (0, "numba")
    assert "compiling learn" in out
    assert f"{result['train_seconds']:.1f} s of training" in out
    score = "catch rate 1 (optimum 1, chance 0.3)"
    assert f"solved: {score} after {result['env_steps']:,} agent steps" in out
    assert result["game"] == "games:Catch-v0"
    assert result["mean_return"] == result["best_mean_return"] == 1
    assert f"run_catch.py watch {folder}" in out


def test_training_stops_after_two_consecutive_perfect_evaluations(trained):
    rows = progress(trained[0])
    catch_rates = [row["catch_rate"] for row in rows]
    assert catch_rates[-2:] == [1, 1]
    assert (1, 1) not in list(pairwise(catch_rates))[:-1]
    assert [row["env_steps"] for row in rows] == [250 * (i + 1) for i in range(len(rows))]
    for row in rows:
        assert row["mean_return"] == pytest.approx(2 * row["catch_rate"] - 1)
        assert row["updates"] == max(row["env_steps"] - 1_999, 0)
        assert row["epsilon"] == pytest.approx(1 - 0.9 * max(row["env_steps"] - 2_000, 0) / 2_000)


def test_the_learning_curve_is_a_picture(trained):
    with Image.open(trained[0] / "learning_curve.png") as picture:
        assert min(picture.size) >= 400
        assert len(picture.convert("RGB").getcolors(1_000_000)) > 20


def test_a_run_writes_exactly_its_five_files(trained):
    five = {"summary.json", "progress.csv", "learning_curve.png", "agent.npz", "checkpoint.npz"}
    assert set(os.listdir(trained[0])) == set(FILES) == five


def test_a_run_ends_unsolved_after_its_steps(tmp_path, capfd):
    options = ["--out", str(tmp_path / "run"), "--steps", "120", "--seed", "7"]
    assert main(["train", *options, *SMALL]) == 0
    assert capfd.readouterr() == ("", "")  # it is quiet
    result = summary(tmp_path / "run")
    assert result["env_steps"] == 120
    assert result["updates"] == 71
    assert result["solved"] is False
    assert 0 <= result["catch_rate"] < 1
    assert result["seed"] == result["settings"]["seed"] == 7
    assert [row["env_steps"] for row in progress(tmp_path / "run")] == [100]


def test_game_options_reach_the_game(tmp_path):
    game = ["--rows", "6", "--columns", "5", "--paddle-width", "1", "--paddle-start", "middle"]
    assert main(["--out", str(tmp_path), "--steps", "60", "--drift", *game, *SMALL]) == 0
    result = summary(tmp_path)
    assert result["starts"] == 5 * 3
    board = {"rows": 6, "columns": 5, "paddle_width": 1, "paddle_start": "middle"}
    assert result["settings"]["game"] == {**board, "drift": True, "pixels": None}


def test_resuming_a_solved_run_changes_nothing(trained, capsys):
    folder, steps = trained[0], summary(trained[0])["env_steps"]
    before = contents(folder)
    for more in ([], ["--steps", "60000"]):
        assert main(["--resume", str(folder), *more]) == 0
        said = f"{folder} has ended after {steps:,} agent steps: it is solved\n"
        assert capsys.readouterr() == (said, "")
    assert main(["--resume", str(folder), "--quiet"]) == 0
    assert capsys.readouterr() == ("", "")
    assert contents(folder) == before


def test_resuming_a_run_that_took_all_its_steps_says_how_to_go_on(tmp_path, capsys):
    run = ["train", "--out", str(tmp_path), "--steps", "120", *SMALL]
    assert main(run) == 0
    before = contents(tmp_path)
    assert main(["--resume", str(tmp_path)]) == 0
    said = f"{tmp_path} has ended after 120 agent steps: --steps N goes on\n"
    assert capsys.readouterr().out == said
    assert contents(tmp_path) == before
    old = {**summary(tmp_path), "env_steps": 100}
    for left in (None, json.dumps(old)):  # as if it was killed before its end
        (tmp_path / "summary.json").unlink()
        if left:
            (tmp_path / "summary.json").write_text(left)
        assert main(["--resume", str(tmp_path), "--quiet"]) == 0
        assert summary(tmp_path)["env_steps"] == 120
    assert contents(tmp_path).keys() == before.keys()


def test_a_run_that_did_not_solve_the_game_says_so(tmp_path, capsys):
    assert main(["train", "--out", str(tmp_path), "--steps", "120", *SMALL[1:]]) == 0
    assert "\nnot solved: catch rate " in capsys.readouterr().out


def test_without_a_screen_one_line_says_so(tmp_path, capsys):
    for option in ([], ["--window"]):
        out = ["--out", str(tmp_path / str(len(option)))]
        assert main([*out, "--steps", "60", *option, *SMALL[1:]]) == 0
        assert capsys.readouterr().out.endswith("\nno window: this machine has no screen\n")
    assert main(["--out", str(tmp_path / "c"), "--steps", "60", "--no-window", *SMALL[1:]]) == 0
    assert "no window" not in capsys.readouterr().out


# -- Ctrl-C ----------------------------------------------------------------------------------------


def interrupt(process, when):
    while not when() and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


@pytest.mark.slow
def test_ctrl_c_while_learning_saves_everything(tmp_path):
    folder = tmp_path / "run"
    process = run("--out", folder, *ENDLESS)
    status, out, _ = interrupt(process, when=(folder / "progress.csv").exists)
    assert status == 130
    assert f"--resume {folder}" in out
    result = summary(folder)
    assert result["solved"] is False
    data, _ = load(folder / "checkpoint.npz", "checkpoint")
    assert data["agent"]["counters"]["steps"] == result["env_steps"]
    assert main(["watch", str(folder), "--gif", str(tmp_path / "a.gif")]) == 0
    steps = result["env_steps"] + 10
    assert main(["--resume", str(folder), "--steps", str(steps), "--quiet"]) == 0
    assert summary(folder)["env_steps"] == steps


@pytest.mark.slow
@pytest.mark.parametrize(("name", "status"), [("SIGTERM", 143), ("SIGHUP", 129)])
def test_sigterm_and_sighup_save_everything(name, status, tmp_path):
    if signal.getsignal(number := getattr(signal, name)) is signal.SIG_IGN:
        pytest.skip(f"{name} is ignored here, as by nohup")
    folder = tmp_path / "run"
    process = run("--out", folder, *ENDLESS, "--checkpoint-every", 10**8)
    while not (folder / "progress.csv").exists() and process.poll() is None:
        time.sleep(0.02)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert process.returncode == status, err
    assert f"train --resume {folder}" in out
    assert sorted(os.listdir(folder)) == sorted(FILES)
    data, _ = load(folder / "checkpoint.npz", "checkpoint")
    assert data["agent"]["counters"]["steps"] == summary(folder)["env_steps"] > 0


@pytest.mark.slow
@pytest.mark.parametrize("pause", [0, 0.05, 0.15])  # five within a second count as one
def test_repeated_ctrl_c_still_saves_everything(tmp_path, pause):
    folder = tmp_path / "run"
    process = run("--out", folder, *ENDLESS)
    while not (folder / "progress.csv").exists():
        time.sleep(0.02)
    for _ in range(5):
        process.send_signal(signal.SIGINT)
        time.sleep(pause)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert sorted(os.listdir(folder)) == sorted(FILES)
    data, _ = load(folder / "checkpoint.npz", "checkpoint")
    assert data["agent"]["counters"]["steps"] == summary(folder)["env_steps"]


@pytest.mark.slow
def test_ctrl_c_while_a_resumed_run_compiles_leaves_the_folder_unchanged(tmp_path):
    folder = tmp_path / "run"
    assert main(["--out", str(folder), "--steps", "120", *SMALL]) == 0
    before = contents(folder)
    more = "--resume", folder, "--steps", 9_999
    process = run(*more, PYTENSOR_FLAGS=f"base_compiledir={tmp_path}")
    for line in process.stdout:
        if "building the graph" in line:
            break
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert contents(folder) == before


@pytest.mark.slow
def test_a_killed_run_resumes_from_its_last_checkpoint(tmp_path):
    folder = tmp_path / "run"
    process = run("--out", folder, *ENDLESS)
    while not (folder / "checkpoint.npz").exists():
        time.sleep(0.02)
    process.kill()
    process.communicate()
    data, _ = load(folder / "checkpoint.npz", "checkpoint")
    reached = data["agent"]["counters"]["steps"]
    assert reached % 1_000 == 0 < reached
    assert main(["--resume", str(folder), "--steps", str(reached + 1), "--quiet"]) == 0
    assert summary(folder)["env_steps"] == reached + 1


@pytest.mark.slow
def test_ctrl_c_while_compiling_leaves_a_run_to_resume(tmp_path):
    folder = tmp_path / "run"
    process = run("--out", folder, PYTENSOR_FLAGS=f"base_compiledir={tmp_path}")  # an empty cache
    status, out, _ = interrupt(process, when=folder.exists)
    assert status == 130
    result = summary(folder)
    assert set(result) == KEYS
    assert (result["env_steps"], result["solved"], result["catch_rate"]) == (0, False, None)
    assert f"--resume {folder}" in out
    assert "watch" not in out
    assert main(["--resume", str(folder), "--steps", "20", "--quiet"]) == 0
    assert summary(folder)["env_steps"] == 20


# -- watch and play --------------------------------------------------------------------------------


@pytest.mark.slow
def test_watch_writes_an_animation_without_a_screen(trained, tmp_path, capsys):
    path = tmp_path / "catch.gif"
    assert main(["watch", str(trained[0]), "--gif", str(path)]) == 0
    assert str(path) in capsys.readouterr().out
    with Image.open(path) as animation:
        assert animation.n_frames == 8 * 10


@pytest.mark.slow
def test_watch_takes_the_latest_run(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for age, name in ((100, "old"), (0, "new")):
        path = tmp_path / "runs" / name / "agent.npz"
        path.parent.mkdir(parents=True)
        agent = (trained[0] / "agent.npz").read_bytes()
        path.write_bytes(b"not an agent" if name == "old" else agent)
        os.utime(path, (10**9 - age, 10**9 - age))
    assert main(["watch", "--gif", "latest.gif"]) == 0


@pytest.fixture
def windows(monkeypatch):
    """Pretends that there is a screen. -> [(env, q_values)] of every window that was opened."""
    opened = []

    def show(env, q_values=None, title=None):
        opened.append((env, q_values))
        return Tally("caught", episodes=3, won=2, best_streak=2)

    monkeypatch.setattr(games.window.screen, "has_screen", lambda: True)
    monkeypatch.setattr(games.window.window, "show", show)
    return opened


def test_after_training_a_window_opens_if_there_is_a_screen(windows, tmp_path, capsys):
    without_quiet = SMALL[1:]
    assert main(["--out", str(tmp_path / "a"), "--steps", "60", *without_quiet]) == 0
    ((env, q_values),) = windows
    assert q_values(env.reset(seed=0)[0]).shape == (3,)
    assert "2 of 3 caught, best streak 2" in capsys.readouterr().out
    assert main(["--out", str(tmp_path / "b"), "--steps", "60", "--no-window", *SMALL]) == 0
    assert len(windows) == 1


def test_watch_shows_the_agent_that_was_trained(windows, trained):
    assert main(["watch", str(trained[0])]) == 0
    ((env, q_values),) = windows
    for start in env.unwrapped.starts():
        x, over = env.reset(options={"state": start})[0], False
        while not over:
            x, reward, over, _, _ = env.step(q_values(x).argmax())
        assert reward == 1


def test_play_opens_the_game_without_an_agent(windows):
    assert main(["play", "--columns", "7", "--drift"]) == 0
    ((env, q_values),) = windows
    assert (env.unwrapped.columns, env.unwrapped.drifts, q_values) == (7, (-1, 0, 1), None)


def test_play_does_not_import_pytensor():
    code = (
        "import sys, games.window.screen, games.window.window, games.window.control, run_catch\n"
        "games.window.screen.has_screen = lambda: True\n"
        "games.window.window.show = lambda env, title: games.window.control.Tally()\n"
        "assert run_catch.main(['play']) == 0\n"
        "assert 'pytensor' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


# -- bad input -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ("--steps many", "argument --steps: invalid int value: 'many'"),
        ("--steps 0", "steps: expected at least 1, got 0"),
        ("--seed -1", "seed: expected at least 0, got -1"),
        ("--backend theano", "argument --backend: invalid choice: 'theano'"),
        ("--rows 1", "2 to 100 rows and 1 to 100 columns, got 1 x 10"),
        ("--paddle-width 11", "1 to 10 columns wide, got 11"),
        ("--paddle-start left", "invalid choice: 'left'"),
        ("--discount high", "argument --discount: invalid float value: 'high'"),
        ("--discount 2", "discount: expected a number from 0 to 1, got 2.0"),
        ("--hidden a", "argument --hidden: expected 64,32 or 16x8x4,32x4x2, got 'a'"),
        ("--filters 16x8", "filters: expected (number, size, stride)"),
        ("--filters 16x8x4,8", "filters: expected (number, size, stride)"),
        ("--filters 16x11x1", "filters of 11 x 11 do not fit into 10 x 10"),
        ("--hidden 16x8", "hidden: expected the units of each layer"),
        ("--preset dqn", "invalid choice: 'dqn'"),
        ("--network dense", "invalid choice: 'dense'"),
        ("--network mlp --filters 8x3x1", "--network mlp does not go with these --filters"),
        ("--network conv --filters=", "--network conv does not go with these --filters"),
        ("--pixels --rows 100", "100 (one a cell) to 512 pixels a side, got 84"),
        ("--memory-size 2000000000", "10 x 10: 248.0 GB, but only "),
        ("--memory-size 2000000001", "memory_size: expected at most 2,000,000,000, got 2000000001"),
        ("--hidden 1,1000000,1000000", "too large for the memory here"),
        ("--n-step 1000000000", "n_step: expected at most 1,000, got 1000000000"),
        (f"--steps {10**400}", "steps: expected at most 2,000,000,000, got 1000000"),
        (f"--steps {'9' * 5000}", "argument --steps: invalid int value: '999"),
        ("--learning-rate 1e30", "learning_rate: expected a number from 0 to 1,000, got 1e+30"),
        ("evaluate --seed -1", "seed: expected at least 0, got -1"),
        ("evaluate --episodes 0", "episodes: expected at least 1, got 0"),
        ("evaluate --episodes 1000000", "episodes: expected at most 100,000, got 1000000"),
        ("evaluate --epsilon 1.5", "epsilon: expected a number from 0 to 1, got 1.5"),
        ("watch nowhere --gif-seconds 5", "--gif FILE writes it"),
        ("watch --gif a.gif --gif-seconds 0", "gif_seconds: expected at least 1, got 0"),
        ("watch --gif a.gif --gif-seconds 9999", "gif_seconds: expected at most 120, got 9999"),
        ("--out a --resume b", "--out starts a new run, --resume continues one"),
        ("--resume nowhere", "nowhere: No such file or directory"),
        ("--no-such-option", "unrecognized arguments: --no-such-option"),
        ("fly", "invalid choice: 'fly'"),
        ("watch", "there is no run in runs/ yet"),
        ("watch nowhere --gif a.gif", "nowhere/agent.npz is missing"),
        ("watch nowhere --gif a.png", "ends in .gif, got a.png"),
        ("play --rows 1", "2 to 100 rows"),
    ],
)
def test_bad_input_is_refused_in_one_line(arguments, message, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    if arguments in ("play --rows 1", "watch"):
        monkeypatch.setattr(games.window.screen, "has_screen", lambda: True)
    assert main(arguments.split()) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("run_catch.py: ")
    assert message in err
    assert err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_an_unusable_backend_names_what_it_needs(tmp_path, monkeypatch, capfd):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytensor.config.change_flags(cxx=""):
        assert main(["--backend", "c", "--out", str(tmp_path / "run")]) == 2
    assert main(["--backend", "jax", "--out", str(tmp_path / "run")]) == 2
    assert capfd.readouterr() == (
        "",
        "run_catch.py: the c backend needs a C++ compiler: install g++, or use numba\n"
        "run_catch.py: the jax backend needs jax: pip install jax\n",
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["agent.npz", "summary.json"])
def test_a_folder_that_holds_a_run_is_not_overwritten(tmp_path, capsys, name):
    (tmp_path / name).write_text("mine")
    assert main(["--out", str(tmp_path), *SMALL]) == 2
    assert "already holds a run" in capsys.readouterr().err
    assert os.listdir(tmp_path) == [name]
    assert (tmp_path / name).read_text() == "mine"


def test_an_output_folder_that_cannot_be_created_is_refused(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["--out", str(tmp_path / "file" / "run"), *SMALL]) == 2
    assert "Not a directory" in capsys.readouterr().err


def test_the_preset_of_a_run_is_no_other_setting(tmp_path, capsys):
    """It has `steps`, which a run may change; only what the user gives is compared."""
    out = ["--steps", "150", "--preset", "classic", "--out", str(tmp_path / "run"), "--quiet"]
    assert main([*out, "--no-window", "--evaluate-every", "50", "--hidden", "8"]) == 0
    again = ["--resume", str(tmp_path / "run"), "--preset", "classic", "--hidden", "8"]
    again += ["--evaluate-every", "50", "--no-window", "--quiet"]
    assert main([*again, "--steps", "200"]) == 0
    assert summary(tmp_path / "run")["env_steps"] == 200
    assert main([*again, "--learning-rate", ".5"]) == 2
    assert "learning_rate was 0.001, not 0.5" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--seed", "1"], "seed was 0, not 1"),
        (["--batch-size", "8"], "batch_size was 32, not 8"),
        (["--checkpoint-every", "9"], "checkpoint_every was 1000, not 9"),
        (["--rows", "5"], "rows was 10, not 5"),
        (["--drift"], "drift was False, not True"),
        (["--steps", "100"], "--steps 100: the run has already taken {taken} agent steps"),
        (["--network", "conv"], "network was mlp, not conv"),
        (["--preset", "conv"], "filters was (), not ((32, 3, 1), (32, 3, 1))"),
        (["--preset", "nature"], "filters was ()"),
        (["--pixels"], "filters was (), not ((16, 8, 4), (32, 4, 2))"),
        (["--evaluation-epsilon", "0.1"], "evaluation_epsilon was 0.0, not 0.1"),
    ],
)
def test_resuming_with_other_settings_is_refused(trained, options, message, capsys):
    before, taken = contents(trained[0]), summary(trained[0])["env_steps"]
    assert main(["--resume", str(trained[0]), *options]) == 2
    assert message.format(taken=taken) in capsys.readouterr().err
    assert contents(trained[0]) == before


def change_file(path, kind, change):
    data, arrays = load(path, kind)
    change(data, arrays)
    checkpoints.save(path, kind, data, arrays)


def add_row(run, row):
    run["progress"] += row


@pytest.mark.parametrize(
    "change",
    [
        lambda data, arrays: data.pop("settings"),
        lambda data, arrays: data.update(settings="x"),
        lambda data, arrays: data["settings"].pop("game"),
        lambda data, arrays: data["settings"].update(hidden=[3]),
        lambda data, arrays: data["settings"].update(new_setting=3),
        lambda data, arrays: data["settings"].update(batch_size=32.5),
        lambda data, arrays: data["settings"]["game"].update(render_mode="human"),
        lambda data, arrays: data["settings"]["game"].update(columns=4),
        lambda data, arrays: arrays.popitem(),
        lambda data, arrays: arrays.update({next(iter(arrays)): np.zeros(3, np.float32)}),
    ],
)
@pytest.mark.parametrize("kind", ["agent", "checkpoint"])
def test_a_file_with_wrong_settings_or_shapes_is_refused(trained, kind, change, tmp_path, capsys):
    folder = tmp_path / "run"
    folder.mkdir()
    path = folder / f"{kind}.npz"
    path.write_bytes((trained[0] / f"{kind}.npz").read_bytes())
    change_file(path, kind, change)
    before = path.read_bytes()
    command = {
        "agent": ["watch", str(folder), "--gif", str(tmp_path / "a.gif")],
        "checkpoint": ["--resume", str(folder), "--quiet"],
    }[kind]
    assert main(command) == 2
    err = capsys.readouterr().err
    assert re.search(rf"{kind}\.npz (does not fit this version|cannot be made)", err)
    assert path.read_bytes() == before
    assert os.listdir(folder) == [f"{kind}.npz"]
    assert not (tmp_path / "a.gif").exists()


@pytest.mark.parametrize(
    "change",
    [
        lambda data: data["agent"]["counters"].update(steps="abc"),
        lambda data: data["agent"]["counters"].update(more=1),
        lambda data: data["agent"]["counters"].update(updates=-1),
        lambda data: data["agent"]["streams"].pop("memory"),
        lambda data: data["agent"].update(actions=[3]),
        lambda data: data["agent"].update(actions="left"),
        lambda data: data["run"].update(best="x"),
        lambda data: data.update(run=[1]),
        lambda data: data["run"].update(progress=None),
        lambda data: add_row(data["run"], "4000,1,2.5,0.1,,all,1\n"),
        lambda data: add_row(data["run"], "4000,1,2.5\n"),
        lambda data: data["run"].update(progress="env_steps\n" + "1" * 200_000),
    ],
)
def test_a_checkpoint_with_wrong_contents_is_refused(trained, change, tmp_path, capsys):
    folder = copied(trained[0], tmp_path / "run")
    change_file(folder / "checkpoint.npz", "checkpoint", lambda data, arrays: change(data))
    (folder / "summary.json").unlink()  # else the run has ended, and nothing more is read
    before = contents(folder)
    assert main(["--resume", str(folder), "--steps", "10000", "--quiet"]) == 2
    assert "checkpoint.npz does not fit this version" in capsys.readouterr().err
    assert contents(folder) == before


# -- errors during a run ---------------------------------------------------------------------------


@pytest.mark.parametrize("rate", ["1000", "300"])
def test_a_diverging_run_stops_with_a_message(rate, tmp_path, capsys):
    diverging = [*SMALL, "--optimiser", "sgd", "--learning-rate", rate]
    assert main(["--out", str(tmp_path / "run"), *diverging]) == 2
    err = capsys.readouterr().err
    assert re.search("stopped after [5-9][0-9] agent", err)
    assert re.search("agent steps: the (squared TD error is|Q-values are) ", err)
    assert "(a smaller learning_rate may help)" in err
    assert err.count("\n") == 1


@pytest.mark.slow
def test_runs_started_in_the_same_second_have_different_folders(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(time, "strftime", lambda pattern: "20260101-000000")
    for _ in range(3):
        assert main(["--steps", "60", *SMALL]) == 0
    stem = "catch-20260101-000000"
    assert sorted(os.listdir("runs")) == [stem, f"{stem}-2", f"{stem}-3"]


@pytest.mark.slow
def test_a_run_survives_a_full_standard_output(tmp_path):
    """The error "No space left on device" on standard output does not end the run."""
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    command = f"{sys.executable} run_catch.py --steps 60 --out {tmp_path}/run > /dev/full"
    process = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True)
    assert (process.returncode, process.stderr) == (0, "")
    assert summary(tmp_path / "run")["env_steps"] == 60


@pytest.mark.slow
def test_a_run_works_without_a_console(tmp_path):
    """pythonw starts programs without standard output and standard error."""
    code = (
        "import sys\n"
        "sys.stdout = sys.stderr = None\n"
        f"sys.argv = ['run_catch.py', '--steps', '60', '--out', {str(tmp_path / 'run')!r}]\n"
        "import run_catch\n"
        "run_catch.front.run(run_catch.main)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
    assert summary(tmp_path / "run")["env_steps"] == 60


@pytest.mark.slow
def test_a_run_survives_a_closed_pipe(tmp_path):
    command = f"{sys.executable} run_catch.py --steps 100 --out {tmp_path}/run | head -1"
    process = subprocess.run(command, shell=True, cwd=ROOT, capture_output=True, text=True)
    assert process.stdout.startswith("building the graph")
    assert process.stderr == ""
    assert summary(tmp_path / "run")["env_steps"] == 100


@pytest.mark.slow
def test_a_run_is_solved_when_it_reaches_the_optimum(tmp_path, capsys):
    """On two rows the paddle can move once, so only balls near it can be caught."""
    assert main(["--rows", "2", "--out", str(tmp_path / "run")]) == 0
    assert "solved: catch rate 0.475 (optimum 0.475, chance 0.3)" in capsys.readouterr().out
    assert summary(tmp_path / "run")["catch_rate"] == 38 / 80


# -- both doors ------------------------------------------------------------------------------------


def test_the_front_door_evaluates_an_agent(trained, tmp_path, capsys):
    folder = copied(trained[0], tmp_path / "run")
    assert main(["evaluate", str(folder), "--episodes", "20", "--seed", "3"]) == 0
    row = json.loads((folder / "evaluation.json").read_text())
    assert (row["game"], row["episodes"], row["epsilon"]) == ("games:Catch-v0", 20, 0)
    assert (row["mean"], row["catch_rate"]) == (1.0, 1.0)
    assert "catch_rate" in capsys.readouterr().out


def test_any_game_has_the_experiments_too(capsys):
    from dqn_symbolic.__main__ import main as any_game

    assert any_game(["compare", "nothing"]) == 2
    assert "dqn_symbolic: EXPERIMENT is one of stages, " in capsys.readouterr().err


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, {}),
        ({"pixels": True}, {"pixels": True, "drift": True, "preset": "pixels"}),
        ({"preset": "pixels"}, {"pixels": True, "drift": True, "preset": "pixels"}),
        ({"pixels": True, "drift": False}, {"pixels": True, "drift": False, "preset": "pixels"}),
        ({"preset": "conv", "steps": 9}, {"preset": "conv", "steps": 9}),
    ],
)
def test_pixels_mean_the_same_for_train_and_gorila(given, expected):
    assert DOOR.prepared(given) == expected
