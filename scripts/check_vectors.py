"""An independent reading of the vectors of crates/offline, after docs/offline.md: pycose verifies
the signatures, and the rules of each kind are written here once more. Reads nothing of the crate."""

import hashlib
import hmac
import io
import json
import sys
from pathlib import Path

import cbor2
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from pycose.algorithms import Es256
from pycose.headers import KID, Algorithm
from pycose.keys import EC2Key
from pycose.keys.curves import P256
from pycose.messages import CoseMessage, Sign1Message

ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
VECTORS = Path(__file__).parent.parent / "crates" / "offline" / "vectors"


class Refused(Exception):
    """Not the one encoding of a value, or not a value."""


def need(condition, why):
    if not condition:
        raise Refused(why)


def one(data):
    """The value of bytes that are its one encoding and nothing more."""
    stream = io.BytesIO(data)
    try:
        value = cbor2.CBORDecoder(stream).decode()
    except Exception as error:
        raise Refused(f"no CBOR: {error}") from error
    need(stream.tell() == len(data), "bytes follow")
    need(cbor2.dumps(value, canonical=True) == data, "not the one encoding")
    return value


def uint(value, end):
    need(type(value) is int and 0 <= value < end, f"{value!r} is no number below {end}")
    return value


def raw(value, length):
    need(type(value) is bytes and len(value) == length, f"not {length} bytes")


def array(value, length):
    need(type(value) is list and len(value) == length, f"not {length} elements")
    return value


def members(value, labels):
    need(type(value) is dict and list(value) == labels, f"not exactly the members {labels}")
    return value


def cose_key(value):
    members(value, [1, -1, -2, -3])
    need(value[1] == 2 and value[-1] == 1, "no P-256 key")
    raw(value[-2], 32)
    raw(value[-3], 32)


def claims(value, labels):
    members(value, labels)
    for label in (4, 5, 6):
        if label in value:
            uint(value[label], 1 << 40)
    if 8 in value:
        cose_key(members(value[8], [1])[1])


def spans(value):
    need(type(value) is list and len(value) <= 16, "more than 16 spans")
    for span in value:
        start, end = array(span, 2)
        need(uint(start, 1 << 40) < uint(end, 1 << 40), "a span of nothing")


def key(value):
    claims(value, [4, 5, 6, 8, -70001])
    lock, cls, epoch, serial, min_list, flags, zone, weekly, absolute, closed = array(
        value[-70001], 10
    )
    raw(lock, 16)
    uint(cls, 4)
    uint(epoch, 4095)
    need(uint(serial, 1 << 32) > 0, "serial 0")
    uint(min_list, 1 << 32)
    uint(flags, 8)
    before, at, after = array(zone, 3)
    need(type(before) is int and abs(before) < 1440, "no offset")
    need(type(after) is int and abs(after) < 1440, "no offset")
    uint(at, 1 << 40)
    need(type(weekly) is list and len(weekly) <= 16, "more than 16 windows")
    for window in weekly:
        days, start, end = array(window, 3)
        need(uint(days, 128) > 0, "no days")
        uint(start, 1440)
        need(uint(end, 1441) > 0, "an end at 0")
    spans(absolute)
    spans(closed)


def serials(section):
    """The refused serials above the floor, as runs; checks the section."""
    cls, floor, ranges, bitmap_gap, bitmap = array(section, 5)
    uint(cls, 4)
    end = uint(floor, 1 << 32)
    need(type(ranges) is list and len(ranges) % 2 == 0 and len(ranges) <= 128, "no ranges")
    runs = []
    for gap, length in zip(ranges[::2], ranges[1::2]):
        need(uint(gap, 1 << 32) > 0 and uint(length, 1 << 32) > 0, "a gap or length of nothing")
        runs.append((end + gap + 1, end + gap + length))
        end += gap + length
    uint(bitmap_gap, 1 << 32)
    need(type(bitmap) is bytes, "no bitmap")
    if bitmap:
        need(bitmap[0] & 1 == 1 and bitmap[-1] != 0, "the bitmap is not in its one form")
        first = end + bitmap_gap + 1
        for bit in range(len(bitmap) * 8):
            if bitmap[bit // 8] >> (bit % 8) & 1:
                runs.append((first + bit, first + bit))
                end = first + bit
    else:
        need(bitmap_gap == 0, "a gap before no bitmap")
    need(end <= (1 << 32) - 2, "serials above 2^32 - 2")
    return cls, floor, runs


def revocation_list(value):
    claims(value, [6, -70002])
    lock, epoch, version, sections = array(value[-70002], 4)
    raw(lock, 16)
    uint(epoch, 4095)
    uint(version, 1 << 32)
    need(type(sections) is list, "no sections")
    classes = [serials(section)[0] for section in sections]
    need(classes == sorted(set(classes)), "classes not ascending")


def issuer(value):
    claims(value, [4, 5, 6, 8, -70003])
    place, generation = array(value[-70003], 2)
    raw(place, 16)
    uint(generation, 1 << 32)


def epoch_certificate(value):
    claims(value, [6, -70004])
    place, lock, epoch, keys_from, generation, reset = array(value[-70004], 6)
    raw(place, 16)
    if lock is not None:
        raw(lock, 16)
    need(uint(keys_from, 4095) <= uint(epoch, 4095), "keys from a later epoch")
    uint(generation, 1 << 32)
    need(type(reset) is bool and (not reset or keys_from == epoch), "no reset")


def fresh(value):
    claims(value, [6, -70005])
    lock, nonce, epoch, version, digest = array(value[-70005], 5)
    raw(lock, 16)
    raw(nonce, 16)
    uint(epoch, 4095)
    uint(version, 1 << 32)
    raw(digest, 32)


def open_command(value):
    claims(value, [-70006])
    nonce, lock, digest, command, session = array(value[-70006], 5)
    raw(nonce, 16)
    raw(lock, 16)
    raw(digest, 32)
    need(command in (0, 1, 16, 17), "an unknown command")
    raw(session, 32)


def ack(value):
    claims(value, [6, -70007])
    lock, log_epoch, seq = array(value[-70007], 3)
    raw(lock, 16)
    uint(log_epoch, 1 << 64)
    uint(seq, 1 << 32)


KINDS = {
    "key": key,
    "list": revocation_list,
    "issuer": issuer,
    "epoch": epoch_certificate,
    "fresh": fresh,
    "open": open_command,
    "ack": ack,
}


def check(kind, data, x, y):
    """The message, if the object is accepted as one of its kind by this signer."""
    outer = one(data)
    need(isinstance(outer, cbor2.CBORTag) and outer.tag == 18, "not tag 18")
    protected, unprotected, payload, signature = array(outer.value, 4)
    cose = cbor2.dumps({1: 2, -1: 1, -2: x, -3: y}, canonical=True)
    kid = hashlib.sha256(cose).digest()[:8]
    need(one(protected) == {1: -7, 4: kid}, "another protected header")
    need(unprotected == {}, "an unprotected header")
    raw(signature, 64)
    need(int.from_bytes(signature[32:], "big") <= ORDER // 2, "a high s")
    KINDS[kind](one(payload))

    message = CoseMessage.decode(data)
    need(isinstance(message, Sign1Message), "no COSE_Sign1")
    need(message.phdr[Algorithm] is Es256 and message.phdr[KID] == kid, "pycose reads otherwise")
    message.external_aad = f"claviger/{kind}/v1".encode()
    message.key = EC2Key(crv=P256, x=x, y=y)
    try:
        verified = message.verify_signature()
    except Exception as error:
        raise Refused(f"pycose: {error}") from error
    need(verified, "pycose does not verify it")
    return message


def derived(secret, lock, info, length):
    return HKDF(SHA256(), length, salt=lock, info=info).derive(secret)


def check_receipt(vector):
    data, secret = bytes.fromhex(vector["receipt"]), bytes.fromhex(vector["secret"])
    lock, *_ = fields = array(one(data), 7)
    info = b"claviger/receipt/v1"
    mac = hmac.new(
        derived(secret, lock, info, 32),
        info + cbor2.dumps(fields[:6], canonical=True),
        "sha256",
    ).digest()[:16]
    need(fields[6] == mac, "the receipt's MAC is not right")


def check_event(vector):
    data, secret = bytes.fromhex(vector["event"]), bytes.fromhex(vector["secret"])
    lock, log_epoch, seq, sealed = array(one(data), 4)
    iv = log_epoch.to_bytes(8, "big") + seq.to_bytes(4, "big")
    plain = AESGCM(derived(secret, lock, b"claviger/event/v1", 16)).decrypt(iv, sealed, lock)
    sizes = [("code", 1), ("class", 1), ("epoch", 2), ("serial", 4), ("lo", 6), ("spread", 4)]
    at, inside = 0, {}
    for name, size in [*sizes, ("command", 2)]:
        inside[name] = int.from_bytes(plain[at : at + size], "big")
        at += size
    need(at == len(plain) and inside == vector["inside"], f"the event says {inside}")


def check_refused(valid):
    payload = next(it["payload"] for it in valid["objects"] if it["kind"] == "list")
    sections = {it[0]: it for it in map(serials, one(bytes.fromhex(payload))[-70002][3])}
    for cls, serial, refused in valid["refused"]["rows"]:
        _, floor, runs = sections.get(cls, (cls, 0, []))
        found = serial <= floor or any(first <= serial <= last for first, last in runs)
        need(found == refused, f"class {cls}, serial {serial}")


def main():
    valid = json.loads((VECTORS / "valid.json").read_text())
    hostile = json.loads((VECTORS / "hostile.json").read_text())
    wrong = 0
    for vector in valid["objects"]:
        x, y = (bytes.fromhex(vector["signer"][name]) for name in "xy")
        data = bytes.fromhex(vector["object"])
        try:
            message = check(vector["kind"], data, x, y)
            digest = hashlib.sha256(message.payload).hexdigest()
            need(digest == vector["digest"], "another digest")
        except Refused as refused:
            wrong += 1
            print(f"valid {vector['kind']} is refused: {refused}")
    for vector in hostile["objects"]:
        x, y = (bytes.fromhex(vector["signer"][name]) for name in "xy")
        try:
            check(vector["kind"], bytes.fromhex(vector["object"]), x, y)
            wrong += 1
            print(f"hostile {vector['kind']} is accepted: {vector['why']}")
        except Refused:
            pass
    try:
        check_receipt(valid["receipt"])
        check_event(valid["event"])
        check_refused(valid)
    except Refused as refused:
        wrong += 1
        print(refused)
    count = len(valid["objects"]), len(hostile["objects"]), len(valid["refused"]["rows"])
    print(f"{count[0]} valid and {count[1]} hostile objects, {count[2]} serials: {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
