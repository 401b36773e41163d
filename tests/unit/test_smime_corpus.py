"""Every mail of the corpus, judged as its clause says (tests/corpus_smime)."""

import time
from pathlib import Path

import pytest

from contracts.findings import Findings, SignatureVerdict
from services.sign import examine, trust
from tests.corpus_smime import openssl
from tests.corpus_smime.case import Case, Expected
from tests.corpus_smime.cases import CASES
from tests.corpus_smime.world import World

README = Path(openssl.__file__).with_name("README.md")


@pytest.fixture(scope="module")
def world() -> World:
    return World()


def _seen(said: SignatureVerdict | Expected) -> tuple[str | None, str, str, str]:
    return said.indication, said.sub_indication or "", said.coverage, said.part


def judged(octets: bytes, world: World) -> Findings:
    return examine.examine_mail(octets, trust=trust.of([world.root.der]), now_ns=time.time_ns(), software="test")


def test_there_are_enough_and_each_has_a_name_of_its_own() -> None:
    assert len(CASES) >= 60
    assert len({case.name for case in CASES}) == len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_as_the_clause_says(case: Case, world: World) -> None:
    found = judged(case.make(world), world)
    # Signers that sign side by side stand in the order of their octets (a SET), so the order is no property.
    assert sorted(map(_seen, found.signatures)) == sorted(map(_seen, case.verdicts))
    assert all(said.kind == "smime" for said in found.signatures)
    codes = {said.code for said in found.warnings}
    assert sorted(codes) == list(case.warnings)
    if case.files is not None:
        assert tuple(file.name for file in found.attachments) == case.files


@pytest.mark.slow
@pytest.mark.system("openssl")
def test_openssl_agrees_but_where_the_table_says_why(world: World, tmp_path: Path) -> None:
    """A disagreement that is not in the README fails, and so does a row that does not disagree any more."""
    anchor = tmp_path / "root.pem"
    anchor.write_bytes(world.root.pem)
    differing = {}
    for case in CASES:
        mail = tmp_path / f"{case.name}.eml"
        mail.write_bytes(openssl.askable(case.make(world)))
        ours = "good" if case.verdicts and all(said.sub_indication is None for said in case.verdicts) else "bad"
        theirs = [openssl.answer(tool, mail, anchor) for tool in openssl.TOOLS]
        if theirs != [ours, ours]:
            differing[case.name] = (ours, *theirs)
    explained = {}
    for line in README.read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if len(cells) == 5 and cells[1] in ("good", "bad"):
            name, *answers, why = cells
            assert why, name
            explained[name] = tuple(answers)
    assert differing == explained
