"""Every letter in every form through the real examination, in this process."""

from services.sign.examine import examine_mail
from services.sign.trust import TrustStore
from tests.written_letters.corpus import Form, WrittenLetter, letters
from tests.written_letters.score import Score

NOON = 1_780_000_000_000_000_000


def read_all(only: Form | None = None, letter_id: str | None = None) -> Score:
    """What the parser makes of them."""
    score = Score()
    for letter in letters():
        if letter_id is None or letter.id == letter_id:
            for form in letter.forms:
                if only is None or form == only:
                    _read(letter, form, score)
    return score


def _read(letter: WrittenLetter, form: Form, score: Score) -> None:
    found = examine_mail(letter.octets(form), trust=TrustStore(), now_ns=NOON, software="test")
    failed = [said for said in found.warnings if said.code in ("examination_failed", "resource_limit")]
    assert not failed, (letter.id, form, failed)
    score.add(letter, form, found.particulars)
