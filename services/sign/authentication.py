"""SPF, DKIM, DMARC and ARC of a letter, in the words of RFC 8601. Runs in the child; the parent asks the DNS for it."""

from datetime import datetime

from contracts.findings import Authentication
from contracts.mail import MailReceived
from services.sign.dkim_result import arc_result, dkim_result
from services.sign.dmarc_result import dmarc_result
from services.sign.mail_domains import ascii_domain, author_domain, organizational_domain
from services.sign.questions import Ask
from services.sign.spf_result import spf_result


def authenticate(octets: bytes, received: MailReceived, ask: Ask) -> Authentication:
    """What the letter's sender can show. A DNS that does not answer is a temperror."""
    received_at = datetime.fromisoformat(received.received_at).timestamp()
    author, written = author_domain(octets)
    spf_says = spf_result(received, ask)
    dkim_says = dkim_result(octets, received_at, ask)
    dmarc = dmarc_result(author, written, spf_says, dkim_says, ask)
    arc = arc_result(octets, received_at, ask)
    return Authentication(
        spf=spf_says[0],
        spf_domain=spf_says[1],
        dkim=dkim_says[0],
        dkim_domains=dkim_says[1],
        dmarc=dmarc.result,
        dmarc_policy=dmarc.policy,
        author_domain=author,
        arc=arc.state,
        arc_domain=arc.domain,
        arc_results=arc.results,
    )


__all__ = ["ascii_domain", "authenticate", "organizational_domain"]
