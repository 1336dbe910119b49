"""picture: what the network sees, as two pictures.

rally.png: the Q-values until a reward (Mnih et al. 2015, Extended Data Figure 2). states.png: the
last hidden layer of many states in two dimensions, by t-SNE (Figure 4).
"""

from collections import deque
from contextlib import ExitStack
from importlib.util import find_spec
from itertools import count, islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import ConnectionPatch
from tqdm import tqdm

from dqn_symbolic.commands.front import teller
from dqn_symbolic.commands.playing import drawable, pictures_of
from dqn_symbolic.commands.watching import folder_of
from dqn_symbolic.environments.task import closed_by
from dqn_symbolic.exploration import epsilon_greedy
from dqn_symbolic.frames import History
from dqn_symbolic.runs.figures import STYLES, save
from dqn_symbolic.runs.loading import forward_of, read_agent
from games.window.keys import action_names

SHOWN, AFTER, MOST = 60, 6, 2_000  # agent steps: of a rally, after its reward, until it at most
EVERY = 10  # states from one that keeps its screen to the next
STATES = 2_000  # of the last hidden layer


class Moment(NamedTuple):
    q: np.ndarray  # (actions,)
    hidden: np.ndarray  # (units,): the last hidden layer
    screen: np.ndarray | None  # (height, width, 3) uint8
    reward: float  # of the action that follows
    over: bool  # whether the episode then is


def picture(door, folder=None, agent=None, seed=0, out=None, quiet=False):
    """Writes rally.png, and states.png if scikit-learn is there. -> exit status"""
    folder, tell = folder_of(folder, agent), teller(quiet)
    task, settings, weights = read_agent(folder / "agent.npz")
    see, epsilon = seeing(task, settings, weights), task.epsilon(settings)
    out = out or (Path(agent) if agent else folder)
    with ExitStack() as stack:
        env = History(drawable(closed_by(stack, task, tell)), settings.history)
        with pictures_of(task):
            names = action_names(env, env.metadata)
            stretched = 1 / env.metadata.get("pixel_aspect", 1)
        tell("compiling forward")
        figure = draw_rally(*rally(moments(see, env, epsilon, seed)), names, stretched)
        out.mkdir(parents=True, exist_ok=True)
        save(out / "rally.png", figure, f"{task.game}: Q-values, step by step")
        tell(f"written: {out / 'rally.png'}")
        if not find_spec("sklearn"):
            tell('no states.png: scikit-learn is not installed: pip install -e ".[exercises]"')
            return 0
        bar = {"total": STATES, "desc": "states", "leave": False, "disable": quiet or None}
        played = enumerate(tqdm(islice(moments(see, env, epsilon, seed), STATES), **bar))
        found = [m if i % EVERY == 0 else m._replace(screen=None) for i, m in played]
        tell("t-SNE of the last hidden layer")
        figure = draw_states(found, stretched, seed)
        save(out / "states.png", figure, f"{task.game}: last hidden layer of {STATES:,} states")
        tell(f"written: {out / 'states.png'}")
    return 0


def seeing(task, settings, weights):
    """-> see(x) -> (Q-values, last hidden layer)"""
    last, bias = weights["Wout"], weights["bout"]
    # Without its last layer, the output of the network is the last hidden layer.
    without = {"Wout": np.eye(len(last), dtype=last.dtype), "bout": np.zeros(len(last), last.dtype)}
    forward = forward_of(task, settings, weights | without)

    def see(x):
        (hidden,) = forward(x[None])
        return hidden @ last + bias, hidden

    return see


def moments(see, env, epsilon, seed):
    """Yields a Moment for each agent step, of one episode after the other."""
    rng = np.random.default_rng(seed)
    for episode in count(seed):
        x, _ = env.reset(seed=episode % 2**31)
        over = False
        while not over:
            q, hidden = see(x)
            screen = env.render()
            screen = screen[-1] if isinstance(screen, list) else screen
            action = epsilon_greedy(epsilon, len(q), q.copy, rng)
            x, reward, terminated, truncated, _ = env.step(action)
            over = terminated or truncated
            yield Moment(q, hidden, screen, reward, over)


def rally(played):
    """-> the moments before the first reward above the first step's, and the first step's."""
    shown, first, end = deque(maxlen=SHOWN), None, MOST
    for i, moment in enumerate(played):
        shown.append(moment)
        first = moment.reward if first is None else first
        if moment.reward > first and end == MOST:
            end = i + AFTER
        if i >= end or moment.over:
            return list(shown), first


def draw_rally(moments, first, names, stretched):
    figure = Figure(figsize=(9, 6.5), layout="constrained")
    axes = figure.subplot_mosaic("abcd;qqqq", height_ratios=(2, 3))
    below, q = axes.pop("q"), np.array([moment.q for moment in moments])
    for name, values, style in zip(names, q.T, STYLES):
        below.plot(values, label=name, lw=1, markevery=max(1, len(q) // 8), ms=4, **style)
    below.plot(q[:, len(STYLES) :], color="#bbbbbb", lw=0.7)
    below.plot(q.max(axis=1), color="black", lw=2.2, label="the greatest: the value", zorder=0)
    last = len(moments) - 1
    for i, moment in enumerate(moments):
        if moment.reward != first:
            below.axvline(i, color="black", ls=":", lw=1)
            text = {"xycoords": ("data", "axes fraction"), "ha": "right"}
            below.annotate(f"reward {moment.reward:+.4g} ", (i, 0.02), **text)
            last = i
    for i, (letter, above) in zip(np.linspace(0, last, len(axes)).astype(int), axes.items()):
        show(above, moments[i].screen, stretched, f"{letter}: step {i}")
        below.annotate(letter, (i, q[i].max()), (0, 8), textcoords="offset points", weight="bold")
    below.margins(y=0.12)
    below.grid(alpha=0.3)
    below.set(xlabel="agent steps", ylabel="Q-value")
    figure.legend(loc="outside lower center", ncols=5)
    return figure


def show(axes, screen, stretched, title):
    axes.imshow(screen, aspect=stretched)
    axes.set_title(title, fontsize=9)
    axes.set_axis_off()


def draw_states(moments, stretched, seed):
    from sklearn.cluster import KMeans
    from sklearn.manifold import TSNE

    figure = Figure(figsize=(10, 7), layout="constrained")
    axes = figure.subplot_mosaic("ame;bmf;cmg;dmh", width_ratios=(1, 4, 1))
    values, middle = np.array([moment.q.max() for moment in moments]), axes.pop("m")
    places = TSNE(random_state=seed).fit_transform(np.array([moment.hidden for moment in moments]))
    points = middle.scatter(*places.T, c=values, s=6, cmap="viridis")
    middle.set(xticks=[], yticks=[])
    figure.colorbar(points, ax=middle, label="the greatest Q-value", location="bottom", shrink=0.6)
    # Typical states: in the middle of each of eight groups, which come from left to right.
    groups = KMeans(len(axes), random_state=seed, n_init=1).fit(places).cluster_centers_
    left, right = np.split(groups[np.argsort(groups[:, 0])], 2)
    for letters, side, end in ("abcd", left, (1, 0.5)), ("efgh", right, (0, 0.5)):
        for letter, centre in zip(letters, side[np.argsort(-side[:, 1])]):
            i = EVERY * np.argmin(((places[::EVERY] - centre) ** 2).sum(axis=1))
            show(axes[letter], moments[i].screen, stretched, f"value {values[i]:.2f}")
            ends = {"coordsA": "axes fraction", "axesA": axes[letter]}
            ends |= {"coordsB": "data", "axesB": middle}
            middle.add_artist(ConnectionPatch(end, places[i], lw=0.7, color="#888888", **ends))
    return figure
