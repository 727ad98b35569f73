"""The pages name only what exists: files, headings, tests and identifiers."""

import re
from pathlib import Path

import pytest

from tools.check_language import tracked_files

ROOT = Path(__file__).parents[2]
FILES = tracked_files(ROOT)
PAGES = [path for path in FILES if path.endswith(".md")]
DECISIONS = [path for path in PAGES if path.startswith("docs/adr/")]
TOP_LEVEL = {path.partition("/")[0] for path in FILES}
TEXTS = {
    path: (ROOT / path).read_text()
    for path in FILES
    if path.endswith((".md", ".py", ".yaml", ".yml", ".toml", ".tf", "Makefile", ".gitignore"))
}
TESTS = "\n".join(text for path, text in TEXTS.items() if path.startswith("tests/"))

EXAMPLES = {"tests/unit/tools/test_check_language.py", "tests/template/test_links.py"}
"""Code that names pages which are examples only."""

PATH = re.compile(r"[\w.-]+(?:/[\w.-]+)*/?")


def prose(path: str) -> str:
    """Return a page without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", TEXTS[path], flags=re.MULTILINE | re.DOTALL)


def anchors(path: str) -> set[str]:
    """Return the anchors that GitHub makes of the headings of a page."""
    return {anchor(heading) for heading in re.findall(r"^#+ (.*)$", prose(path), re.MULTILINE)}


def anchor(heading: str) -> str:
    """Return the anchor that GitHub makes of a heading."""
    return re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-")


def paths(path: str) -> set[str]:
    """Return what a page writes as code and what is a path of this repository, or the bare name of a Python file."""
    spans = set(re.findall(r"`([^`\s]+)`", prose(path)))
    return {
        span
        for span in spans
        if PATH.fullmatch(span) and (span.endswith(".py") or ("/" in span and span.partition("/")[0] in TOP_LEVEL))
    }


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_a_page_has_a_target(page: str) -> None:
    missing = []
    for target in re.findall(r"\]\(([^)\s]+)\)|src(?:set)?=\"([^\"]+)\"", prose(page)):
        path, _, anchor = "".join(target).partition("#")
        if path.startswith(("https:", "http:")):
            continue
        linked = (ROOT / page).parent / path if path else ROOT / page
        name = linked.resolve().relative_to(ROOT.resolve()).as_posix()
        if not linked.exists() or (anchor and anchor not in anchors(name)):
            missing.append("".join(target))
    assert missing == []


def test_the_index_leads_to_every_page_and_each_page_has_one_title() -> None:
    pages = {page for page in PAGES if re.fullmatch(r"docs/[\w-]+\.md", page)} - {"docs/README.md"}
    linked = {f"docs/{link}" for link in re.findall(r"\]\(([\w-]+\.md)\)", TEXTS["docs/README.md"])}
    assert linked == pages
    assert [page for page in pages if len(re.findall(r"^# ", prose(page), re.MULTILINE)) != 1] == []


@pytest.mark.parametrize("page", [page for page in PAGES if page != "CHANGELOG.md"])
def test_every_path_that_a_page_names_exists(page: str) -> None:
    names = {path.rpartition("/")[2] for path in FILES}
    folders = (ROOT, (ROOT / page).parent)
    assert [
        path for path in paths(page) if path not in names and not any((folder / path).exists() for folder in folders)
    ] == []


@pytest.mark.parametrize("page", [page for page in PAGES if page != "CHANGELOG.md"])
def test_every_test_that_a_page_names_exists(page: str) -> None:
    named = re.findall(r"`(test_\w+)`", prose(page))
    assert [name for name in named if not re.search(rf"\b{name}\b", TESTS)] == []


@pytest.mark.parametrize("page", [page for page in PAGES if page != "CHANGELOG.md"])
def test_every_identifier_that_a_page_finds_in_a_file_is_there(page: str) -> None:
    """Such as: `UPDATE_DELAY` of `template.yaml`."""
    named = re.findall(r"`([\w.]+)` (?:of|in)\s+`([\w./-]+\.(?:py|yaml|toml))`", prose(page))
    missing = []
    for identifier, path in named:
        texts = [text for name, text in TEXTS.items() if name == path or name.endswith(f"/{path}")]
        if not any(re.search(rf"\b{identifier.rpartition('.')[2]}\b", text) for text in texts):
            missing.append(f"{identifier} of {path}")
    assert missing == []


PAGE_IN_CODE = r"(?<![\w./-])((?:docs|benchmarks)/(?:[\w-]+\.md|adr/\d{4}[\w-]*(?:\.md)?))"
CODE = {path: text for path, text in TEXTS.items() if not path.endswith(".md") and path not in EXAMPLES}


def test_every_page_that_code_names_exists() -> None:
    """A decision may be named by its number alone."""
    named = {(path, page) for path, text in CODE.items() for page in re.findall(PAGE_IN_CODE, text)}
    assert len(named) > 40
    assert sorted(each for each in named if not any(page.startswith(each[1]) for page in PAGES)) == []


def test_every_heading_that_code_names_is_on_its_page() -> None:
    """Such as: docs/alarms.md, "FailedAccountsAlarm"; or: "Remove the package" in docs/control-tower.md."""
    named = {
        (page, " ".join(heading.split()))
        for text in CODE.values()
        for page, heading in (
            *re.findall(PAGE_IN_CODE + r',\s+"([^"{]+)"', text),
            *(found[::-1] for found in re.findall(r'"([^"{]+)" in ' + PAGE_IN_CODE, text)),
        )
    }
    assert len(named) > 7
    assert sorted(each for each in named if anchor(each[1]) not in anchors(each[0])) == []


def test_decisions_are_numbered_and_have_a_status_and_a_date() -> None:
    numbers = [int(Path(path).name[:4]) for path in DECISIONS]
    assert numbers == list(range(1, len(DECISIONS) + 1))
    for number, path in zip(numbers, DECISIONS, strict=True):
        assert re.match(
            rf"# {number}\. .+\n\n- Status: .+\n- Date: \d{{4}}-\d\d-\d\d\n\n\*\*Context\.\*\* ", TEXTS[path]
        )
