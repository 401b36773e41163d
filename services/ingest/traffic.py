"""The traffic log (ข้อมูลจราจรทางคอมพิวเตอร์): who wrote to whom, when, and what was answered."""

from collections.abc import Sequence

from contracts.mail import Peer


class Traffic:
    """One line for each letter, and for each recipient that was refused."""

    def note(
        self,
        peer: Peer,
        sender: str,
        recipients: Sequence[str],
        stage: str,
        reply: str,
        size: int = 0,
        mails: Sequence[str] = (),
    ) -> None:
        """Note what was answered just now."""
