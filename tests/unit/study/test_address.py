"""Where an org may come from: what is read as a path, what as an address, and what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orgruntime.study.address import Address, AddressError, parse_address


def parsed(text: str, *there: str) -> Address:
    return parse_address(text, lambda path: path in there)


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("orgs/solo", Address("orgs/solo")),
        ("orgs/solo@v1", Address("orgs/solo", ref="v1")),
        ("../lab@HEAD~2", Address("../lab", ref="HEAD~2")),
        ("r.git//orgs/solo@feature/x", Address("r.git", "orgs/solo", "feature/x")),
        ("/abs//sub/", Address("/abs", "sub")),
        ("https://host/o/r", Address("https://host/o/r", remote=True)),
        (
            "https://host:8443/o/r.git//orgs/lab@v1.0",
            Address("https://host:8443/o/r.git", "orgs/lab", "v1.0", remote=True),
        ),
        ("HTTPS://host/o/r", Address("https://host/o/r", remote=True)),
        ("ssh://git@host/o/r@main", Address("ssh://git@host/o/r", ref="main", remote=True)),
        ("git://host/r", Address("git://host/r", remote=True)),
        ("git@host:o/r.git//lab@main", Address("git@host:o/r.git", "lab", "main", remote=True)),
        ("file:///srv/r.git//lab@v1", Address("/srv/r.git", "lab", "v1")),
    ],
)
def test_it_is_read_as(text, address):
    assert parsed(text) == address


def test_a_folder_with_an_at_sign_in_its_name_is_a_folder():
    assert parsed("lab@v1", "lab@v1") == Address("lab@v1")
    assert parsed("a@b:c", "a@b:c") == Address("a@b:c")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "a source is a folder"),
        ("http://host/o/r", "http:// is not used"),
        ("ftp://host/o/r", "begins with https://"),
        ("ext::sh -c id", "git's helpers are not used"),
        ("fd::17/foo", "git's helpers are not used"),
        ("https://me:secret@host/o/r", "leave user and password out"),
        ("https://token@host/o/r", "leave user and password out"),
        ("ssh://-oProxyCommand=id/o/r", "no address of a repository"),
        ("ssh://host/-oProxyCommand", "no address of a repository"),
        ("git@host:-oProxyCommand=id", "no address of a repository"),
        ("https://host", "no address of a repository"),
        ("https://host/o/r?x=1", "no address of a repository"),
        ("https://host/o/r\n", "no address of a repository"),
        ("file://host/r", "names a file of this machine"),
        ("lab@--upload-pack=id", "cannot be a branch, a tag or a commit"),
        ("lab@a..b", "cannot be a branch, a tag or a commit"),
        ("lab@:/words", "cannot be a branch, a tag or a commit"),
        ("r.git//a/../../b", "no plain path"),
        ("a\0b", "cannot be a path"),
    ],
)
def test_it_is_refused(text, words):
    with pytest.raises(AddressError, match=words):
        parsed(text)


def test_a_refusal_repeats_no_password():
    with pytest.raises(AddressError) as refused:
        parsed("https://me:hunter2@host/o/r")
    assert "hunter2" not in str(refused.value)


@given(st.text(st.sampled_from("a@:/-.~^ \n\0\\?#"), max_size=20) | st.text(max_size=20))
def test_whatever_is_given_nothing_of_it_is_an_option_of_git(text):
    for words in (text, f"https://{text}", f"git@h:{text}", f"ssh://{text}"):
        try:
            found = parsed(words)
        except AddressError:
            continue
        assert not (found.ref or "").startswith("-")
        assert ".." not in found.folder.split("/")
        if found.remote:
            assert not found.place.startswith("-")
            assert "/-" not in found.place.replace("://", "//").split("/", 3)[-1][:1]
            assert not any(char.isspace() for char in found.place)
