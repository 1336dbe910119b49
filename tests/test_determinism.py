"""The same seed gives the same bits: in another process, and whatever is displayed or saved."""

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


def outcome(folder):
    """-> ({name: bytes} of all that a run has learnt and logged, without seconds; its settings)."""
    data, arrays = load(folder / "checkpoint.npz", "checkpoint")
    parts = {name: array.tobytes() for name, array in arrays.items()}
    with open(folder / "progress.csv", newline="") as file:
        rows = [{**row, "seconds": ""} for row in csv.DictReader(file)]
    parts["progress.csv"] = json.dumps(rows).encode()
    del data["run"]  # the rows of progress.csv again, with the seconds
    settings = data.pop("settings")
    parts |= {name: json.dumps(part).encode() for name, part in data["agent"].items()}
    return parts, settings


def differences(first, second):
    return [name for name in first | second if first.get(name) != second.get(name)]


# -- in another process ----------------------------------------------------------------------------


MISSING = {"c": not pytensor.config.cxx, "jax": importlib.util.find_spec("jax") is None}


def train_both(folder, backend, order):
    """Train both networks, in this order (1) or in reverse (-1)."""
    for network in list(NETWORKS)[:: int(order)]:
        out = Path(folder, network)
        assert main(["--quiet", *arguments(out, backend=backend, **NETWORKS[network])]) == 0


@pytest.mark.slow
@pytest.mark.parametrize("backend", BACKENDS)
def test_two_processes_produce_the_same_bits(backend, tmp_path):
    """The processes have different hash seeds and train the networks in opposite orders."""
    if MISSING.get(backend):
        pytest.skip(f"no {backend} here")
    for order in ("1", "-1"):
        code = "import sys; from tests.test_determinism import train_both as t; t(*sys.argv[1:])"
        environment = {**os.environ, "PYTHONHASHSEED": {"1": "1", "-1": "2"}[order]}
        command = [sys.executable, "-c", code, str(tmp_path / order), backend, order]
        subprocess.run(command, check=True, cwd=ROOT, env=environment)
    for network in NETWORKS:
        (first, settings), (second, _) = (
            outcome(tmp_path / order / network) for order in ("1", "-1")
        )
        assert settings["backend"] == backend
        assert bool(settings["filters"]) == (network == "conv")
        assert json.loads(first["counters"])["updates"] == 201
        assert len(json.loads(first["progress.csv"])) == 4
        assert differences(first, second) == []


# -- displays and intervals ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def quiet_outcome(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs") / "quiet"
    with uncompiled():
        assert main(["--quiet", *arguments(folder)]) == 0
    return outcome(folder)[0]


@pytest.mark.usefixtures("uncompiled")
def test_another_seed_has_other_bits(quiet_outcome, tmp_path):
    assert main(["--quiet", *arguments(tmp_path, seed=1)]) == 0
    weights = {name for name in quiet_outcome if name.startswith("learner.")}
    # learner.t is the number of updates, the same in every run
    assert weights - {"learner.t"} <= set(differences(quiet_outcome, outcome(tmp_path)[0]))


@pytest.mark.usefixtures("uncompiled")
def test_printing_and_the_progress_bar_change_nothing(quiet_outcome, tmp_path, monkeypatch, capfd):
    visible_bar = lambda disable, **bar: tqdm(disable=False, mininterval=0, **bar)  # noqa: E731
    monkeypatch.setattr(run, "tqdm", visible_bar)
    assert main(arguments(tmp_path)) == 0
    out, err = capfd.readouterr()
    assert "240 agent steps" in out
    assert "240 of 240" in err
    assert differences(quiet_outcome, outcome(tmp_path)[0]) == []


@pytest.mark.usefixtures("uncompiled")
def test_pictures_change_nothing(quiet_outcome, tmp_path, monkeypatch):
    """The games of training and of evaluation are drawn at many steps."""
    drawn, successor = [], Catch.successor

    def drawing_successor(game, state, action):
        drawn.append(game)
        game.render_mode = "rgb_array"
        if len(drawn) % 10 == 0:
            game.render()
        return successor(game, state, action)

    monkeypatch.setattr(Catch, "successor", drawing_successor)
    assert main(["--quiet", *arguments(tmp_path)]) == 0
    assert len(set(drawn)) > 2
    assert len(drawn) > 240
    assert differences(quiet_outcome, outcome(tmp_path)[0]) == []


@pytest.mark.usefixtures("uncompiled")
@pytest.mark.parametrize("interval", [{"evaluate_every": 20}, {"checkpoint_every": 15}], ids=str)
def test_evaluation_and_checkpoint_intervals_change_nothing(quiet_outcome, tmp_path, interval):
    """Except the loss in the table, which is the mean since the last evaluation."""
    assert main(["--quiet", *arguments(tmp_path, **interval)]) == 0
    parts = outcome(tmp_path)[0]
    different = {name for name in differences(quiet_outcome, parts) if not name.startswith("best.")}
    assert different <= {"progress.csv"}  # more evaluations can have another best agent
    rows, expected = (json.loads(t["progress.csv"]) for t in (parts, quiet_outcome))
    by_step = {row["env_steps"]: row for row in rows}
    for row in expected:
        assert {**by_step[row["env_steps"]], "loss": ""} == {**row, "loss": ""}
