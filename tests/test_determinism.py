"""One seed, one sequence of bits: in another process, and whoever is looking."""

import csv
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import pytensor
import pytest
from tqdm import tqdm

from dqn_symbolic.runs import run
from games.catch import Catch
from run_catch import main
from tests.plain import load, uncompiled

ROOT = Path(__file__).parent.parent
BOARD = ["--rows", "6", "--columns", "5", "--paddle-width", "1", "--drift"]
SMALL = {
    **{"hidden": "8", "warm_up": 40, "epsilon_steps": 60, "memory_size": 70, "sync_every": 20},
    **{"history": 2, "evaluate_every": 60, "checkpoint_every": 120},
}
NETWORKS = {"mlp": {}, "conv": {"filters": "4x3x1,4x2x1"}}
BACKENDS = ("numba", "c", "jax")


def arguments(out, steps=240, **settings):
    pairs = {**SMALL, **settings}.items()
    options = [word for name, v in pairs for word in (f"--{name.replace('_', '-')}", str(v))]
    return ["--out", str(out), "--steps", str(steps), "--no-window", *BOARD, *options]


def told(folder):
    """-> ({name: bytes}: all that a run has reached and logged, but the seconds; its settings)."""
    about, arrays = load(folder / "checkpoint.npz", "checkpoint")
    found = {name: array.tobytes() for name, array in arrays.items()}
    with open(folder / "progress.csv", newline="") as file:
        rows = [{**row, "seconds": ""} for row in csv.DictReader(file)]
    found["progress.csv"] = json.dumps(rows).encode()
    del about["run"]  # the same rows, and seconds
    settings = about.pop("settings")
    found |= {name: json.dumps(part).encode() for name, part in about["agent"].items()}
    return found, settings


def differences(one, other):
    return [name for name in one | other if one.get(name) != other.get(name)]


# -- in another process ----------------------------------------------------------------------------


MISSING = {"c": not pytensor.config.cxx, "jax": importlib.util.find_spec("jax") is None}


def train_both(folder, backend, order):
    """The learners one after the other, or the other way round."""
    for network in list(NETWORKS)[:: int(order)]:
        out = Path(folder, network)
        assert main(["--quiet", *arguments(out, backend=backend, **NETWORKS[network])]) == 0


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_two_processes_find_the_same_bits(backend, tmp_path):
    """Two processes with other hashes, which train the same learners in the opposite order."""
    if MISSING.get(backend):
        pytest.skip(f"no {backend} here")
    for order in ("1", "-1"):
        code = "import sys; from tests.test_determinism import train_both as t; t(*sys.argv[1:])"
        environment = {**os.environ, "PYTHONHASHSEED": {"1": "1", "-1": "2"}[order]}
        command = [sys.executable, "-c", code, str(tmp_path / order), backend, order]
        subprocess.run(command, check=True, cwd=ROOT, env=environment)
    for network in NETWORKS:
        (one, settings), other = (told(tmp_path / order / network) for order in ("1", "-1"))
        assert settings["backend"] == backend
        assert bool(settings["filters"]) == (network == "conv")
        assert json.loads(one["counters"])["updates"] == 201
        assert len(json.loads(one["progress.csv"])) == 4
        assert differences(one, other[0]) == []


# -- whoever is looking ----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def unseen(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "unseen"
    with uncompiled():
        assert main(["--quiet", *arguments(folder)]) == 0
    return told(folder)[0]


@pytest.mark.usefixtures("uncompiled")
def test_another_seed_has_other_bits(unseen, tmp_path):
    assert main(["--quiet", *arguments(tmp_path, seed=1)]) == 0
    weights = {name for name in unseen if name.startswith("learner.")}
    # of the same length in every run: how many updates there were
    assert weights - {"learner.t"} <= set(differences(unseen, told(tmp_path)[0]))


@pytest.mark.usefixtures("uncompiled")
def test_a_bar_changes_nothing(unseen, tmp_path, monkeypatch, capfd):
    shown = lambda disable, **bar: tqdm(disable=False, mininterval=0, **bar)  # noqa: E731
    monkeypatch.setattr(run, "tqdm", shown)
    assert main(arguments(tmp_path)) == 0
    assert "240/240" in capfd.readouterr().err
    assert differences(unseen, told(tmp_path)[0]) == []


@pytest.mark.usefixtures("uncompiled")
def test_a_window_changes_nothing(unseen, tmp_path, monkeypatch):
    """The game that is learnt, and the one that is evaluated, shown in a window all the while."""
    drawn = []
    render = Catch.render

    def counting(game):
        drawn.append(game)
        return render(game)

    def shown(render_mode=None, **settings):
        return Catch(render_mode="human", **settings)

    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    monkeypatch.setitem(Catch.metadata, "render_fps", 10**6)
    monkeypatch.setattr(Catch, "render", counting)
    monkeypatch.setattr("games.catch.Catch", shown)
    assert main(["--quiet", *arguments(tmp_path)]) == 0
    assert len(set(drawn)) > 2
    for game in set(drawn):
        game.close()
    assert len(drawn) > 240
    assert differences(unseen, told(tmp_path)[0]) == []


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize("often", [{"evaluate_every": 20}, {"checkpoint_every": 15}], ids=str)
def test_how_often_one_looks_changes_nothing(unseen, tmp_path, often):
    """But the loss in the table is the mean since the last look."""
    assert main(["--quiet", *arguments(tmp_path, **often)]) == 0
    found = told(tmp_path)[0]
    different = {name for name in differences(unseen, found) if not name.startswith("best.")}
    assert different <= {"progress.csv"}  # and the best of more evaluations is another one
    rows, expected = (json.loads(t["progress.csv"]) for t in (found, unseen))
    by_step = {row["env_steps"]: row for row in rows}
    for row in expected:
        assert {**by_step[row["env_steps"]], "loss": ""} == {**row, "loss": ""}


@pytest.mark.usefixtures("uncompiled")
def test_how_much_it_says_changes_nothing(unseen, tmp_path, capfd):
    assert main(arguments(tmp_path)) == 0
    assert "240 agent steps" in capfd.readouterr().out
    assert differences(unseen, told(tmp_path)[0]) == []
