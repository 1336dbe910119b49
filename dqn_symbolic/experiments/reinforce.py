"""The lecture's digression, "Policy based methods": REINFORCE, with the policy as a symbolic graph.

    forward(x)               -> pi      x (B, *obs), pi (B, actions) float32: probabilities
    learn(x, action, r)      -> log_pi  (B,) float32, of the actions; updates the parameters
    gradient(x, action, r)   -> log_pi, *gradients of -J; updates nothing

action (B,) int32. r (B,) float32 is the slide's r: the return after the action (`play` takes the
whole episode's: more noise, no bias), minus a baseline if you use one, divided by the number of
episodes of the B steps. The sum of (d log pi / d theta) r estimates the gradient of the expected
return J, without bias.
"""

import numpy as np
import pytensor.tensor as TT
from pytensor import grad
from pytensor.tensor.special import log_softmax

from dqn_symbolic import networks, optimisers
from dqn_symbolic.compiling.backends import mode
from dqn_symbolic.experiments.tabular import expected_return, policy_q, visits
from dqn_symbolic.frames import History
from dqn_symbolic.q_learning import compiled, one_hot, shared

EPISODES = 16  # in a batch
NOISE_DRAWS = 200


def policy_gradient(network, first_params, obs_shape, obs_dtype, optimiser, mode=None):
    """-> (forward, learn, gradient), compiled at their first call.

    network(x, params) -> the logits of the policy (B, actions). The others as in `q_learning`.
    """
    params = [shared(value, name) for name, value in first_params.items()]

    x = TT.tensor("x", dtype=obs_dtype, shape=(None, *obs_shape))
    action = TT.ivector("action")
    r = TT.fvector("r")

    log_pi = log_softmax(network(x, params), axis=1)  # (B, A)
    log_pi_a = (log_pi * one_hot(action, log_pi.type.shape[1])).sum(axis=1)  # (B,)
    J = (log_pi_a * r).sum()  # (): this is not J, but it has the gradient of J
    gradients = grad(-J, params)

    forward = compiled([x], TT.exp(log_pi), mode)
    learn = compiled([x, action, r], log_pi_a, mode, updates=optimiser(params, gradients))
    gradient = compiled([x, action, r], [log_pi_a, *gradients], mode)
    return forward, learn, gradient


class Reinforce:
    """Plays whole episodes by its policy; each of its steps learns from a batch of episodes."""

    epsilon = 0.0  # its policy explores by itself
    mean_loss = staticmethod(lambda: None)  # for `training`: it has none

    def __init__(self, env, settings, baseline):
        self.settings, self.baseline = settings, baseline
        seeds = np.random.SeedSequence(settings.seed).spawn(4)
        params_seed, game_seed, policy_seed, self.evaluation_seed = seeds
        self.env, self.rng = History(env, settings.history), np.random.default_rng(policy_seed)
        self.env.reset(seed=int(game_seed.generate_state(1)[0]))
        space, rng = self.env.observation_space, np.random.default_rng(params_seed)
        network, optimiser = networks.of(settings, space), optimisers.of(settings)
        first_params = networks.first_params(rng, settings, space, int(env.action_space.n))
        how = space.shape, space.dtype, optimiser, mode(settings.backend)
        self.forward, self.learn, self.gradient = policy_gradient(network, first_params, *how)
        self.steps = self.updates = 0
        self.mean_return = 0.0  # of all episodes before this batch: the baseline, if it has one

    def play(self, baseline):
        """Plays a batch of episodes. -> (x, action, r), as `learn` takes them, and the returns."""
        x, action, of_step, totals = [], [], [], []
        for _ in range(EPISODES):
            x_t, _ = self.env.reset()
            over = False
            while not over:
                pi = self.forward(x_t[None])[0]
                chosen = min(np.searchsorted(pi.cumsum(), self.rng.random()), len(pi) - 1)
                x.append(x_t)
                action.append(chosen)
                x_t, _, terminated, truncated, _ = self.env.step(chosen)
                over = terminated or truncated
            totals.append(self.env.episode_return)
            of_step += totals[-1:] * (len(x) - len(of_step))
        r = (np.array(of_step) - baseline) / EPISODES
        return (np.stack(x), np.array(action, np.int32), r.astype(np.float32)), totals

    def step(self):
        """Plays one batch of episodes and updates the policy."""
        batch, totals = self.play(self.mean_return if self.baseline else 0)
        self.learn(*batch)
        self.steps += len(batch[0])
        self.updates += 1
        self.mean_return += (sum(totals) / EPISODES - self.mean_return) / self.updates

    def noise(self, graph, x, baseline):
        """-> {"noise": E |g - E g|**2 / |E g|**2, "J": J}, at the present parameters.

        g is the gradient of a batch; it plays NOISE_DRAWS batches. E g and the baseline J are
        exact: they come from every state and action of the game.
        """
        before = self.rng.bit_generator.state, self.env.unwrapped.np_random.bit_generator.state
        gradient = flat(self.gradient)
        exact, J = exact_gradient(gradient, graph, x, self.forward(x).astype(np.float64))
        batches = (self.play(J if baseline else 0)[0] for _ in range(NOISE_DRAWS))
        measured = noise((gradient(*batch) for batch in batches), exact)
        self.rng.bit_generator.state, self.env.unwrapped.np_random.bit_generator.state = before
        return {"noise": measured, "J": float(J)}


def flat(gradient):
    """-> vector(*batch) -> (parameters,) float64: the arrays of gradient(*batch) -> _, *arrays"""
    return lambda *batch: np.concatenate([g.ravel() for g in gradient(*batch)[1:]], dtype=float)


def noise(gradients, mean):
    """gradients: draws of g (parameters,); mean: E g. -> E |g - E g|**2 / |E g|**2"""
    distances = [float(np.sum((g - mean) ** 2)) for g in gradients]
    return sum(distances) / len(distances) / float(np.sum(mean**2))


def exact_gradient(gradient, graph, x, policy):
    """-> (gradient of -J, J): the slide's sum over s of d(s), over a of pi(s, a) d log pi r(s, a).

    gradient(x, action, r) -> the gradient of these steps; x (S, *obs): the observation of each
    state; policy (S, A). r(s, a) is the expected return after a in s.
    """
    S, A = policy.shape
    weight = visits(graph, policy)[:, None] * policy * policy_q(graph, policy)
    action = np.tile(np.arange(A, dtype=np.int32), S)
    r = weight.ravel().astype(np.float32)
    return gradient(np.repeat(x, A, axis=0), action, r), expected_return(graph, policy)
