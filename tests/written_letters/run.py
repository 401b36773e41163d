"""Every letter in every form through the real examination, in this process."""

from services.sign.examine import examine_mail
from services.sign.trust import TrustStore
from tests.written_letters import makers
from tests.written_letters.corpus import STYLES, Form, WrittenLetter, letters
from tests.written_letters.paper import BodyStyle
from tests.written_letters.score import Score

NOON = 1_780_000_000_000_000_000


Variant = tuple[BodyStyle | None, makers.Damage | None]


def read_all(only: Form | None = None, begins: str = "", *, every: bool = False) -> Score:
    """What the parser makes of them; with `every`, in every style of pasting and with every damage."""
    score = Score()
    for letter in letters():
        if letter.id.startswith(begins):
            for form in letter.forms:
                if only is None or form == only:
                    for style, damage in _variants(letter, form) if every else [(None, None)]:
                        _read(letter, form, score, style, damage)
    return score


def _variants(letter: WrittenLetter, form: Form) -> list[Variant]:
    if form == "damaged":
        return [(None, damage) for damage in makers.DAMAGES]
    if form == "body" and letter.body is None:
        return [(style, None) for style in STYLES]
    return [(None, None)]


def _read(
    letter: WrittenLetter, form: Form, score: Score, style: BodyStyle | None, damage: makers.Damage | None
) -> None:
    octets = letter.octets(form, style, damage)
    found = examine_mail(octets, trust=TrustStore(), now_ns=NOON, software="test")
    failed = [said for said in found.warnings if said.code in ("examination_failed", "resource_limit")]
    assert not failed, (letter.id, form, failed)
    score.add(letter, form, found.particulars, style or damage or letter.variant(form))
