"""`plot` and the picture at the end of a run: what is drawn, and that it can end no run."""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest
from PIL import Image

from dqn_symbolic.__main__ import main
from dqn_symbolic.commands import plotting
from dqn_symbolic.environments.any_game import task
from dqn_symbolic.runs import checkpoints, figures
from dqn_symbolic.runs.figures import learning_curves, save
from dqn_symbolic.runs.run import FILES
from dqn_symbolic.settings import PRESETS, Settings
from tests.plain import uncompiled

ROOT = Path(__file__).parent.parent
SMALL = ["--hidden", "8", "--warm-up", "50", "--steps", "120", "--evaluate-every", "40"]


def made(folder, scores, game="CartPole-v1", kwargs=(), gorila=None, **settings):
    """-> the folder of a run of this game with these mean returns, one every 100 agent steps."""
    folder.mkdir()
    settings = asdict(Settings(**PRESETS["classic"] | settings))
    data = {"game": game, "settings": {**settings, "game": dict(kwargs)}}
    data |= {"gorila": gorila} if gorila else {}
    checkpoints.save(folder / "agent.npz", "agent", data, {})
    lines = ["env_steps,updates,seconds,epsilon,loss,catch_rate,mean_return"]
    for i, score in enumerate(scores):
        lines.append(f"{100 * (i + 1)},{50 * i},0.1,0.5,{0.1 / i if i else ''},0.5,{score}")
    (folder / "progress.csv").write_text("\n".join([*lines, ""] if scores else []))
    return folder


@pytest.fixture
def drawn(monkeypatch):
    """-> the figures that `plot` saves."""
    saved, save = [], plotting.save

    def noted(path, figure, title):
        saved.append(figure)
        save(path, figure, title)

    monkeypatch.setattr(plotting, "save", noted)
    return saved


def plot(*arguments):
    return main(["plot", *map(str, arguments)])


def legend(figure):
    return [text.get_text() for text in figure.legends[0].get_texts()]


def curve(figure, label):
    """-> the points of a line of the upper panel."""
    (line,) = (line for line in figure.axes[0].lines if line.get_label() == label)
    return list(zip(map(float, line.get_xdata()), map(float, line.get_ydata())))


# -- plot ------------------------------------------------------------------------------------------


def test_seeds_of_one_setting_are_one_line(tmp_path, drawn, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for seed, scores in enumerate([(10, 20, 60), (30, 40), (20, 60, 70)]):
        made(tmp_path / f"fast{seed}", scores, seed=seed, learning_rate=0.01, hidden=(64, 64))
    made(tmp_path / "slow", (9, 8, 7, 6), seed=5)
    assert plot("fast0", "slow", "fast2", "fast1") == 0
    assert capsys.readouterr().out == "written: plot.png\n"
    (figure,) = drawn
    fast = "hidden 64x64, learning rate 0.01: seeds 0, 1, 2"
    slow = "hidden 128x128, learning rate 0.001: seed 5"
    assert legend(figure) == [fast, slow, "solved (475)"]
    # At 300 agent steps, the run of seed 1 has ended: 60, 40 and 70.
    assert curve(figure, fast) == [(100, 20), (200, 40), (300, 60)]
    assert curve(figure, slow) == [(100, 9), (200, 8), (300, 7), (400, 6)]
    assert figure.get_suptitle() == "CartPole-v1: median and quartiles of the seeds"
    with Image.open("plot.png") as picture:
        assert min(picture.size) >= 400


def test_one_run_is_its_learning_curve(tmp_path, drawn):
    run = made(tmp_path / "run", (1, 2), seed=3)
    assert plot(run, "--quiet") == 0
    assert (run / "learning_curve.png").exists()
    assert drawn[0].get_suptitle() == "CartPole-v1"
    assert legend(drawn[0]) == ["seed 3", "solved (475)"]


def test_two_runs_with_one_seed_are_both_drawn(tmp_path, drawn):
    """Bundles on Ray with one seed differ."""
    runs = [made(tmp_path / str(n), (n, n + 2), seed=3) for n in (4, 8)]
    assert plot(*runs, "--out", tmp_path / "a.png", "--quiet") == 0
    assert legend(drawn[0])[0] == "seeds 3, 3"
    assert curve(drawn[0], "seeds 3, 3") == [(100, 6), (200, 8)]


def test_runs_with_other_numbers_of_bundles_are_two_lines(tmp_path, drawn):
    runs = [made(tmp_path / str(n), (1, 2), gorila={"bundles": n}) for n in (2, 4)]
    assert plot(*runs, "--out", tmp_path / "a.png", "--quiet") == 0
    assert legend(drawn[0])[:2] == ["bundles 2: seed 0", "bundles 4: seed 0"]


def test_runs_of_a_game_with_other_options_have_no_levels_in_common(tmp_path, drawn):
    game = "games:Catch-v0"
    runs = [made(tmp_path / str(n), (0, 0.5), game, {"rows": n}) for n in (10, 11)]
    assert plot(runs[0], "--out", tmp_path / "a.png") == 0
    assert legend(drawn[0])[1:] == ["optimum (1)", "chance (0.3)"]
    assert plot(*runs, "--out", tmp_path / "a.png") == 0
    assert legend(drawn[1]) == ["rows 10: seed 0", "rows 11: seed 0"]


def test_a_game_of_a_module_is_not_imported(tmp_path, drawn, monkeypatch):
    (tmp_path / "my_game.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(tmp_path)
    run = made(tmp_path / "run", (1, 2), "my_game:Mine-v0", {"size": 3})
    assert plot(run) == 0
    assert legend(drawn[0]) == ["seed 0"]
    assert drawn[0].get_suptitle().startswith("my_game:Mine-v0")
    gone = made(tmp_path / "gone", (1, 2), "NoSuchGame-v7")
    assert plot(gone) == 0


def test_any_letters_in_an_option_of_the_game(tmp_path, drawn):
    odd = ["$\\frac{$", "\ud800", "x" * 10**5, 10**30, [[1]], None]
    runs = [made(tmp_path / str(n), (0, 1), "a:B-v0", {"x": x}) for n, x in enumerate(odd)]
    assert plot(*runs, "--out", tmp_path / "a.png", "--quiet") == 0
    assert len(legend(drawn[0])) == len(odd)


def test_ten_lines_can_be_distinguished_in_grayscale(tmp_path, drawn, capfd):
    runs = [made(tmp_path / str(n), (n, n + 1), batch_size=n + 1) for n in range(11)]
    assert plot(*runs[:10], "--out", tmp_path / "a.png", "--quiet") == 0
    lines = drawn[0].axes[0].lines[:10]
    looks = {(str(line.get_linestyle()), line.get_marker(), line.get_mfc()) for line in lines}
    assert len(looks) == 10
    assert plot(*runs, "--out", tmp_path / "a.png") == 2
    assert capfd.readouterr().err == "dqn_symbolic: plot: expected at most 10 lines, got 11\n"


def damaged(folder, old, new):
    path = folder / "progress.csv"
    path.write_text(path.read_text().replace(old, new))
    return folder


@pytest.mark.parametrize(
    ("runs", "message"),
    [
        (lambda at: [at / "nowhere"], "nowhere/agent.npz is missing: expected a file that a run"),
        (lambda at: [made(at / "a", ())], "a: this run has no evaluation yet"),
        (lambda at: [damaged(made(at / "a", (1,)), "loss", "lost")], "a row without loss"),
        (lambda at: [damaged(made(at / "a", (1,)), ",1\n", ",x\n")], "could not convert string"),
        (
            lambda at: [damaged(made(at / "a", (1,)), ",1\n", ",nan\n")],
            "a number below 1e+100",
        ),
        (
            lambda at: [damaged(made(at / "a", (1,)), ",1\n", ",1e308\n")],
            "a number below 1e+100",
        ),
        (lambda at: [damaged(made(at / "a", (1,)), ",1\n", ",1" + "0" * 100 + "\n")], "1e+100"),
        (lambda at: [made(at / "a", (1,), "mine:$\\frac{$")], "this is not a game"),
        (lambda at: [made(at / "a", (1,), "mine:\ud800")], "this is not a game"),
        (lambda at: [made(at / "a", (1,), "mine:" + "x" * 10**5)], "this is not a game"),
        (
            lambda at: [made(at / "a", (1,)), made(at / "b", (1,), "Acrobot-v1")],
            "expected runs of one game, got CartPole-v1, Acrobot-v1",
        ),
        (lambda at: [], "there is no run in runs/ yet"),
    ],
)
def test_bad_runs_are_refused_in_one_line(runs, message, tmp_path, monkeypatch, capfd):
    monkeypatch.chdir(tmp_path)
    assert plot(*runs(tmp_path)) == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert err.startswith("dqn_symbolic: ")
    assert message in err
    assert err.count("\n") == 1
    assert not list(tmp_path.rglob("*.png"))


def test_a_run_without_its_csv_is_refused_in_one_line(tmp_path, capfd):
    run = made(tmp_path / "run", (1,))
    (run / "progress.csv").unlink()
    assert plot(run) == 2
    assert capfd.readouterr().err == (
        f"dqn_symbolic: {run}/progress.csv: No such file or directory\n"
    )


def test_folders_without_a_run_are_left_out(tmp_path, drawn, monkeypatch, capfd):
    """`plot runs/*` meets the folder of `compare`, too."""
    monkeypatch.chdir(tmp_path)
    run, other = made(tmp_path / "run", (1, 2)), tmp_path / "compare"
    other.mkdir()
    assert plot(run, other) == 0
    assert curve(drawn[0], "seed 0") == [(100, 1), (200, 2)]
    assert plot(other) == 2
    assert plot(run, tmp_path / "mistyped") == 2
    missing = "agent.npz is missing: expected a file that a run has written"
    lines = [f"dqn_symbolic: {tmp_path}/{name}/{missing}" for name in ("compare", "mistyped")]
    assert capfd.readouterr().err.splitlines() == lines


def test_ticks_are_few_and_have_thousands_separators(tmp_path):
    numbers = range(10**5, 10**6, 10**5)
    rows = [
        {"env_steps": n, "mean_return": n, "held_out_value": 0.1, "loss": 1 / n} for n in numbers
    ]
    figure, title = learning_curves(task("CartPole-v1"), {"": [(0, rows)]})
    save(tmp_path / "curve.png", figure, title)
    above, middle, below = figure.axes
    assert set(middle.lines[0].get_ydata()) == {0.1}
    for axis in (above.yaxis, below.xaxis, below.yaxis):
        texts = [text.get_text() for text in axis.get_ticklabels() if text.get_text()]
        assert 2 <= len(texts) <= 10
        assert axis is below.yaxis or "200,000" in texts
    assert not below.yaxis.get_minorticklocs().size
    box = figure.legends[0].get_window_extent()
    assert not any(box.overlaps(axes.get_tightbbox()) for axes in figure.axes)


# -- at the end of a run ---------------------------------------------------------------------------


def train(folder):
    game = ["--game", "games:Catch-v0", "--no-window"]
    with uncompiled():  # this draws, the fixture does not
        return main(["train", *game, *SMALL, "--out", str(folder)])


def test_whatever_goes_wrong_in_the_picture_the_run_is_complete(tmp_path, monkeypatch, capsys):
    def fails(*_):
        assert (tmp_path / "summary.json").exists()
        raise RuntimeError("no\nfonts")

    monkeypatch.setattr(figures, "learning_curves", fails)
    assert train(tmp_path) == 0
    assert "\nno picture: no fonts\n" in capsys.readouterr().out
    assert {path.name for path in tmp_path.iterdir()} == {*FILES} - {"learning_curve.png"}
    assert json.loads((tmp_path / "summary.json").read_text())["env_steps"] == 120


def test_a_disk_that_is_full_at_the_picture_is_reported(tmp_path, monkeypatch, capsys):
    def full(path, *_):
        raise OSError(28, "No space left on device", str(path))

    monkeypatch.setattr(figures, "save", full)
    assert train(tmp_path) == 2
    assert "learning_curve.png: No space left on device; the last" in capsys.readouterr().err
    assert {path.name for path in tmp_path.iterdir()} == {*FILES} - {"learning_curve.png"}


@pytest.mark.slow
def test_a_picture_needs_no_backend_of_a_notebook(tmp_path):
    """matplotlib refuses an unknown one when it is imported."""
    run = made(tmp_path / "run", (1, 2))
    done = subprocess.run(
        [sys.executable, "-m", "dqn_symbolic", "plot", str(run), "--quiet"],
        cwd=ROOT,
        env={**os.environ, "MPLBACKEND": "no_such_backend"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert (run / "learning_curve.png").exists()
