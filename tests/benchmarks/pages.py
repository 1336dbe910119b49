"""The tables and figures of the pages, made from what the benchmarks have kept.

In a page, a table stands between two lines, and a figure in a sentence before its name:

    <!-- table: NAME -->
    | ... |
    <!-- end -->

    The learn step takes 48%<!-- step.learn --> of this time.
"""

import re
from pathlib import Path
from statistics import median

from dqn_symbolic.guard.files import write_text
from tests.benchmarks.results import BY_PROCESSOR, FOLDER, KINDS, ROOT, chosen, kind, markdown, read
from tests.benchmarks.results import number as text

TABLE = re.compile(r"(<!-- table: (\S+) -->\n).*?(<!-- end -->)", re.DOTALL)
FIGURE = re.compile(r"[^\s<>]+(<!-- (\w+\.\w+) -->)")


def pages():
    """-> the pages that have a table or a figure."""
    every = [ROOT / "README.md", *ROOT.glob("dqn_symbolic/**/*.md"), *ROOT.glob("tests/**/*.md")]
    return [page for page in every if TABLE.search(t := page.read_text()) or FIGURE.search(t)]


def write():
    """Makes all of them, and says which pages were changed."""
    for page in pages():
        if (new := made(old := page.read_text())) != old:
            write_text(page, new)
            print(f"{page.relative_to(ROOT)}: new tables")


def made(page):
    """-> the text of a page with the tables and figures of now. KeyError: an unknown name"""
    page = TABLE.sub(lambda found: f"{found[1]}{table(found[2])}\n{found[3]}", page)
    return FIGURE.sub(lambda found: figure(found[2]) + found[1], page)


def table(name):
    make = TABLES[name]
    try:
        return make()
    except FileNotFoundError as missing:
        name = Path(missing.filename).stem
        return f"Not measured yet: `python -m tests.benchmarks {name}`."


def figure(name):
    make = FIGURES[name]
    try:
        return make()
    except FileNotFoundError:
        return "?"


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
    return [one for one in found if not one["side"].startswith(("ours", "its "))]


def with_ratio(value, ratio):
    return f"{text(value)} ({text(float(ratio))})"


# -- how fast it is -------------------------------------------------------------------------------


def machine():
    """A line for each state of the code and each machine that the figures come from."""
    groups, versions = {}, {}
    for path in sorted(FOLDER.glob("**/*.json")):
        made = read(path.stem, path.parent.relative_to(FOLDER))
        simd = KINDS[kind(made)]
        where = f"{made['processor']}, {made['cores']} cores, {simd}", made["commit"]
        groups.setdefault(where, []).append((path.stem, made["date"]))
        for package, version in made["versions"].items():
            versions.setdefault(package, {})[version] = True
    lines = []
    for where, files in groups.items():
        dates = sorted({date for _, date in files})
        names = "all" if len(groups) == 1 else ", ".join(name for name, _ in files)
        lines.append([names, *where, " to ".join(sorted({dates[0], dates[-1]}))])
    text = ", ".join(f"{package} {' / '.join(found)}" for package, found in versions.items())
    return f"{markdown(['figures', 'processor', 'commit', 'date'], lines)}\n\n{text}."


def summary():
    def sides(unit, name, side, **where):
        """-> {side: value}, ours first"""
        found = rows(name, **where)
        ours = next(one for one in found if one["side"] == side)
        return {one["side"]: one[unit] for one in [ours, *others(found)]}

    def conv(threads):
        setup = {"preset": "nature", "threads": threads, "work": "learn, batch 32"}
        return sides("ms", "conv", "ours, numba", **setup)

    def pong(unit):
        return sides(unit, "replay", "ours", x="84 x 84 x 4", capacity=10_000)

    def launch():
        return {"ours": row("start", compile_cache="warm")["first_perfect_s"]}

    def solved():
        steps = [one["agent_steps"] for one in rows("seeds", network="dense")]
        return {"ours": int(median(steps))}

    quantities = [
        ("from the launch to perfect play of Catch, s", "start", launch),
        ("agent steps until Catch is solved, median", "seeds", solved),
        ("an agent step of Catch, us", "peers", lambda: sides("us", "peers", "ours")),
        (
            *("a learn step of Catch, us", "learn"),
            lambda: sides("us", "learn", "ours, numba", optimiser="adam"),
        ),
        ("a learn step of the Nature network, ms", "conv", lambda: conv(1)),
        ("the same on two threads, ms", "conv", lambda: conv(2)),
        (
            *("an agent step of Pong, Nature network, us", "pong"),
            lambda: sides("us", "pong", "ours", threads=1),
        ),
        ("sampling 32 stacks of 4 frames, us", "replay", lambda: pong("sample_us")),
        ("a step in the replay memory of Pong, bytes", "replay", lambda: pong("bytes")),
        (
            *("compiling from empty caches, processor s", "linkers"),
            lambda: sides("compile_s", "linkers", "ours, numba"),
        ),
    ]
    lines = []
    for quantity, name, values in quantities:
        try:
            ours, *rest = values().items()
        except FileNotFoundError:
            lines.append([quantity, "not measured", None, None, f"`{name}`"])
            continue
        best, value = min(rest, key=lambda one: one[1], default=(None, None))
        ratio = value / ours[1] if best else None
        other = f"{text(value)} ({best})" if best else None
        lines.append([quantity, ours[1], other, ratio, f"`{name}`"])
    return markdown(["quantity", "ours", "the best other", "ratio", "command"], lines)


def start():
    headings = "compile cache", "imports", "compiled", "first perfect evaluation", "second", "exit"
    return markdown(headings, rows("start"))


def seeds():
    return markdown(
        ["network", "seeds", "median", "least", "most"],
        [
            [network, len(steps), int(median(steps)), min(steps), max(steps)]
            for network in dict.fromkeys(one["network"] for one in rows("seeds"))
            if (steps := [one["agent_steps"] for one in rows("seeds", network=network)])
        ],
    )


def step():
    games = list(dict.fromkeys(one["game"] for one in rows("step")))
    headings = [
        f"{game}: {unit}" for game in games for unit in ("in the loop, us", "share", "alone, us")
    ]
    lines = []
    for part in dict.fromkeys(one["part"] for one in rows("step")):
        of_games = [row("step", part=part, game=game) for game in games]
        cells = [(one["us"], f"{one['share']:.0%}", one["again_us"]) for one in of_games]
        lines.append([part, *(cell for one in cells for cell in one)])
    return markdown(["part", *headings], lines)


def peers():
    return markdown(
        ["", "us an agent step", "/ ours", "catches from, of 80 starts"],
        [[one[key] for key in ("side", "us", "to_ours", "catches")] for one in rows("peers")],
    )


def linkers():
    return markdown(
        ["", "compiling forward, learn, sync: processor seconds", "a learn step: us"],
        [[one["side"], one["compile_s"], one["us"]] for one in rows("linkers")],
    )


def by_processor(name, headings, columns):
    """A line for each side on each kind of processor. columns: the values of each column's rows"""
    lines, unit = [], "us" if name == "learn" else "ms"
    for place, words in KINDS.items():
        if not (FOLDER / place / f"{name}.json").exists():
            continue
        found = read(name, place)["rows"]
        for side in dict.fromkeys(one["side"] for one in chosen(found, **columns[0])):
            cells = [chosen(found, side=side, **column) for column in columns]
            cells = [with_ratio(one[unit], one["to_ours"]) for (one,) in cells]
            lines.append([words, side, *cells])
    return markdown(["", "", *headings], lines)


def learn():
    columns = [{"optimiser": name} for name in ("rmsprop", "adam")]
    return by_processor("learn", ["RMSprop, us", "Adam, us"], columns)


def conv():
    headings, columns = [], []
    for preset, words in (("pixels", "2013"), ("nature", "Nature")):
        for threads in (1, 2):
            headings.append(f"{words}, {threads} thread{'s' * (threads > 1)}, ms")
            columns.append({"preset": preset, "threads": threads, "work": "learn, batch 32"})
    return by_processor("conv", headings, columns)


def growth():
    lines = []
    for growing in dict.fromkeys(one["growing"] for one in rows("growth")):
        of_sides = {}
        for one in rows("growth", growing=growing):
            of_sides.setdefault(one["side"], []).append(one)
        first, last = of_sides["ours, numba"][0], of_sides["ours, numba"][-1]
        line = [growing, *(f"{text(first[key])} to {text(last[key])}" for key in ("size", "us"))]
        torch = of_sides.get("torch, eager")
        for key in ("us", "to_ours"):
            line.append(torch and f"{text(torch[0][key])} to {text(torch[-1][key])}")
        lines.append(line)
    return markdown(["what grows", "size", "ours, us", "torch, us", "torch / ours"], lines)


def replay():
    lines = []
    for x in dict.fromkeys(one["x"] for one in rows("replay")):
        for capacity in (10_000, 1_000_000):
            sides = rows("replay", x=x, capacity=capacity)
            units = "add_us", "sample_us", "bytes"
            cells = (" / ".join(text(one[unit]) for one in sides) for unit in units)
            lines.append([x, capacity, *cells])
    both = " / Stable-Baselines3" * any(others(rows("replay")))
    units = "to add, us", "to sample 32, us", "bytes a step"
    return markdown(["x", "capacity", *(f"{unit}: ours{both}" for unit in units)], lines)


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
        lines += [list(found[len(found) * part // 4 - 1].values()) for part in (1, 2, 4)]
    headings = "agent steps", "memory, MB", "an agent step, us", "a checkpoint, ms"
    return markdown(["", *headings], lines)


def trainings():
    found = [one for one in rows("long_run") if "trainings" in one]
    headings = "trainings in one process", "memory, MB", "open files"
    return markdown(headings, [found[0], found[-1]])


def gpu():
    found = read("gpu", "gpu")["rows"]
    return markdown(
        [found[0]["device"], "batch", "ms an update"],
        [[one["side"], one["batch"], with_ratio(one["ms"], one["to_ours"])] for one in found],
    )


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


def gorila_check():
    lines = []
    for one in rows("gorila_check"):
        ratio = one["model_steps"] / one["real_steps"]
        model = with_ratio(one["model_steps"], ratio)
        behind = float(one["model_behind"]), float(one["real_behind"])
        lines.append([one["network"], one["bundles"], model, one["real_steps"], *behind])
    steps, behind = "agent steps a second", "versions behind"
    headings = f"{steps}: model (/ real)", "real", f"{behind}: model", "real"
    return markdown(["network", "bundles", *headings], lines)


TABLES = {
    make.__name__: make
    for make in (
        *(machine, summary, start, seeds, step, peers, linkers, learn, conv, growth, replay),
        *(checkpoint, long_run, trainings, gpu),
        *(messages, gorila, gorila_model, gorila_check),
    )
}


# -- figures in sentences -------------------------------------------------------------------------


def share(game, part):
    return f"{row('step', game=game, part=part)['share']:.0%}"


FIGURES = {
    "step.learn": lambda: share("Catch", "learn: forward, backward, update"),
    "step.rate": lambda: f"{1e6 / row('step', game='Catch', part='the whole loop')['us']:,.0f}",
    "step.pong": lambda: f"{1e6 / row('step', game='Pong', part='the whole loop')['us']:,.0f}",
    "seeds.seeds": lambda: str(len(rows("seeds", network="dense"))),
    "messages.nature": lambda: text(row("messages", network="Nature", part="gradient")["ms"]),
    "gorila.seeds": lambda: str(len(rows("gorila", driver="scheduler", bundles=1))),
}
