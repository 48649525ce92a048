"""Which addresses requests may lead to."""

import socket

import pytest
from pydantic import ValidationError

from papertune.collect.web.addresses import Allowed, PrivateAddress, is_global
from papertune.study.settings import Fetching

PRIVATE = """
127.0.0.1 127.255.255.254 10.0.0.1 172.16.0.1 192.168.1.1 169.254.169.254 100.64.0.1 0.0.0.0
255.255.255.255 224.0.0.1 240.0.0.1 192.0.2.1 :: ::1 fe80::1%1 fc00::1 ff02::1 ::ffff:127.0.0.1
::ffff:169.254.169.254 ::127.0.0.1 64:ff9b::10.0.0.1 2002:7f00:1:: 2001:db8::1
"""
GLOBAL = "8.8.8.8 104.16.0.1 2606:4700::1 ::ffff:8.8.8.8 64:ff9b::8.8.8.8"
WRITTEN = """
localhost LOCALHOST. a.localhost 127.1 0x7f000001 2130706433 0177.0.0.1 [::1] ::ffff:10.0.0.1
169.254.169.254
"""


def test_global_and_private_addresses():
    assert [one for one in PRIVATE.split() if is_global(one)] == []
    assert [one for one in GLOBAL.split() if not is_global(one)] == []


def test_what_the_url_says_is_judged_without_a_name_server():
    for host in WRITTEN.split():
        with pytest.raises(PrivateAddress):
            Allowed().check_written(host, 80)
        Allowed([host]).check_written(host, 80)
    for host in ("example.org", "8.8.8.8", "1.example", "", "x" * 300):
        Allowed().check_written(host, 80)


def test_a_host_is_allowed_with_one_port_or_all():
    allowed = Allowed(["Lab.Example", "127.0.0.1:8080", "[::1]:81", "fe80::1"])
    good = [
        ("lab.example", 1),
        ("LAB.example.", 2),
        ("127.0.0.1", 8080),
        ("::1", 81),
        ("fe80::1", 9),
    ]
    assert all(allowed.by_name(*one) for one in good)
    bad = [("127.0.0.1", 80), ("::1", 80), ("127.0.0.2", 8080), ("", None)]
    assert not any(allowed.by_name(*one) for one in bad)


def test_of_a_names_addresses_only_the_global_ones_are_asked(monkeypatch):
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (a, 80)) for a in ("10.0.0.1", "8.8.8.8")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
    assert Allowed().places("both.example", 80) == [("8.8.8.8", 80)]
    assert Allowed(["both.example"]).places("both.example", 80)[0] == ("10.0.0.1", 80)
    del found[1]
    with pytest.raises(PrivateAddress, match=r"inside\.example resolves to 10\.0\.0\.1"):
        Allowed().places("inside.example", 80)


@pytest.mark.parametrize("entry", ["http://127.0.0.1", "a/b", "two hosts", ""])
def test_what_is_no_host_is_no_setting(entry):
    with pytest.raises(ValidationError):
        Fetching(allow_hosts=[entry])
