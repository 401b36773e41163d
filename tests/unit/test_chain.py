"""The chain of a book, held against the formula of invariant 7 written out by hand."""

import hashlib

from contracts import chain

BOOK = "register.v1.entered.demo.received.2569"


def test_the_link_before_the_first_message_is_the_digest_of_the_subject() -> None:
    assert chain.first_link(BOOK) == hashlib.sha256(BOOK.encode()).hexdigest()


def test_a_link_is_over_raw_digests_not_their_hex() -> None:
    first, body = chain.first_link(BOOK), '{"number":1,"text":"ที่"}'.encode()
    raw = hashlib.sha256(bytes.fromhex(first) + hashlib.sha256(body).digest())
    assert chain.next_link(first, body) == raw.hexdigest()
    assert (
        chain.next_link(first, body) != hashlib.sha256((first + hashlib.sha256(body).hexdigest()).encode()).hexdigest()
    )


def test_a_known_chain_of_two() -> None:
    """Fixed for ever: a change of the formula would make every receipt of the past unprovable."""
    one = chain.next_link(chain.first_link(BOOK), b"one")
    assert one == "fdda87c0f97d500ab9b114f853fa586ff902f6d4929ff014c2004aae292e024f"
    assert chain.next_link(one, b"two") == "84ba23f8b7827049869dffa1fa7c7a108b05c1127e9f7ab3bf0bc1ac156c3692"


def test_order_and_content_both_count() -> None:
    start = chain.first_link(BOOK)
    there = chain.next_link(chain.next_link(start, b"one"), b"two")
    back = chain.next_link(chain.next_link(start, b"two"), b"one")
    assert len({there, back, chain.next_link(start, b"onetwo"), chain.next_link(start, b"one")}) == 4
