"""The pages: their figures are those of the kept rows, their pictures have a text, their words are
few, and their links lead from README down.
"""

import re

import pytest

from dqn_symbolic.experiments import runner
from tests import experiment_rows, pages
from tests.benchmarks import results

EVERY = [*pages.EVERY, results.ROOT / ".github" / "CONTRIBUTING.md"]
PAGES = pages.pages()
MOST_WORDS = 10_000


def name_of(path):
    return str(path.relative_to(results.ROOT))


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_the_tables_and_figures_of_a_page_are_those_of_the_files(page):
    """Otherwise: python -m tests.pages"""
    assert pages.made(page.read_text()) == page.read_text()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_marker_is_known(page):
    text = page.read_text()
    marked = re.findall(r"<!-- table: (\S+) -->", text)
    assert marked == [name for _, name, _ in pages.TABLE.findall(text)]
    assert set(marked) <= set(pages.TABLES)
    assert len(marked) == text.count("<!-- end -->")
    figures = re.findall(r"<!-- (\w+\.\w+) -->", text)
    assert figures == [name for _, name in pages.FIGURE.findall(text)]
    assert "?<!--" not in text
    assert set(figures) <= set(pages.FIGURES)


def test_what_is_measured_is_made():
    rooms = "environments", "exercises", "experiments", "gorila"
    made = {"tests/benchmarks/README.md", *(f"dqn_symbolic/{room}/README.md" for room in rooms)}
    assert made <= {name_of(page) for page in PAGES}


def test_another_figure_is_noticed(monkeypatch, tmp_path):
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    results.keep("seeds", [{"kind": "dense", "agent_steps": 3_500}], folder=tmp_path)
    results.keep("linkers", [{"side": "ours", "compile_s": 4.0, "us": 72.5}], folder=tmp_path)
    table = "| ours | 4.00 | 72.5 |\n<!-- end -->"
    page = "<!-- seeds.least --> steps\n\n<!-- table: linkers -->\n"
    made = pages.made(f"12,345{page}| 7 |\n<!-- end -->\n")
    assert made.startswith(f"3,500{page}|  | compiling")
    assert made.endswith(f"|\n{table}\n")
    assert pages.made(made) == made
    with pytest.raises(KeyError):
        pages.made("7<!-- seeds.other -->")


def test_a_table_without_a_file_names_the_command(monkeypatch, tmp_path):
    monkeypatch.setattr(results, "FOLDER", tmp_path)
    monkeypatch.setattr(experiment_rows, "ROWS", tmp_path)
    monkeypatch.setattr(experiment_rows, "rows", experiment_rows.rows.__wrapped__)
    assert pages.table("peers") == "Not measured yet: `python -m tests.benchmarks peers`."
    assert pages.table("pong") == "Not measured yet: `python run_catch.py compare pong`."


# -- the rows of experiments -----------------------------------------------------------------------


def test_kept_rows_are_those_of_compare(tmp_path, monkeypatch):
    kept = [{"condition": "dqn-4", "seed": 0, "agent_steps": 250, "loss": 1.5e-07, "weights": "a1"}]
    kept += [{"condition": "dqn-6", "seed": 1, "noise_at": 0}]
    (tmp_path / "deep-sea.csv").write_text(runner.csv_text(kept))
    monkeypatch.setattr(experiment_rows, "ROWS", tmp_path)
    assert experiment_rows.rows.__wrapped__("deep-sea") == kept
    with pytest.raises(FileNotFoundError):
        experiment_rows.rows.__wrapped__("stages")


@pytest.mark.parametrize("name", runner.ALL)
def test_a_picture_is_drawn_from_the_rows_that_are_kept(name):
    """Otherwise: python -m tests.pages"""
    picture = experiment_rows.PICTURES / f"{name}.png"
    assert experiment_rows.rows_of(picture) == experiment_rows.mark(experiment_rows.path_of(name))


@pytest.mark.parametrize("name", sorted({*runner.ALL} - {"games"}))
def test_every_condition_and_seed_is_kept(name):
    kept = {(row["condition"], row["seed"]) for row in experiment_rows.rows(name)}
    assert kept == {(condition, seed) for _, condition, _, seed in runner.jobs(name, False)}


def test_figures_of_rows_made_by_hand(monkeypatch):
    solved = {"mlp-relu-glorot-sgd": 100, "mlp-tanh-glorot-sgd": 250, "mlp-relu-glorot-adam": 90}
    rows = [
        {"condition": name, "seed": seed, "solved": 1, "agent_steps": steps + 10 * seed}
        for name, steps in (solved | {"mlp-tanh-glorot-adam": 99}).items()
        for seed in range(3)
    ]
    rows[-1]["solved"] = rows[-2]["solved"] = 0  # the median was not solved, so it has no ratio
    rows += [
        {"condition": "seen-4", "seed": seed, "agent_steps": steps, "catch_rate": rate}
        for seed, rates in enumerate([(0.5, 0.9), (0.9, 0.95), (0.2, 0.9)])
        for steps, rate in zip((250, 500), rates)
    ]
    of = {"initialisation": rows[:12], "late-rewards": rows[12:]}
    monkeypatch.setattr(experiment_rows, "rows", of.__getitem__)
    assert experiment_rows.slower("-tanh-", "-relu-") == f"{260 / 110:.1f}"
    assert experiment_rows.first_at("late-rewards", "seen-4", 0.9) == 500
    assert experiment_rows.first_at("late-rewards", "seen-4", 0.5) == 250


# -- words, pictures, links ------------------------------------------------------------------------


def words(page):
    """-> the number of words and numbers, with those of tables and code, without comments."""
    return counted(re.sub(r"<!--.*?-->", "", page.read_text(), flags=re.DOTALL))


def words_outside_tables(page):
    return counted(pages.TABLE.sub("", (results.ROOT / page).read_text()))


def counted(text):
    return len(re.findall(r"\S*\w\S*", text))


def test_the_pages_are_short():
    assert sum(map(words, EVERY)) <= MOST_WORDS
    page = "tests/benchmarks/README.md"
    assert len((results.ROOT / page).read_text().splitlines()) <= 100
    assert words_outside_tables(page) <= 700
    assert words_outside_tables("dqn_symbolic/gorila/README.md") <= 1_200


def test_every_picture_has_a_text():
    for page in EVERY:
        text = page.read_text()
        alternatives = re.findall(r"!\[(.*?)\]\(", text, re.DOTALL)
        alternatives += re.findall('alt="(.*?)"', text)
        assert len(alternatives) == text.count("![") + text.count("<img")
        assert all(len(alternative) > 25 for alternative in alternatives), page


def test_links_between_pages_lead_down():
    """No page leads back to one that leads to it."""
    known = {page.resolve(): page for page in EVERY}
    leads = {}
    for page in EVERY:
        links = re.findall(r"\]\(([^)#:]+\.md)", page.read_text())
        leads[page] = {known[(page.parent / link).resolve()] for link in links}
    while leads:  # leaves first
        leaves = [page for page, others in leads.items() if not others & leads.keys()]
        assert leaves, {name_of(page): [*map(name_of, others)] for page, others in leads.items()}
        for page in leaves:
            del leads[page]
