"""A CIM-XML request is read, or refused with one of the codes of DSP0200: whatever the bytes are."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from broker.lab.cim.protocol import UnreadableRequest, parse

CODES = {
    "multiple-requests-unsupported",
    "request-not-well-formed",
    "request-not-valid",
    "unsupported-cim-version",
    "unsupported-dtd-version",
    "unsupported-protocol-version",
}
VALID = (
    '<?xml version="1.0"?><CIM CIMVERSION="2.0" DTDVERSION="2.0"><MESSAGE ID="7" PROTOCOLVERSION="1.0">'
    '<SIMPLEREQ><IMETHODCALL NAME="GetInstance"><LOCALNAMESPACEPATH><NAMESPACE NAME="root"/>'
    '<NAMESPACE NAME="cimv2"/></LOCALNAMESPACEPATH><IPARAMVALUE NAME="InstanceName">'
    '<INSTANCENAME CLASSNAME="CIM_Card"><KEYBINDING NAME="Tag"><KEYVALUE VALUETYPE="string">x</KEYVALUE>'
    '</KEYBINDING></INSTANCENAME></IPARAMVALUE><IPARAMVALUE NAME="PropertyList"><VALUE.ARRAY>'
    "<VALUE>Tag</VALUE></VALUE.ARRAY></IPARAMVALUE></IMETHODCALL></SIMPLEREQ></MESSAGE></CIM>"
)
PIECES = re.split(r"(<[^>]+>)", VALID)


def read_or_refused(body: bytes) -> None:
    code, request = "", None
    try:
        request = parse(body)
    except UnreadableRequest as refused:
        code = refused.code
    if request is None:
        assert code in CODES
        return
    assert isinstance(request.method, str)
    assert isinstance(request.message_id, str)
    assert bool(request.namespace) <= request.intrinsic


def test_the_request_that_the_others_are_made_of_is_read() -> None:
    request = parse(VALID.encode())
    assert (request.method, request.namespace, request.message_id) == ("GetInstance", "root/cimv2", "7")
    assert request.parameters["InstanceName"]["Tag"] == "x"
    assert request.parameters["PropertyList"] == ["Tag"]


@given(body=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    read_or_refused(body)


@given(start=st.integers(0, len(VALID)), length=st.integers(0, 60), put=st.text(max_size=12))
@settings(max_examples=300, deadline=None)
def test_a_damaged_request_is_read_or_refused(start: int, length: int, put: str) -> None:
    read_or_refused((VALID[:start] + put + VALID[start + length :]).encode(errors="surrogatepass"))


@given(data=st.data())
@settings(max_examples=300, deadline=None)
def test_a_request_of_other_elements_and_attributes_is_read_or_refused(data: st.DataObject) -> None:
    pieces = list(PIECES)
    for _ in range(data.draw(st.integers(1, 4))):
        index = data.draw(st.integers(0, len(pieces) - 1))
        value = data.draw(st.sampled_from(["", "x", "9.9", "numeric", "http://"]))
        pieces[index] = data.draw(
            st.sampled_from(
                [
                    "",
                    pieces[index] * 2,
                    data.draw(st.sampled_from(PIECES)),
                    re.sub(r' \w+="[^"]*"', "", pieces[index], count=1),
                    re.sub(r'"[^"]*"', f'"{value}"', pieces[index], count=1),
                ]
            )
        )
    read_or_refused("".join(pieces).encode())


@pytest.mark.parametrize(
    "body",
    [
        b'<?xml version="1.0" encoding="bogus"?><CIM/>',
        b'<?xml version="1.0" encoding="utf-7"?><CIM/>',
        b'<?xml version="1.0" encoding="big5"?><CIM/>',
        b"<CIM>" * 5000,
        b"",
    ],
)
def test_what_no_parser_can_begin_with_is_not_well_formed(body: bytes) -> None:
    with pytest.raises(UnreadableRequest, match="request-not-well-formed"):
        parse(body)


def test_a_bomb_of_entities_is_refused_before_it_goes_off() -> None:
    entities = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    bomb = f'<!DOCTYPE CIM [<!ENTITY e0 "xxxxxxxxxx">{entities}]>' + VALID[21:].replace(">Tag<", ">&e11;<")
    with pytest.raises(UnreadableRequest, match="request-not-valid"):
        parse(bomb.encode())
