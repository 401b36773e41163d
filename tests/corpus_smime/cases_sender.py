"""Whose certificate it is, against whom the mail says it is from (RFC 8550 section 3)."""

from tests.corpus_smime.case import PASSED, Case
from tests.corpus_smime.mails import SENDER, changed, letter
from tests.corpus_smime.world import World

RULE = "RFC 8550 section 3"


def _case(name: str, how: str, who: str, warnings: tuple[str, ...] = (), clause: str = RULE, **fields: str) -> Case:
    def make(world: World) -> bytes:
        return letter(world.detached(who=getattr(world, who)), changed(**fields))

    return Case(name, how, clause, make, PASSED, warnings)


CASES: tuple[Case, ...] = (
    _case(
        "from-domain-case", "the domain in capitals", "me", From_="somjai@DGA.Example", clause="RFC 5280 section 7.5"
    ),
    _case(
        "from-local-case",
        "the local part in capitals",
        "me",
        ("smime_from_differs",),
        "RFC 5280 section 7.5",
        From_="Somjai@dga.example",
    ),
    _case("from-differs", "another's certificate: a signed mail of somebody else", "other", ("smime_from_differs",)),
    _case("from-subject", "the address in the certificate's subject alone", "by_subject"),
    _case("from-none", "a certificate without an address", "nameless", ("smime_without_address",)),
    _case("from-thai", "SmtpUTF8Mailbox", "thai", clause="RFC 9598 section 5", From_="สมใจ@dga.example"),
    _case(
        "from-idn",
        "the domain in Thai, in the certificate as A-label",
        "domain",
        clause="RFC 9598 section 5",
        From_="somjai@ไทยแลนด์.example",
    ),
    _case(
        "from-two",
        "two authors, of whom one signed",
        "me",
        ("smime_from_differs",),
        From_=f"{SENDER}, boss@dga.example",
    ),
    _case(
        "from-twice",
        "two From lines, the one that is shown another's",
        "me",
        ("smime_from_differs",),
        "RFC 5322 section 3.6",
        From_=f"boss@dga.example\r\nFrom: {SENDER}",
    ),
    _case(
        "from-sender", "the signer stands in Sender", "me", ("smime_sent_for",), From_="boss@dga.example", Sender=SENDER
    ),
    _case(
        "from-name",
        "the signer's address as another's display name",
        "me",
        ("smime_from_differs",),
        From_=f'"{SENDER}" <x@evil.example>',
    ),
    _case(
        "from-encoded-name",
        "the same with the address hidden in an encoded word",
        "me",
        ("smime_from_differs",),
        From_="=?utf-8?Q?somjai=40dga.example=2C?= <x@evil.example>",
    ),
)
