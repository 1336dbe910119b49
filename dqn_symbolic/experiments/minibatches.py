"""How noisy is a gradient? Its variance against the size of the batch, at fixed parameters.

Slides "High variance and minibatches" and "Correlated samples break learning". The parameters come
from an agent after the given agent steps, and stay fixed. The variance of the gradient of the mean
squared TD error is summed over all parameters and divided by the squared length of the mean
gradient. `uniform` batches are drawn from the replay memory with replacement. `consecutive` batches
are transitions of the same memory in the order of play. Independent samples give 1/B (dotted).
"""

import numpy as np

from dqn_symbolic.compiling.backends import mode
from dqn_symbolic.experiments import figures, learning, reinforce, results
from dqn_symbolic.q_learning import gradient_alone

TITLE = "Minibatches mean reduced variance, on Catch"
SEEDS = 10, 2  # in full, quick
BATCHES = (1, 2, 4, 8, 16, 32, 64, 128, 256)
KINDS = {  # of batches of size B, from a memory of so many transitions
    "uniform": lambda rng, transitions, B: rng.integers(transitions, size=B),
    "consecutive": lambda rng, transitions, B: rng.integers(transitions - B + 1) + np.arange(B),
}


def conditions(quick):
    when = (2_500,) if quick else (2_500, 20_000)
    drawn = {"batches": BATCHES[::4] if quick else BATCHES, "draws": 200 if quick else 1_000}
    return {f"after-{steps}": {"agent": {"steps": steps}, **drawn} for steps in when}


def measure(condition, seed):
    """Yields a row for each batch size and each kind of batch: the variance (`noise`) of g."""
    agent = learning.trained(condition, seed)
    agent.sync()  # both networks have the agent's present weights
    of_loss = gradient_alone(agent.graph, mode(agent.settings.backend))
    gradient = reinforce.flat(of_loss)  # (x, action, reward, discount, x_tp1) -> (parameters,)
    rng = np.random.default_rng(seed)
    transitions = agent.memory.transitions(np.arange(agent.memory.size))
    mean = gradient(*transitions)  # E g: over the whole memory
    for B in condition["batches"]:
        for kind, draw in KINDS.items():
            batches = (draw(rng, agent.memory.size, B) for _ in range(condition["draws"]))
            gradients = (gradient(*(array[batch] for array in transitions)) for batch in batches)
            yield {"batch_size": B, "drawn": kind, "variance": reinforce.noise(gradients, mean)}


def variances(rows, condition, kind):
    """-> {batch size: [variance of each seed, ...]} for a kind of batch."""
    return results.grouped(rows, "batch_size", "variance", condition=condition, drawn=kind)


def table(rows):
    sizes = results.grouped(rows, "batch_size", "variance")
    yield ["agent steps", "drawn", *(f"B = {size}" for size in sizes)]
    for condition in results.grouped(rows, "condition", "variance"):
        for kind in KINDS:
            by_size = variances(rows, condition, kind)
            medians = [f"{np.median(values):.3g}" for values in by_size.values()]
            yield [condition.removeprefix("after-"), kind, *medians]


def draw(rows):
    settings = results.grouped(rows, "condition", "variance")
    sizes = np.array(list(results.grouped(rows, "batch_size", "variance")))
    figure, _ = figures.panels(5 * max(2, len(settings)), 4.4, 1, len(settings), sharey=True)
    for axes, condition in zip(figure.axes, settings):
        for kind, style in zip(KINDS, figures.STYLES):
            figures.band(axes, variances(rows, condition, kind), label=kind, **style)
        of_one = np.median(variances(rows, condition, "uniform")[1])
        axes.plot(sizes, of_one / sizes, color="black", lw=1, ls=":", label="1/B")
        axes.set(xlabel="batch size B, transitions", xscale="log", yscale="log")
        axes.set(title=f"parameters after {int(condition.removeprefix('after-')):,} agent steps")
        axes.set_xticks(sizes, sizes)
        axes.minorticks_off()
        axes.legend(frameon=False)
    figure.axes[0].set(ylabel="variance of the gradient / |its mean|²")
    return figure
