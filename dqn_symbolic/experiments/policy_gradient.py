"""The digression: REINFORCE, with and without a baseline, beside Q-learning."""

import numpy as np
from matplotlib.figure import Figure

from dqn_symbolic.agent.learner import first_params, network_of, optimiser_of
from dqn_symbolic.agent.settings import Settings
from dqn_symbolic.compiling.backends import mode
from dqn_symbolic.environments.task import scorer
from dqn_symbolic.experience.frames import as_seen
from dqn_symbolic.experiments.figures import STYLES, band, curves, levels
from dqn_symbolic.experiments.learning import catch, flat, learning_rows
from dqn_symbolic.experiments.results import by_setting, quartiles
from dqn_symbolic.experiments.tabular import expected_return, policy_q, state_graph, visits
from dqn_symbolic.symbols.policy_gradient import policy_gradient

TITLE = "Policy gradient"
CLAIM = (
    'Slides "Policy based methods (digression)": maximise J by the log trick, with noisy'
    " gradients. REINFORCE trains the same network, with a softmax, and updates it after"
    " every 16 episodes. It has no baseline, or the mean return of all episodes before as its"
    " baseline. DQN has its default settings. Left: the most probable action from every start;"
    " medians and quartiles over seeds. Right: the variance of the gradient of one batch, divided"
    " by the squared length of the exact gradient, which comes from every state and action of the"
    " game. Learning rate .005, the best of .0005, .002 and .005 for both."
)

EPISODES = 16  # in a batch
RATES = {"reinforce": 0.005, "reinforce-baseline": 0.005}
NOISE_DRAWS = 200


def settings(quick):
    steps, every = (4_000, 2_000) if quick else (60_000, 2_000)
    named = {
        name: {
            "game": {},
            "learner": {"steps": steps, "evaluate_every": every, "learning_rate": rate},
            "baseline": name.endswith("baseline"),
            "noise_at": [0, steps] if quick else [0, 5_000, 10_000, 20_000, 40_000, 60_000],
        }
        for name, rate in RATES.items()
    }
    steps, every = (6_000, 2_000) if quick else (20_000, 1_000)
    named["dqn"] = {"game": {}, "learner": {"steps": steps, "evaluate_every": every}}
    return named


def seeds(quick):
    return 2 if quick else 10


def measure(setting, seed):
    """-> rows at evaluations (as `learning_rows`, and J); at `noise_at`, the gradient's noise."""
    if "baseline" not in setting:
        return learning_rows(setting, seed)
    task = catch(setting)
    player = Reinforce(task.make(), Settings(**setting["learner"], seed=seed))
    env, s, score = task.make(), player.settings, scorer(task, player)
    graph = state_graph(env.starts(), env.successor, player.actions)
    x = np.stack([env.reset(options={"state": state})[0] for state in graph.states])[..., None]
    rows, noise_at = [], list(setting["noise_at"])
    evaluate_at = list(range(s.evaluate_every, s.steps + 1, s.evaluate_every))
    while evaluate_at or noise_at:
        if noise_at and player.steps >= noise_at[0]:
            for baseline in (False, True):
                noise = player.noise(graph, x, baseline)
                rows.append({"noise_at": noise_at[0], "with_baseline": int(baseline), **noise})
            noise_at.pop(0)
        elif evaluate_at and player.steps >= evaluate_at[0]:
            J = float(expected_return(graph, player.forward(x).astype(np.float64)))
            counters = {"agent_steps": evaluate_at.pop(0), "updates": player.updates}
            rate = score()["catch_rate"]
            rows.append({**counters, "catch_rate": rate, "J": J, **task.levels})
        else:
            player.update(setting["baseline"])
    return rows


class Reinforce:
    """Plays whole episodes by its policy, and learns from every batch of episodes."""

    def __init__(self, env, settings):
        self.settings, self.actions = settings, int(env.action_space.n)
        seeds = np.random.SeedSequence(settings.seed).spawn(4)
        params_seed, game_seed, policy_seed, self.evaluation_seed = seeds
        self.env, self.rng = as_seen(env, settings), np.random.default_rng(policy_seed)
        self.env.reset(seed=int(game_seed.generate_state(1)[0]))
        params = first_params(np.random.default_rng(params_seed), self.env, settings)
        network, space = network_of(self.env, settings), self.env.observation_space
        self.forward, self.learn, self.gradient = policy_gradient(
            network,
            params,
            space.shape,
            space.dtype,
            optimiser_of(settings),
            mode(settings.backend),
        )
        self.steps = self.updates = 0
        self.mean_return = 0.0  # of all episodes before this batch
        self.episodes = 0

    def play(self, episodes):
        """-> x (B, *obs), action (B,), the return of each step's episode (B,), and the returns."""
        x, action, of_step, totals = [], [], [], []
        for _ in range(episodes):
            x_t, _ = self.env.reset()
            over, total, length = False, 0.0, 0
            while not over:
                pi = self.forward(x_t[None])[0]
                chosen = min(np.searchsorted(pi.cumsum(), self.rng.random()), self.actions - 1)
                x.append(x_t)
                action.append(chosen)
                x_t, reward, terminated, truncated, _ = self.env.step(chosen)
                total, length, over = total + reward, length + 1, terminated or truncated
            of_step += [total] * length
            totals.append(total)
        return np.stack(x), np.array(action, np.int32), np.array(of_step), totals

    def update(self, baseline):
        """Plays one batch of episodes and updates the policy."""
        x, action, of_step, totals = self.play(EPISODES)
        r = of_step - (self.mean_return if baseline else 0)
        self.learn(x, action, (r / EPISODES).astype(np.float32))
        self.steps += len(x)
        self.updates += 1
        self.episodes += EPISODES
        self.mean_return += (sum(totals) - EPISODES * self.mean_return) / self.episodes

    def noise(self, graph, x, baseline):
        """-> {"noise": E |g - E g|**2 / |E g|**2, "J": J}, at the present parameters.

        g is the gradient of a batch; it plays NOISE_DRAWS batches. E g and the baseline J are
        exact: they come from every state and action of the game.
        """
        before = self.rng.bit_generator.state, self.env.unwrapped.np_random.bit_generator.state

        def gradient(*batch):
            return flat(self.gradient(*batch)[1:])

        exact, J = exact_gradient(gradient, graph, x, self.forward(x).astype(np.float64))
        total = 0.0
        for _ in range(NOISE_DRAWS):
            played, action, of_step, _ = self.play(EPISODES)
            r = ((of_step - (J if baseline else 0)) / EPISODES).astype(np.float32)
            total += float(np.sum((gradient(played, action, r) - exact) ** 2))
        self.rng.bit_generator.state, self.env.unwrapped.np_random.bit_generator.state = before
        return {"noise": total / NOISE_DRAWS / float(np.sum(exact**2)), "J": float(J)}


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


LABELS = {"dqn": "DQN", "reinforce": "REINFORCE", "reinforce-baseline": "REINFORCE, baseline"}


def table(rows):
    lines = [
        ["", "agent steps to 90% caught (median)", "seeds that got there", "caught at the end"]
    ]
    for setting, label in LABELS.items():
        runs, steps = (by_setting(rows, name)[setting] for name in ("catch_rate", "agent_steps"))
        steps = steps[0]  # the same for all seeds
        first = [steps[np.argmax(run >= 0.9)] if run.max() >= 0.9 else np.inf for run in runs]
        median = np.median(first)
        reached = f"{median:,.0f}" if median < np.inf else "not reached"
        seeds_reached = f"{np.isfinite(first).sum()} of {len(runs)}"
        end = f"{quartiles(runs[:, -1])} at {steps[-1]:,}"
        lines.append([label, reached, seeds_reached, end])
    return lines


def draw(rows):
    figure = Figure(figsize=(10, 4.6), layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(3, 2))
    evaluated = [row for row in rows if "catch_rate" in row]
    labels = {label: setting for setting, label in LABELS.items()}
    curves(left, evaluated, labels, "agent_steps", "catch_rate")
    levels(left, evaluated[0]["chance"], evaluated[0]["optimum"])
    left.set(xscale="log", xlabel="agent steps")
    for (baseline, label), style in zip(((0, "no baseline"), (1, "baseline J")), STYLES[1:]):
        noise = {}
        for row in rows:
            if row.get("with_baseline") == baseline:
                noise.setdefault(row["noise_at"], []).append(row["noise"])
        band(right, noise, label=label, **style)
    right.axhline(1, color="black", lw=1, ls=":")
    right.set(yscale="log", xlabel="agent steps", ylabel="variance / |exact gradient|²")
    right.set(title=f"noise of the gradient of {EPISODES} episodes")
    right.locator_params(axis="x", nbins=4)
    right.grid(alpha=0.3)
    right.legend(frameon=False)
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=5)
    return figure
