import hashlib
import hmac

from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from flows.credentials.fingerprint import FingerprintKey
from flows.credentials.references import Secret

KEY = FingerprintKey(b"0123456789abcdef")
PLACE = ("7928d5b5-7442-4a97-a02d-66f9a9972ec0", "0f1e2d3c-aaaa-4000-8000-000000000001", "SecretToken")
VALUE = 'hunter2"+/é'


def secret(value, version=None):
    return Secret(SecretStr(value), version)


def fingerprint(*place, value=VALUE, version=None, key=KEY):
    return key.fingerprint(*(place or PLACE), secret(value, version))


def test_it_is_an_hmac_over_length_prefixed_parts():
    parts = ["entra-fleet credential fingerprint 1", "credential", *PLACE, "value", VALUE]
    message = b"".join(len(part.encode()).to_bytes(8, "big") + part.encode() for part in parts)
    expected = hmac.new(b"0123456789abcdef", message, hashlib.sha256).hexdigest()
    assert fingerprint().partition(":")[2] == expected


def test_the_same_secret_has_the_same_fingerprint_whatever_the_case_of_the_ids():
    assert fingerprint() == fingerprint(PLACE[0].upper(), PLACE[1].upper(), PLACE[2])
    assert not KEY.differs(fingerprint(), fingerprint())


def test_each_part_makes_a_difference():
    others = [
        fingerprint("other", *PLACE[1:]),
        fingerprint(PLACE[0], "other", PLACE[2]),
        fingerprint(*PLACE[:2], "Password"),
        fingerprint(value="other"),
        fingerprint(version="v1"),
        fingerprint(version="v2"),
        fingerprint(value="v1"),
    ]
    assert len({fingerprint(), *others}) == 8
    assert all(KEY.differs(fingerprint(), each) for each in others)


def test_a_version_stands_for_its_value():
    assert fingerprint(value="one", version="v1") == fingerprint(value="two", version="v1")


def test_a_fingerprint_made_with_another_key_shows_no_change():
    other = FingerprintKey(b"fedcba9876543210")
    theirs = fingerprint(key=other)
    assert theirs.partition(":")[2] != fingerprint().partition(":")[2]
    assert not KEY.differs(theirs, fingerprint())
    assert not KEY.differs(theirs, fingerprint(value="other"))


def test_neither_key_nor_value_shows():
    shown = f"{KEY!r} {fingerprint()} {KEY}"
    assert "hunter2" not in shown
    assert "0123456789abcdef" not in shown
    assert b"0123456789abcdef".hex() not in shown


@given(*(st.tuples(st.text(), st.text(), st.text(), st.text(min_size=1)) for _ in range(2)))
def test_no_two_places_and_values_share_a_fingerprint(one, other):
    def folded(parts):
        return (parts[0].lower(), parts[1].lower(), *parts[2:])

    same = fingerprint(*one[:3], value=one[3]) == fingerprint(*other[:3], value=other[3])
    assert same == (folded(one) == folded(other))


@given(st.lists(st.text(min_size=1), min_size=4, max_size=4), st.integers(0, 2))
def test_a_part_that_moves_over_a_border_changes_the_fingerprint(parts, at):
    moved = [*parts]
    moved[at], moved[at + 1] = parts[at] + parts[at + 1][:1], parts[at + 1][1:]
    assert fingerprint(*parts[:3], value=parts[3]) != fingerprint(*moved[:3], value=moved[3] or "")
