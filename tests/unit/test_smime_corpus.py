"""Every mail of the corpus, judged as its clause says (tests/corpus_smime)."""

import time

import pytest

from contracts.findings import Findings, SignatureVerdict
from services.sign import examine, trust
from tests.corpus_smime.case import Case, Expected
from tests.corpus_smime.cases import CASES
from tests.corpus_smime.world import World


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
