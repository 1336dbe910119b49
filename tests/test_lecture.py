"""The slides' form (one vector at a time) and the minibatch form are the same algorithm."""

from functools import partial
from itertools import islice

import numpy as np
import pytensor
import pytest

from dqn_symbolic import lecture
from dqn_symbolic.symbols.networks import mlp
from dqn_symbolic.symbols.optimisers import sgd
from dqn_symbolic.symbols.q_learning import functions, q_learning
from games.catch import Catch


def test_slides_are_the_minibatch_form_with_batch_1_and_no_target_network():
    rng = np.random.default_rng(0)
    with pytensor.config.change_flags(mode="FAST_COMPILE"):
        forward, learn, params = lecture.graph(12, 8, 3, rng)
    W, b, Wout, bout = (p.get_value() for p in params)
    values = {"W1": W.T, "b1": b, "Wout": Wout.T, "bout": bout}
    graph = q_learning(mlp, values, (12,), "float32", partial(sgd, learning_rate=0.05))
    batch_forward, batch_learn, sync = functions(graph, "FAST_COMPILE")

    memory = []
    for i in range(30):
        x, x_tp1 = rng.random((2, 12)).astype(np.float32)
        over = i % 3 == 2
        memory.append((x, None if over else x_tp1, np.int32(rng.integers(3)), rng.normal()))
    lecture.q_learning(memory, forward, learn, lr=0.05)

    for x, x_tp1, act, reward in memory:
        batch_learn(
            x[None],
            np.array([act], np.int32),
            np.array([reward], np.float32),
            np.array([x_tp1 is not None], np.float32),  # gamma is 1 on the slide
            (x if x_tp1 is None else x_tp1)[None],
        )
        sync()

    W, b, Wout, bout = (p.get_value() for p in params)
    learnt = {v.name: v.get_value() for v in batch_forward.get_shared()}
    assert abs(learnt["Wout"] - values["Wout"]).max() > 0.05
    for slide, batch in zip((W.T, b, Wout.T, bout), learnt.values(), strict=True):
        np.testing.assert_allclose(slide, batch, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_slides_learn_catch(seed):
    """Online, from correlated samples, it takes ten times as long as with a memory."""
    rng = np.random.default_rng(seed)
    env, other = Catch(), Catch()
    env.reset(seed=seed)
    forward, learn, _ = lecture.graph(100, 128, 3, rng)
    memory = lecture.play(env, forward, epsilon=0.1, rng=rng)
    for _ in range(20):
        lecture.q_learning(islice(memory, 5_000), forward, learn, lr=1e-2)
        if caught_everywhere(other, forward):
            return
    pytest.fail("not every ball caught after 100,000 transitions")


def caught_everywhere(env, forward):
    for start in env.starts():
        x, over = env.reset(options={"state": start})[0], False
        while not over:
            x, reward, over, _, _ = env.step(forward(lecture.pixels(x)).argmax())
        if reward < 0:
            return False
    return True


@pytest.mark.slow
def test_it_runs_by_itself_and_tells_how_it_goes(capsys):
    lecture.main(transitions=30_000)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 1 + 3
    scores = [float(line.split()[2]) for line in lines[1:]]
    assert -0.6 < scores[0] < scores[2] <= 1  # chance is -.4
    assert scores[2] > 0.5
