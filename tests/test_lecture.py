"""The slides learn from one transition at a time: the same algorithm as with minibatches."""

import runpy
from functools import partial
from importlib.util import find_spec, module_from_spec
from itertools import islice

import numpy as np
import pytensor
import pytest

from dqn_symbolic.networks import mlp
from dqn_symbolic.optimisers import sgd
from dqn_symbolic.q_learning import functions, q_learning
from games.catch import Catch


def lecture(seed=0, mode=None):
    """-> a new import of the page, compiled, with first weights of this seed."""
    spec = find_spec("dqn_symbolic.lecture")
    page = module_from_spec(spec)
    with pytensor.config.change_flags(mode=mode or pytensor.config.mode):
        spec.loader.exec_module(page)
    page.rng = np.random.default_rng(seed)
    page.W.set_value(page.first_weights(page.hidden, page.inputs))
    page.Wout.set_value(page.first_weights(page.actions, page.hidden))
    return page


def test_slides_equal_minibatches_of_1_without_a_target_network():
    page = lecture(mode="FAST_COMPILE")
    rng = np.random.default_rng(0)
    W, b, Wout, bout = (p.get_value() for p in page.params)
    values = {"W1": W.T, "b1": b, "Wout": Wout.T, "bout": bout}
    graph = q_learning(mlp, values, (100,), "float32", partial(sgd, learning_rate=0.05))
    batch_forward, batch_learn, sync = functions(graph, "FAST_COMPILE")

    memory = []
    for i in range(30):
        x, x_tp1 = rng.random((2, 100)).astype(np.float32) / 3  # larger ones diverge
        over = i % 3 == 2
        memory.append((x, None if over else x_tp1, np.int32(rng.integers(3)), rng.normal()))
    page.q_learning(memory, lr=0.05)

    for x, x_tp1, act, reward in memory:
        batch_learn(
            x[None],
            np.array([act], np.int32),
            np.array([reward], np.float32),
            np.array([x_tp1 is not None], np.float32),  # gamma is 1 on the slide
            (x if x_tp1 is None else x_tp1)[None],
        )
        sync()

    W, b, Wout, bout = (p.get_value() for p in page.params)
    learnt = {v.name: v.get_value() for v in batch_forward.get_shared()}
    assert abs(learnt["Wout"] - values["Wout"]).max() > 0.05
    for slide, batch in zip((W.T, b, Wout.T, bout), learnt.values(), strict=True):
        np.testing.assert_allclose(slide, batch, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_slides_learn_catch(seed):
    """Without a replay memory, it takes ten times as many transitions."""
    page = lecture(seed)
    env, other = Catch(), Catch()
    env.reset(seed=seed)
    memory = page.play(env, epsilon=0.1)
    for _ in range(20):
        page.q_learning(islice(memory, 5_000), lr=1e-2)
        if catches_every_ball(page, other):
            return
    pytest.fail("not every ball caught after 100,000 transitions")


def catches_every_ball(page, env):
    for start in env.starts():
        x, over = env.reset(options={"state": start})[0], False
        while not over:
            x, reward, over, _, _ = env.step(page.forward(page.pixels(x)).argmax())
        if reward < 0:
            return False
    return True


@pytest.mark.slow
def test_the_page_runs_as_a_script_and_prints_its_scores(capsys):
    runpy.run_module("dqn_symbolic.lecture", run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == [f"{n}0,000" for n in range(1, 11)]
    scores = [float(line.split()[2]) for line in lines]
    assert -0.6 < scores[0] < scores[2] <= 1  # chance is -.4
    assert scores[2] > 0.5
    assert scores[-1] > 0.9
