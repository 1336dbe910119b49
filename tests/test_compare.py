"""`run_catch.py compare --quick`: its rows, pictures and report, and its output folder."""

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
    checksum,
    jobs,
    path_of,
    rows_of,
)
from run_catch import main

# The fixture takes minutes, so one worker process runs all these tests.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("compare")]

ROOT = Path(__file__).parent.parent


def error_line(capfd):
    """-> the only line on standard error."""
    _, err = capfd.readouterr()
    assert err.startswith("run_catch.py: ")
    assert err.count("\n") == 1, err
    return err


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """-> the folder that `python run_catch.py compare --quick` has written."""
    folder = tmp_path_factory.mktemp("compare") / "quick"
    assert main(["compare", "--quick", "--quiet", "--out", str(folder)]) == 0
    return folder


@pytest.fixture
def copy(folder, tmp_path):
    return Path(shutil.copytree(folder, tmp_path / "copy"))


def rows(folder, name, **values):
    all_rows, _ = rows_of(folder, name, quick=True)
    return [row for row in all_rows if all(row.get(key) == value for key, value in values.items())]


# -- every experiment ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_setting_and_seed_has_rows_of_finite_numbers(folder, name):
    with open(folder / f"{name}.csv", newline="") as file:
        table = list(csv.DictReader(file))
    experiment = EXPERIMENTS[name]
    expected = set(product(experiment.conditions(True), map(str, range(experiment.SEEDS[True]))))
    assert {(row["condition"], row["seed"]) for row in table} == expected
    json_rows = rows(folder, name)
    assert len(json_rows) == len(table)
    for row, json_row in zip(table, json_rows):
        values = {column: value for column, value in row.items() if value != ""}
        assert set(values) == set(json_row)
        for column in set(values) - {"condition", "drawn"}:
            assert isfinite(float(values[column]))
            assert float(values[column]) == json_row[column]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_the_picture_is_drawn_and_its_file_is_small(folder, name):
    with Image.open(folder / f"{name}.png") as picture:
        assert min(picture.size) >= 350
        assert len(picture.convert("RGB").getcolors(1_000_000)) > 20
    assert (folder / f"{name}.png").stat().st_size < 80_000


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_the_report_has_the_claim_the_picture_the_command_and_a_table(folder, name):
    text = (folder / "report.md").read_text()
    section = text.split(f"## {EXPERIMENTS[name].TITLE}\n")[1].split("\n## ")[0]
    _, _, claim = EXPERIMENTS[name].__doc__.partition("\n\n")
    assert " ".join(claim.split()) in section
    assert f"({name}.png)" in section
    assert f"python run_catch.py compare {name} --quick --out {folder}\n" in section
    lines = [line.count("|") for line in section.splitlines() if line.startswith("|")]
    assert len(lines) >= 3
    assert len(set(lines)) == 1


# -- the result of each experiment -----------------------------------------------------------------


def test_the_stages_with_minibatches_learn_catch_first(folder):
    """6,000 agent steps are enough with minibatches, and not without."""
    last = {
        (row["condition"], row["seed"]): row["catch_rate"]
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


def test_the_variance_of_uniform_batches_falls_as_one_over_their_size(folder):
    for seed in (0, 1):
        uniform = rows(folder, "minibatches", drawn="uniform", seed=seed)
        sizes = np.array([row["batch_size"] for row in uniform])
        assert sizes.tolist() == [1, 16, 256]
        scaled = np.array([row["variance"] for row in uniform]) * sizes
        np.testing.assert_allclose(scaled / scaled[0], 1, atol=0.4)


def test_the_best_returns_with_one_two_and_four_frames(folder):
    optima = {
        row["condition"]: row["optimum_seen"]
        for row in rows(folder, "frames")
        if "optimum_seen" in row
    }
    assert optima == pytest.approx({"frames-1": 8 / 15, "frames-2": 46 / 75, "frames-4": 46 / 75})
    for row in rows(folder, "frames"):
        assert row.get("catch_rate", 0) <= optima[row["condition"]] + 1e-9


def test_what_random_play_earns_is_a_share_of_episodes(folder):
    (row,) = rows(folder, "exploration", epsilon=1.0)
    assert row["earned"] == pytest.approx(row["chance"], abs=0.1)


def test_the_deep_sea_ends_with_the_first_treasure(folder):
    (row,) = rows(folder, "deep-sea")
    assert row["found"] == 1
    assert row["episodes"] < 100  # the limit is 200


def test_reinforce_starts_with_the_given_policy(folder):
    for first in (0.05, 0.95):
        found = rows(folder, "corridor", condition=f"reinforce-from-{first}", agent_steps=0)
        assert found
        assert all(row["right"] == pytest.approx(first, abs=1e-6) for row in found)


def test_one_initialisation_solves_catch(folder):
    (solved,) = rows(folder, "initialisation", condition="mlp-relu-glorot-adam", solved=1)
    assert solved["catch_rate"] == 1
    assert 2_000 < solved["agent_steps"] <= 5_000


def test_value_iteration_converges_and_learning_reduces_the_error(folder):
    name = "dynamic-programming"
    sweeps = rows(folder, name, condition="value-iteration", seed=0)
    assert [row["sweeps"] for row in sweeps] == list(range(10))
    assert [row["most"] == 0 for row in sweeps] == [False] * 9 + [True]
    assert sweeps[-1]["best_action"] == 1
    for condition in ("table", "network", "network-always-exploring"):
        for seed in (0, 1):
            curve = [
                row
                for row in rows(folder, name, condition=condition, seed=seed)
                if "agent_steps" in row
            ]
            assert [row["agent_steps"] for row in curve] == list(range(0, 6_001, 500))
            assert curve[-1]["rmse"] < (0.9 if condition == "table" else 0.5) * curve[0]["rmse"]


def test_reinforce_improves_and_the_baseline_reduces_its_noise(folder):
    name = "policy-gradient"
    for condition, seed in product(("reinforce", "reinforce-baseline"), (0, 1)):
        run_rows = [row for row in rows(folder, name, condition=condition, seed=seed) if "J" in row]
        J = [row["J"] for row in run_rows if "agent_steps" in row]
        assert J[0] < J[-1] < 1
        at_first = {row["with_baseline"]: row for row in run_rows if row.get("noise_at") == 0}
        if condition == "reinforce-baseline":
            assert not at_first  # the noise is measured at the parameters of the other
            continue
        # Untrained, J = 2 chance - 1 = -.4. The mean square of the returns is 1;
        # less their mean J, it is 1 - J**2.
        ratio = at_first[1]["noise"] / at_first[0]["noise"]
        assert ratio == pytest.approx(1 - 0.4**2, abs=0.06)
    last = rows(folder, name, condition="dqn", agent_steps=6_000)
    assert all(row["catch_rate"] == 1 for row in last)


# -- the output folder -----------------------------------------------------------------------------


def contents(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_a_second_call_runs_only_the_missing_jobs(copy):
    before = contents(copy)
    files = [path_of(copy, *job) for job in jobs("stages", quick=True)]
    finished, missing = files[0], files[-1]
    finished_at = finished.stat().st_mtime_ns
    rows_before = json.loads(missing.read_text())["rows"]
    missing.unlink()
    assert main(["compare", "stages", "--quick", "--quiet", "--out", str(copy)]) == 0
    assert finished.stat().st_mtime_ns == finished_at
    # The same bits, although this job now ran alone.
    assert json.loads(missing.read_text())["rows"] == rows_before
    after = contents(copy)
    assert after["stages.csv"] == before["stages.csv"]
    assert after["stages.png"] == before["stages.png"]


def test_a_folder_with_rows_of_other_settings_is_refused(copy, capfd):
    assert main(["compare", "stages", "--quiet", "--out", str(copy)]) == 2
    assert "holds rows of other settings than the full ones" in error_line(capfd)


def test_a_damaged_file_is_refused_by_name(copy, capfd):
    path = path_of(copy, *jobs("frames", quick=True)[0])
    path.write_text(path.read_text()[:-20])
    assert main(["compare", "--quick", "--quiet", "--out", str(copy)]) == 2
    assert f"{path} is damaged" in error_line(capfd)


# What stands in a result in place of its rows, with the right checksum, and what is said of it.
HOSTILE = {
    "another digit": (None, "is damaged"),
    "nested rows": ([[[]]] * 9, "is damaged"),
    "a number of 400 digits": ([{"agent_steps": 10**400}], "is damaged"),
    "NaN": ([{"agent_steps": float("nan")}], "is damaged"),
    "half a letter": ([{"agent_steps": "\ud800"}], "is damaged"),
    "a list in a row": ([{"agent_steps": [1]}], "is damaged"),
    "no rows": ([], "holds rows of something else"),
    "other columns": ([{"x": 1}], "holds rows of something else"),
    "text for numbers": ([{"agent_steps": "x", "catch_rate": "y"}], "holds rows of something else"),
}


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_results_are_refused_in_one_line(hostile, copy, capfd):
    rows, said = HOSTILE[hostile]
    for job in jobs("stages", quick=True):
        path = path_of(copy, *job)
        data = json.loads(path.read_text())
        if rows is None:
            data["rows"][0]["agent_steps"] += 1
        else:
            data |= {"rows": rows, "checksum": checksum(rows)}
        path.write_text(json.dumps(data))
    assert main(["compare", "stages", "--quick", "--quiet", "--out", str(copy)]) == 2
    assert said in error_line(capfd)


@pytest.mark.parametrize("content", ["[" * 100_000, "[]", "{}", "7", "", "\x00"])
def test_what_is_no_result_is_refused_in_one_line(content, copy, capfd):
    path_of(copy, *jobs("frames", quick=True)[0]).write_text(content)
    assert main(["compare", "--quick", "--quiet", "--out", str(copy)]) == 2
    assert "is damaged: delete it" in error_line(capfd)


def test_a_pipe_in_place_of_a_result_is_refused(copy, capfd):
    path = path_of(copy, *jobs("frames", quick=True)[0])
    path.unlink()
    os.mkfifo(path)
    assert main(["compare", "--quick", "--quiet", "--out", str(copy)]) == 2
    assert f"{path}: not a text file of a run" in error_line(capfd)


def test_an_unknown_experiment_is_refused_with_a_list_of_all(tmp_path, capfd):
    assert main(["compare", "stage", "--out", str(tmp_path)]) == 2
    assert f"one of {', '.join(ALL)}; got 'stage'" in error_line(capfd)


def test_a_file_in_place_of_the_output_folder_is_refused(tmp_path, capfd):
    (tmp_path / "file").write_text("")
    assert main(["compare", "stages", "--out", str(tmp_path / "file")]) == 2
    error_line(capfd)


def started(out):
    """-> the process of `compare stages --quick`, in a group of its own, after its first job."""
    process = subprocess.Popen(
        [sys.executable, "run_catch.py", "compare", "stages", "--quick", "--out", str(out)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    while not list(out.glob("stages/*.json")) and process.poll() is None:
        time.sleep(0.05)
    return process


@pytest.mark.parametrize(("name", "status"), [("SIGINT", 130), ("SIGTERM", 143)])
def test_a_signal_to_all_processes_keeps_the_finished_jobs(name, status, tmp_path):
    process = started(tmp_path)
    os.killpg(process.pid, getattr(signal, name))  # as a terminal or a cluster does
    out, err = process.communicate(timeout=60)
    assert process.returncode == status, err
    assert out == "go on:  the same command again\n"
    assert err == ""
    finished = list(tmp_path.glob("stages/*.json"))
    assert 0 < len(finished) < len(jobs("stages", quick=True))
    assert all(json.loads(path.read_text())["rows"] for path in finished)
    assert not list(tmp_path.glob("*.csv"))
    assert not list(tmp_path.glob("stages/.*"))


def test_no_worker_survives_a_killed_compare(tmp_path):
    process = started(tmp_path)
    process.kill()
    process.communicate(timeout=60)  # returns when no process has its standard output any more
