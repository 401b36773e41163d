"""The agency of the first start: an example to write to, complete enough to show everything."""

from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from contracts.directory import Agency, Dkim, Domain, Duty, Mailbox, Officer, SealOwner
from services.commands.state import write_private

DOMAIN = "demo.localhost"
"""RFC 6761 keeps .localhost: no letter for it ever leaves this machine."""
ADDRESS = f"saraban@{DOMAIN}"
SELECTOR = "saraban"

AGENCY = Agency(
    id="demo",
    name="สำนักงานตัวอย่าง",
    domains=(Domain(name=DOMAIN, mode="only"),),
    addresses=(ADDRESS,),
    officers=(
        Officer(
            id="somjai", name="นางสาวสมใจ รักงาน", position="เจ้าพนักงานธุรการชำนาญงาน", telephone="0 2000 0000 ต่อ 101"
        ),
        Officer(id="mana", name="นายมานะ เพียรดี", position="นักจัดการงานทั่วไปปฏิบัติการ", telephone="0 2000 0000 ต่อ 102"),
    ),
    roster=(Duty(officer="somjai", weekdays=(0, 1, 2)), Duty(officer="mana")),
    number_format="สตย ร/{year_th}/{number_th}",
    mailboxes=(Mailbox(address=f"officer@{DOMAIN}"),),
    registrar=f"registrar@{DOMAIN}",
    dkim=Dkim(domain=DOMAIN, selector=SELECTOR),
    seal=SealOwner(kind="test"),
)


def make_dkim_key(folder: Path) -> None:
    """A DKIM key for the demo domain, unless there is one."""
    folder.mkdir(mode=0o700, exist_ok=True)
    path = folder / f"{DOMAIN}.{SELECTOR}.pem"
    if path.exists():
        return
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )
    write_private(path, pem)
