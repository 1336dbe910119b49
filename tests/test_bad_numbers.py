"""NaN and infinity stop a run with a message, and are never saved in a checkpoint."""

import gymnasium
import numpy as np
import pytensor
import pytest

from dqn_symbolic.agent import Agent
from dqn_symbolic.settings import Settings
from games.catch import Catch
from run_catch import main
from tests.plain import load, plain

# These tests compute with NaN and infinity on purpose. NumPy warns of them.
pytestmark = pytest.mark.filterwarnings("ignore:.*encountered in")

SMALL = {"hidden": (4,), "warm_up": 10, "batch_size": 4, "epsilon_end": 0.0, "epsilon_steps": 1}


class Brightness(gymnasium.ObservationWrapper):
    """Observations in float32, which can be NaN."""

    def __init__(self, env):
        super().__init__(env)
        shape = env.observation_space.shape
        self.observation_space = gymnasium.spaces.Box(0, 1, shape, np.float32)

    def observation(self, frame):
        return frame.astype(np.float32) / 255


def compiled(backend="plain", **settings):
    if backend == "jax":
        pytest.importorskip("jax")
    if backend == "c" and not pytensor.config.cxx:
        pytest.skip("no C++ compiler")
    game = Brightness(Catch(rows=4, columns=4, paddle_width=1))
    if backend == "plain":
        return plain(game, Settings(**{**SMALL, **settings}))
    return Agent(game, Settings(backend=backend, **{**SMALL, **settings}))


def poison(agent, name, bad):
    """Sets the last element of a shared variable."""
    (variable,) = (v for v in agent.graph.variables if v.name == name)
    value = np.array(variable.get_value())
    value.flat[-1] = bad
    variable.set_value(value)


# -- NaN in the loss -------------------------------------------------------------------------------


BACKENDS = ["plain", *(pytest.param(b, marks=pytest.mark.slow) for b in ("numba", "c", "jax"))]


@pytest.fixture(scope="module", params=BACKENDS)
def learner(request):
    return compiled(request.param, filters=((2, 2, 1),))


def test_a_nan_anywhere_reaches_the_loss(learner):
    """Rectifiers and maxima must not replace NaN by a number."""
    while learner.steps < 9:
        learner.step()
    good = learner.memory.sample(4, np.random.default_rng(0))
    good[3][:] = 0.9  # discounts above 0, so that the target network matters
    weights = {v.name: np.array(v.get_value()) for v in learner.graph.variables}
    names = [name for name in weights if name.split(".")[-1] in learner.weights()]
    assert len(names) == 2 * 6

    def error():
        td_error = np.asarray(learner.learn(*good))
        for variable in learner.graph.variables:
            variable.set_value(weights[variable.name])
        return td_error

    assert np.isfinite(error()).all()
    for name in names:
        poison(learner, name, np.nan)
        assert np.isnan(error()).any(), name
    for part, array in enumerate(good):
        if array.dtype == np.float32:
            good_value = array.flat[-1]
            array.flat[-1] = np.nan
            assert np.isnan(error()).any(), part
            array.flat[-1] = good_value
    assert np.isfinite(error()).all()


def steps(agent, number):
    for _ in range(number):
        agent.step()


# -- the run stops ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["W1", "b1", "Wout", "bout", "target.W1", "target.bout"])
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_weights_that_are_not_finite_stop_the_next_update(name, bad):
    agent = compiled(seed=1)
    while agent.steps < 20:
        agent.step()
    poison(agent, name, bad)
    with pytest.raises(FloatingPointError, match=r"the squared TD error is|the Q-values are"):
        steps(agent, 2)  # the loss is watched before the next update
    assert agent.steps in (20, 21, 22)


@pytest.mark.usefixtures("uncompiled")
def test_weights_that_are_not_finite_are_not_saved(tmp_path, monkeypatch, capsys):
    """In the step of a checkpoint, the weights overflow although the loss was finite."""
    run = str(tmp_path / "run")
    small = ["--quiet", "--checkpoint-every", "40", "--hidden", "4", "--warm-up", "50"]
    step = Agent.step

    def overflowing_step(agent):
        step(agent)
        if agent.steps == 80:
            poison(agent, "W1", np.inf)
            poison(agent, "bout.v", np.nan)

    with monkeypatch.context() as patch:
        patch.setattr(Agent, "step", overflowing_step)
        assert main(["--out", run, "--steps", "200", *small]) == 2
    err = capsys.readouterr().err
    assert "stopped after 80 agent steps: not finite any more: W1, bout.v (a smaller" in err
    assert f"{run} holds the run as last saved" in err
    assert err.count("\n") == 1
    assert [path.name for path in (tmp_path / "run").iterdir()] == ["checkpoint.npz"]
    data, _ = load(tmp_path / "run" / "checkpoint.npz", "checkpoint")
    assert data["agent"]["counters"]["steps"] == 40
    assert main(["--resume", run, "--steps", "200", *small[:1]]) == 0
