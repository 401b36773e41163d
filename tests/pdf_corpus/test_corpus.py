"""Every file of the corpus gets the verdict that its clause says; `pdfsig` agrees, but for what README.md explains."""

import itertools
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

from contracts.findings import SignatureVerdict
from services.sign import signatures, trust
from tests.pdf_corpus import cases_certificates, cases_changes, cases_cms, cases_levels, people
from tests.pdf_corpus.authorities import Desk, whole_second
from tests.pdf_corpus.case import NOT_CHECKED, Expected, World
from tests.pdf_corpus.making import Maker
from tests.pdf_corpus.pdfsig import Pdfsig, Said

CASES = (*cases_levels.CASES, *cases_certificates.CASES, *cases_cms.CASES, *cases_changes.CASES)
README = Path(__file__).parent / "README.md"
_ROW = re.compile(r"^\| `([^`]+)` #(\d+) \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$", re.MULTILINE)

pytestmark = pytest.mark.slow


class Corpus(NamedTuple):
    """The files and what was found in each."""

    desk: Desk
    folder: Path
    found: dict[str, list[SignatureVerdict] | None]
    """None: the file cannot be read, though it seems signed."""


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Corpus]:
    """All files, made and judged once."""
    folder = tmp_path_factory.mktemp("corpus")
    desk = Desk(whole_second())
    people.settle(desk)
    store = trust.of([desk.holders["Root"].der])
    found: dict[str, list[SignatureVerdict] | None] = {}
    for case in CASES:
        desk.moment, desk.fault = desk.now, ""
        pdf = case.make(World(Maker(desk), desk.holders))
        (folder / f"{case.name}.pdf").write_bytes(pdf)
        try:
            found[case.name] = signatures.judge(pdf, case.name, store, desk.now)
        except signatures.UnreadableSignatureError:
            found[case.name] = None
    desk.moment = desk.now
    yield Corpus(desk, folder, found)
    desk.close()


def seen(verdict: SignatureVerdict) -> Expected:
    revision = f"{verdict.revision}/{verdict.revisions}" if verdict.revision else "-"
    return Expected(
        verdict.indication or "",
        verdict.sub_indication,
        verdict.coverage,
        revision,
        verdict.level,
        verdict.time_source,
    )


def test_the_verdicts_are_the_clauses(corpus: Corpus) -> None:
    """All files in one test: they are made together, and by one process however many run the suite."""
    wrong = {}
    for case in CASES:
        found = corpus.found[case.name]
        got = (NOT_CHECKED,) if found is None else tuple(seen(each) for each in found)
        if got != case.expected:
            wrong[case.name] = (case.clause, case.expected, got)
    assert wrong == {}
    services_were_asked(corpus.desk)
    sentences_are_plain(corpus)


def test_each_file_has_a_name_and_a_clause_of_its_own() -> None:
    assert len(CASES) >= 120
    assert len({case.name for case in CASES}) == len(CASES)
    assert all(re.match(r"(\d|EN 319|ISO|no signature)", case.clause) for case in CASES)


def test_every_way_to_change_a_file_is_seen() -> None:
    """What was changed, hidden or left out is never a pass over the whole file, by the table itself."""
    attacks = (*cases_changes.SHADOW, *cases_changes.EXCLUSION, *cases_changes.FRAMES)
    harmless = {"line-end-appended"}
    for case in attacks:
        first = case.expected[0]
        assert case.name in harmless or (first.indication, first.coverage) != ("TOTAL-PASSED", "whole"), case.name


def services_were_asked(desk: Desk) -> None:
    """What the files carry came over HTTP."""
    assert {question.split("/")[0] for question in desk.asked} == {"ocsp", "crl", "tsa"}
    assert len(desk.asked) > 150


def sentences_are_plain(corpus: Corpus) -> None:
    """In Thai, without the standard's words, and no two verdicts of different meaning share one."""
    sentences: dict[str, set[tuple[str | None, bool]]] = {}
    for verdict in itertools.chain.from_iterable(found for found in corpus.found.values() if found):
        assert not re.search(r"[A-Z]{3}_|INDETERMINATE|TOTAL", verdict.explanation)
        assert "ตรวจไม่ได้ข้อสรุป" not in verdict.explanation, verdict.sub_indication
        sentences.setdefault(verdict.explanation, set()).add((verdict.indication, "ระวัง" in verdict.explanation))
    assert all(len(meanings) == 1 for meanings in sentences.values())


def ours(verdict: SignatureVerdict) -> tuple[str, bool]:
    """The verdict in the words of the comparison."""
    if verdict.indication == "TOTAL-PASSED":
        word = "passed"
    else:
        broken = verdict.sub_indication in ("HASH_FAILURE", "SIG_CRYPTO_FAILURE", "FORMAT_FAILURE")
        word = "broken" if broken else "not passed"
    return word, verdict.coverage == "whole"


def word(verdict: str, *, whole: bool) -> str:
    return f"{verdict}, {'whole file' if whole else 'a part'}"


def disagreements(found: list[SignatureVerdict], said: list[Said]) -> dict[int, tuple[str, str]]:
    """Number of the signature, what pdfsig says, what we say. What pdfsig cannot judge is left out."""
    differ: dict[int, tuple[str, str]] = {}
    for number, (verdict, other) in enumerate(itertools.zip_longest(found, said), 1):
        if verdict is None or other is None:
            here = "no signature" if verdict is None else word(*ours(verdict)[:1], whole=ours(verdict)[1])
            there = "no signature" if other is None else word(other.verdict, whole=other.whole)
            differ[number] = (there, here)
        elif other.verdict != "-" and (other.verdict, other.whole) != ours(verdict):
            differ[number] = (word(other.verdict, whole=other.whole), word(ours(verdict)[0], whole=ours(verdict)[1]))
    return differ


@pytest.mark.system("poppler-utils", "libnss3-tools")
def test_pdfsig_agrees_but_for_what_is_explained(corpus: Corpus, tmp_path: Path) -> None:
    """Each disagreement has its row in README.md, with what both say; a row without a disagreement is wrong too."""
    program = Pdfsig(tmp_path / "nss", corpus.desk.holders["Root"].der)
    with ThreadPoolExecutor(2) as pool:
        said = dict(
            zip(
                corpus.found,
                pool.map(program.signatures, [corpus.folder / f"{name}.pdf" for name in corpus.found]),
                strict=True,
            )
        )
    real = {
        (name, number): both
        for name, found in corpus.found.items()
        for number, both in disagreements(found or [], said[name]).items()
    }
    explained = {
        (name, int(number)): (there.strip(), here.strip())
        for name, number, there, here, why in _ROW.findall(README.read_text(encoding="utf-8"))
        if why.strip()
    }
    assert real == explained
    judged = sum(other.verdict != "-" for each in said.values() for other in each)
    assert judged >= 150
