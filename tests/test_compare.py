"""`run_catch.py compare --quick`: what is in the rows, the pictures, the report; the folder."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from itertools import product
from math import isfinite
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dqn_symbolic.experiments.runner import (
    ALL,
    EXPERIMENTS,
    jobs,
    path_of,
    rows_of,
)
from run_catch import main

# One process has them all, as the fixture takes minutes.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("compare")]

ROOT = Path(__file__).parent.parent


def told(capfd):
    """The one line on standard error."""
    _, err = capfd.readouterr()
    assert err.startswith("run_catch.py: ")
    assert err.count("\n") == 1, err
    return err


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """`python run_catch.py compare --quick`, whole."""
    folder = tmp_path_factory.mktemp("compare") / "quick"
    assert main(["compare", "--quick", "--quiet", "--out", str(folder)]) == 0
    return folder


@pytest.fixture
def copy(folder, tmp_path):
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def rows(folder, name, **wanted):
    found, _ = rows_of(folder, name, quick=True)
    return [row for row in found if all(row.get(key) == value for key, value in wanted.items())]


# -- every experiment ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_setting_and_seed_has_its_rows_of_plain_numbers(folder, name):
    with open(folder / f"{name}.csv", newline="") as file:
        table = list(csv.DictReader(file))
    experiment = EXPERIMENTS[name]
    expected = set(product(experiment.settings(True), map(str, range(experiment.seeds(True)))))
    assert {(row["setting"], row["seed"]) for row in table} == expected
    kept = rows(folder, name)
    assert len(kept) == len(table)
    for row, as_kept in zip(table, kept):
        values = {column: value for column, value in row.items() if value != ""}
        assert set(values) == set(as_kept)
        for column in set(values) - {"setting", "drawn"}:
            assert isfinite(float(values[column]))
            assert float(values[column]) == as_kept[column]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_the_picture_is_one(folder, name):
    with Image.open(folder / f"{name}.png") as picture:
        assert min(picture.size) >= 400
        assert len(picture.convert("RGB").getcolors(1_000_000)) > 20
    assert (folder / f"{name}.png").stat().st_size < 80_000


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_the_report_tells_it(folder, name):
    text = (folder / "report.md").read_text()
    section = text.split(f"## {EXPERIMENTS[name].TITLE}\n")[1].split("\n## ")[0]
    assert EXPERIMENTS[name].CLAIM in section
    assert f"({name}.png)" in section
    assert f"python run_catch.py compare {name} --quick --out {folder}\n" in section
    lines = [line.count("|") for line in section.splitlines() if line.startswith("|")]
    assert len(lines) >= 3
    assert len(set(lines)) == 1


# -- what each of them shows -----------------------------------------------------------------------


def test_stages_have_what_was_learnt(folder):
    """6,000 agent steps are enough with minibatches, not without; a high rate needs them."""
    last = {
        (row["setting"], row["seed"]): row["catch_rate"]
        for row in rows(folder, "stages", agent_steps=6_000)
    }
    for seed in (0, 1):
        assert last["target-0.3", seed] > 0.9
        assert last["minibatches-0.3", seed] > 0.9
        assert last["online-0.03", seed] < 0.9
        assert last["replay-0.3", seed] <= 0.5
    for row in rows(folder, "stages"):
        assert (row["chance"], row["optimum"]) == (0.3, 1.0)
        assert row["updates"] <= max(0, row["agent_steps"] - 1_999)


def test_without_replay_the_ablation_learns_less(folder):
    def caught(name):
        found = rows(folder, "ablation", setting=f"{name}-0.002", agent_steps=6_000)
        return np.mean([row["catch_rate"] for row in found])

    assert caught("both") > 0.8
    assert min(caught("both"), caught("replay-only")) > 2 * caught("target-only")


def test_the_variance_of_uniform_batches_falls_as_one_over_their_size(folder):
    for seed in (0, 1):
        found = rows(folder, "minibatches", drawn="uniform", seed=seed)
        sizes = np.array([row["batch_size"] for row in found])
        assert sizes.tolist() == [1, 16, 256]
        scaled = np.array([row["variance"] for row in found]) * sizes
        np.testing.assert_allclose(scaled / scaled[0], 1, atol=0.4)


def test_the_optima_of_one_two_and_four_frames(folder):
    found = {
        row["setting"]: row["optimum_seen"]
        for row in rows(folder, "frames")
        if "optimum_seen" in row
    }
    assert found == pytest.approx({"frames-1": 8 / 15, "frames-2": 46 / 75, "frames-4": 46 / 75})
    for row in rows(folder, "frames"):
        assert row.get("catch_rate", 0) <= found[row["setting"]] + 1e-9


def test_the_first_weights_are_what_they_should_be(folder):
    (went,) = rows(folder, "initialisation", setting="mlp-relu-glorot-adam", solved=1)
    assert went["catch_rate"] == 1
    assert 2_000 < went["agent_steps"] <= 5_000
    for row in rows(folder, "initialisation"):
        if "layer" in row and "orthogonal" in row["setting"]:
            assert row["singular_least"] == pytest.approx(1, abs=1e-5)
            assert row["singular_most"] == pytest.approx(1, abs=1e-5)
        if "layer" in row and "uniform-fan-in" in row["setting"]:
            assert row["singular_most"] < 0.3
            assert 0 < row["output_std"] < 0.02 / 10 ** (row["layer"] - 1)


def test_value_iteration_ends_and_learning_comes_nearer(folder):
    name = "dynamic-programming"
    sweeps = rows(folder, name, setting="value-iteration", seed=0)
    assert [row["sweeps"] for row in sweeps] == list(range(10))
    assert [row["most"] == 0 for row in sweeps] == [False] * 9 + [True]
    assert sweeps[-1]["best_action"] == 1
    for setting in ("table", "network", "network-always-exploring"):
        for seed in (0, 1):
            found = [
                row
                for row in rows(folder, name, setting=setting, seed=seed)
                if "agent_steps" in row
            ]
            assert [row["agent_steps"] for row in found] == list(range(0, 6_001, 500))
            assert found[-1]["rmse"] < (0.9 if setting == "table" else 0.5) * found[0]["rmse"]
    places = [row for row in rows(folder, name, setting="network", seed=0) if "off" in row]
    assert len(places) == 9 * 10
    mean = np.mean([row["off"] for row in places])
    assert 0 < mean < rows(folder, name, setting="network", seed=0, agent_steps=6_000)[0]["rmse"]


def test_reinforce_climbs_and_the_baseline_takes_noise_off(folder):
    name = "policy-gradient"
    for setting, seed in product(("reinforce", "reinforce-baseline"), (0, 1)):
        found = [row for row in rows(folder, name, setting=setting, seed=seed) if "J" in row]
        J = [row["J"] for row in found if "agent_steps" in row]
        assert J[0] < J[-1] < 1
        at_first = {row["with_baseline"]: row for row in found if row.get("noise_at") == 0}
        # Untrained, J = 2 chance - 1 = -.4: without it the squared returns are 1, with it 1 - J**2.
        ratio = at_first[1]["noise"] / at_first[0]["noise"]
        assert ratio == pytest.approx(1 - 0.4**2, abs=0.06)
    last = rows(folder, name, setting="dqn", agent_steps=6_000)
    assert all(row["catch_rate"] == 1 for row in last)


# -- the folder ------------------------------------------------------------------------------------


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_a_second_call_goes_on_where_the_first_stopped(copy):
    before = contents(copy)
    files = [path_of(copy, *job) for job in jobs("stages", quick=True)]
    kept, missing = files[0], files[-1]
    stamps = kept.stat().st_mtime_ns
    rows_before = json.loads(missing.read_text())["rows"]
    missing.unlink()
    assert main(["compare", "stages", "--quick", "--quiet", "--out", str(copy)]) == 0
    assert kept.stat().st_mtime_ns == stamps
    # The same bits, though it was the only job of the only process this time.
    assert json.loads(missing.read_text())["rows"] == rows_before
    after = contents(copy)
    assert after["stages.csv"] == before["stages.csv"]
    assert after["stages.png"] == before["stages.png"]


def test_a_folder_of_other_settings_is_not_added_to(copy, capfd):
    assert main(["compare", "stages", "--quiet", "--out", str(copy)]) == 2
    assert "holds rows of other settings than the full ones" in told(capfd)


def test_a_damaged_file_is_named(copy, capfd):
    path = path_of(copy, *jobs("frames", quick=True)[0])
    path.write_text(path.read_text()[:-20])
    assert main(["compare", "--quick", "--quiet", "--out", str(copy)]) == 2
    assert f"{path} is damaged" in told(capfd)


def test_an_unknown_experiment_is_answered_with_the_known_ones(tmp_path, capfd):
    assert main(["compare", "stage", "--out", str(tmp_path)]) == 2
    assert f"one of {', '.join(ALL)}; got 'stage'" in told(capfd)


def test_what_cannot_be_a_folder(tmp_path, capfd):
    (tmp_path / "file").write_text("")
    assert main(["compare", "stages", "--out", str(tmp_path / "file")]) == 2
    told(capfd)


def test_ctrl_c_keeps_what_is_done(tmp_path):
    arguments = ["compare", "stages", "--quick", "--out", str(tmp_path)]
    process = subprocess.Popen(
        [sys.executable, "run_catch.py", *arguments],
        cwd=ROOT,
        env=os.environ,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while not list(tmp_path.glob("stages/*.json")) and process.poll() is None:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the workers, too
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert "the same command again" in out
    assert "Traceback" not in err
    done = list(tmp_path.glob("stages/*.json"))
    assert 0 < len(done) < len(jobs("stages", quick=True))
    assert all(json.loads(path.read_text())["rows"] for path in done)
    assert not list(tmp_path.glob("*.csv"))
    assert not list(tmp_path.glob("stages/.*"))
