"""The tables and figures of the pages that the benchmarks' rows make."""

from statistics import median

from dqn_symbolic.settings import ATARI_FRAME_SIZE, PRESETS
from tests.benchmarks.results import BY_PROCESSOR, FOLDER, KINDS, chosen, kind, markdown, read
from tests.benchmarks.results import number as text

# -- the rows of a file ---------------------------------------------------------------------------


def rows(name, **where):
    """Of the machine that measured `step`, where a figure depends on the processor."""
    place = kind(read("step")) if name in BY_PROCESSOR else ""
    return chosen(read(name, place)["rows"], **where)


def row(name, **where):
    """-> the only row with these values, or None"""
    return next(iter(rows(name, **where)), None)


def others(found):
    """Those of other libraries."""
    return [one for one in found if not one.get("side", "ours").startswith(("ours", "its "))]


def with_ratio(value, ratio):
    return f"{text(value)} ({text(float(ratio))})"


# -- how fast it is -------------------------------------------------------------------------------


def machine():
    """A line for each kind of processor, with the states of the code and the dates; versions."""
    groups, versions, every = {}, {}, set()
    for path in sorted(FOLDER.glob("**/*.json")):
        made = read(path.stem, path.parent.relative_to(FOLDER))
        for package, version in made["versions"].items():
            versions.setdefault(package, {})[version] = True
        where = f"{made['processor']}, {made['cores']} cores, {KINDS[kind(made)]}"
        commits, dates = groups.setdefault(where, ({}, set()))
        commits.setdefault(made["commit"], []).append(name := f"`{path.stem}`")
        every.add(name)
        dates.add(made["date"])
    lines = []
    for where, (commits, dates) in groups.items():
        of_files = "; ".join(
            f"{'all' if {*names} == every else ', '.join(names)} at {commit}"
            for commit, names in commits.items()
        )
        lines.append(f"- {where}, {' to '.join(sorted({min(dates), max(dates)}))}: {of_files}")
    text = ", ".join(f"{package} {' / '.join(found)}" for package, found in versions.items())
    return "\n".join([*lines, f"- {text}"])


def summary():
    batch, pong = {"work": "learn, batch 32"}, {"x": "84 x 84 x 4", "capacity": 10_000}
    nature, warm = {"preset": "nature", **batch}, {"compile_cache": "warm"}
    quantities = {  # what: (file, column, its rows: ours first)
        "launch to perfect play of Catch, warm cache, s": ("start", "first_perfect_s", warm),
        "agent steps until Catch is solved": ("seeds", "agent_steps", {"kind": "dense"}),
        "an agent step of Catch, us": ("peers", "us", {}),
        "a learn step of Catch, us": ("learn", "us", {"optimiser": "adam"}),
        "a learn step of the Nature network, ms": ("conv", "ms", {**nature, "threads": 1}),
        "the same on two threads, ms": ("conv", "ms", {**nature, "threads": 2}),
        "an agent step of Pong, Nature network, us": ("pong", "us", {"threads": 1}),
        "sampling 32 stacks of 4 frames, us": ("replay", "sample_us", pong),
        "a step of Pong in the replay memory, bytes": ("replay", "bytes", pong),
        "compiling from empty caches, processor s": ("linkers", "compile_s", {}),
    }
    lines = []
    for quantity, (name, column, where) in quantities.items():
        command = f"`{name}`"
        try:
            found = rows(name, **where)
        except FileNotFoundError:
            lines.append([quantity, "not measured", None, None, command])
            continue
        ours = median(one[column] for one in (found[:1] if "side" in found[0] else found))
        best = min(others(found), key=lambda one: one[column], default=None)
        other = best and f"{text(best[column])} ({best['side']})"
        ratio = best and float(best[column] / ours)
        lines.append([quantity, float(ours), other, ratio, command])
    return markdown(["quantity", "ours", "the best other", "ratio", "command"], lines)


def start():
    headings = "compile cache", "imports", "compiled", "first perfect evaluation", "second", "exit"
    return markdown(headings, rows("start"))


def step():
    parts = "act", "the game", "sample", "learn", "the rest", "the whole loop"
    lines = []
    for game in dict.fromkeys(one["game"] for one in rows("step")):
        of_parts = {part: [] for part in parts}
        for one in rows("step", game=game):
            begins = [part for part in parts if one["part"].startswith(part)]
            of_parts[begins[0] if begins else "the rest"].append(one)
        sums = [[sum(one[k] for one in of_parts[p]) for k in ("us", "share")] for p in parts]
        lines.append([game, *(f"{text(us)} ({share:.0%})" for us, share in sums)])
    return markdown(["us", *parts], lines)


def peers():
    sides = rows("peers")
    lines = [
        ["an agent step, us", *(one["us"] for one in sides)],
        ["as a multiple of ours", *(one["to_ours"] for one in sides)],
        ["catches from, of 80 starts", *(one["catches"] for one in sides)],
    ]
    return markdown(["", *(one["side"] for one in sides)], lines)


def linkers():
    return markdown(
        ["", "compiling forward, learn, sync: processor seconds", "a learn step: us"],
        [[one["side"], one["compile_s"], one["us"]] for one in rows("linkers")],
    )


def learn():
    """A line for each side on each kind of processor; in brackets, the ratio to ours."""
    batch = {"work": "learn, batch 32"}
    columns = {  # heading: (file, unit, its rows)
        "Catch, us": ("learn", "us", {"optimiser": "adam"}),
        "batch 1,024, us": ("growth", "us", {"growing": "batch", "size": 1_024}),
        "2,048 hidden, us": ("growth", "us", {"growing": "hidden", "size": 2_048}),
        "board 84 x 84, us": ("growth", "us", {"growing": "board", "size": 84}),
        "2013, ms": ("conv", "ms", {"preset": "pixels", "threads": 1, **batch}),
        "Nature, ms": ("conv", "ms", {"preset": "nature", "threads": 1, **batch}),
        "Nature, 2 threads, ms": ("conv", "ms", {"preset": "nature", "threads": 2, **batch}),
    }
    lines = []
    for place, words in KINDS.items():
        kept = [name for name in BY_PROCESSOR if (FOLDER / place / f"{name}.json").exists()]
        files = {name: read(name, place)["rows"] for name in kept}
        for side in ("ours, numba", "jax.jit by hand", "torch, eager", "its matrix products"):
            cells = []
            for name, unit, where in columns.values():
                sides = {one["side"]: one[unit] for one in chosen(files.get(name, ()), **where)}
                one, ours = sides.get(side), sides.get("ours, numba")
                cells.append(one and with_ratio(one, one / ours))
            if any(cells):
                lines.append([f"{side}; {words}", *cells])
    if not lines:
        read("learn")  # was not measured
    return markdown(["", *columns], lines)


def checkpoint():
    lines, units = [], ("s", "at_work_s", "written_mb", "peak_gb")
    for what in dict.fromkeys(one["what"] for one in rows("checkpoint")):
        found = rows("checkpoint", what=what)
        cells = [[one[unit] for one in found] for unit in units]
        lines.append([what, *(median(cell) if None not in cell else None for cell in cells)])
    game, frames = (found[0][key] for key in ("game", "frames"))
    headings = "seconds", "of them at work", "MB written", "peak memory, GB"
    return markdown([f"{game}, {frames:,} frames", *headings], lines)


def long_run():
    lines = []
    for game in dict.fromkeys(one["game"] for one in rows("long_run") if "game" in one):
        found = rows("long_run", game=game)
        middle, end = found[len(found) // 2 - 1], found[-1]
        units = "agent_steps", "mb", "step_us", "checkpoint_ms"
        lines.append([game, *(f"{text(middle[unit])} to {text(end[unit])}" for unit in units)])
    headings = "agent steps", "memory, MB", "an agent step, us", "a checkpoint, ms"
    return markdown(["", *headings], lines)


# -- several agents -------------------------------------------------------------------------------


def messages():
    lines = []
    for network in dict.fromkeys(one["network"] for one in rows("messages")):
        ms = {
            (one["message"], one["shards"]): one["latency_ms"]
            for one in rows("messages", network=network)
            if "message" in one
        }
        size = row("messages", network=network, message="new", shards=1)["bytes"]
        own = [row("messages", network=network, part=part)["ms"] for part in ("step", "gradient")]
        columns = ("known", 1), ("new", 1), ("push", 1), ("push", 4)
        lines.append([network, size, *own, *(ms[column] for column in columns)])
    pulls = "pull, known version", "pull, new version"
    headings = "agent step", "gradient", *pulls, "push", "push to 4 servers"
    return markdown(["network", "bytes", *headings], lines)


def gorila():
    lines = []
    drivers = list(dict.fromkeys(one["driver"] for one in rows("gorila")))
    for bundles in dict.fromkeys(one["bundles"] for one in rows("gorila")):
        line = [bundles]
        for driver in drivers:
            found = rows("gorila", driver=driver, bundles=bundles)
            steps = [one["agent_steps"] for one in found]
            line.append(f"{text(int(median(steps)))} ({min(steps):,} to {max(steps):,})")
            if driver == "Ray":
                line.append(median(one["s"] for one in found))
        lines.append(line)
    seconds = ["on Ray: seconds"] * ("Ray" in drivers)
    where = {"scheduler": "in the scheduler", "Ray": "on Ray"}
    return markdown(["bundles", *(where[driver] for driver in drivers), *seconds], lines)


def gorila_model():
    lines = []
    for full in rows("gorila_model"):
        if "full_at" not in full:
            continue
        setup = {key: full[key] for key in ("network", "pull_every")}
        one = row("gorila_model", **setup, bundles=100, shards=31)
        cells = one["steps"], one["updates"], one["behind"], f"{one['dropped']:.0%}"
        lines.append([*full.values(), *cells])
    headings = "network", "agent steps a pull", "one server is full with", "agent steps a second"
    more = "updates a second", "versions behind", "gradients dropped"
    return markdown([*headings, *more], lines)


# -- exercises ------------------------------------------------------------------------------------


def printed(exercise, headings, columns=slice(None)):
    """-> a table of the lines of numbers that an exercise prints."""
    found = [one for one in rows("exercises", exercise=exercise) if "what" in one]
    return markdown(headings, [[one["what"], *one["values"].split()[columns]] for one in found])


def autoencoder():
    """Training and test alternate in a line."""
    headings = "squared error of a test digit", "code of 2", "4", "8", "16"
    return printed("autoencoder", headings, slice(1, None, 2))


def denoising_autoencoder():
    return printed("denoising_autoencoder", ["", "squared error of a corrupted test digit"])


def stacked_denoising_autoencoders():
    headings = "median test error of seeds 0 to 9", "50 labels", "100", "200"
    return printed("stacked_denoising_autoencoders", headings)


def convolutional_autoencoder():
    return printed("convolutional_autoencoder", ["squared error of a frame", "training", "test"])


TABLES = {
    make.__name__: make
    for make in (
        *(machine, summary, start, step, peers, linkers, learn, checkpoint, long_run),
        *(messages, gorila, gorila_model),
        *(autoencoder, denoising_autoencoder),
        *(stacked_denoising_autoencoders, convolutional_autoencoder),
    )
}


# -- figures in sentences -------------------------------------------------------------------------


def solved_after(kind="dense"):
    """-> agent steps until the game is solved, of each seed"""
    return [one["agent_steps"] for one in rows("seeds", kind=kind)]


def trainings():
    return [one for one in rows("long_run") if "trainings" in one]


def modelled():
    """-> agent steps a second of the model of Gorila as multiples of the real ones"""
    return [one["model_steps"] / one["real_steps"] for one in rows("gorila_check")]


def test_error(exercise):
    return row("exercises", exercise=exercise, what="test error")["values"]


def seconds():
    """-> processor seconds of each exercise"""
    return [one["s"] for one in rows("exercises") if "s" in one]


def learning(start):
    """-> seconds from the compiled functions to the second perfect evaluation"""
    return float(start["second_perfect_s"] - start["compiling_s"])


def memory_gb(preset, side):
    """-> the size of a preset's replay memory of square frames, in GB"""
    return f"{PRESETS[preset]['memory_size'] * side**2 / 1e9:.1f}"


FIGURES = {
    "step.rate": lambda: f"{1e6 / row('step', game='Catch', part='the whole loop')['us']:,.0f}",
    "start.cold": lambda: text(row("start", compile_cache="cold")["exit_s"]),
    "start.warm": lambda: text(row("start", compile_cache="warm")["exit_s"]),
    "start.learning": lambda: text(learning(row("start", compile_cache="warm"))),
    "memory.atari": lambda: memory_gb("atari", ATARI_FRAME_SIZE),
    "memory.nature": lambda: memory_gb("nature", 84),
    "seeds.seeds": lambda: text(len(solved_after())),
    "seeds.least": lambda: text(min(solved_after())),
    "seeds.most": lambda: text(max(solved_after())),
    "seeds.rmsprop_least": lambda: text(min(solved_after("paper's optimiser"))),
    "seeds.rmsprop_most": lambda: text(max(solved_after("paper's optimiser"))),
    "seeds.cartpole_least": lambda: text(min(solved_after("CartPole"))),
    "seeds.cartpole_most": lambda: text(max(solved_after("CartPole"))),
    "seeds.mountain_most": lambda: text(max(solved_after("MountainCar"))),
    "long_run.few": lambda: text(trainings()[0]["trainings"]),
    "long_run.few_mb": lambda: f"{trainings()[0]['mb']:.0f}",
    "long_run.trainings": lambda: text(trainings()[-1]["trainings"]),
    "long_run.mb": lambda: f"{trainings()[-1]['mb']:.0f}",
    "long_run.files": lambda: text(trainings()[-1]["open_files"]),
    "exercises.least": lambda: f"{min(seconds()):.0f}",
    "exercises.most": lambda: f"{max(seconds()):.0f}",
    "logistic_regression.test": lambda: test_error("logistic_regression"),
    "mlp.test": lambda: test_error("mlp"),
    "gorila_check.least": lambda: f"{min(modelled()):.2f}",
    "gorila_check.most": lambda: f"{max(modelled()):.2f}",
    "gorila.seeds": lambda: str(len(rows("gorila", driver="scheduler", bundles=1))),
}
