"""What no peer may achieve with bytes, the same for the name server and the broker.

define(server) makes the tests; server() returns the running one.  Each test also asks whether the server still
answers others: a malformed frame costs its own connection, and nothing else.
"""

import json
import socket
import struct

import remoting
from codes import VALUES
from remoting import Connection, Frame
from tap import check, equal, test, until

UNKNOWN_CODE = 9999
NOT_SUPPORTED = 3
MAX_FRAME = 16777216                  # counting the length field, as Apache's decoder has it
CLOSE_SECONDS = 5
MEMORY_BOUND = 96 << 20               # what peers that do not read may cost all together
PEERS_THAT_DO_NOT_READ = 4
OPEN_AND_CLOSE = 300


def raw(header, body=b"", form=0, length=None, header_length=None):
    """A frame whose lengths may lie."""
    length = 4 + len(header) + len(body) if length is None else length
    mark = (form << 24) | ((len(header) if header_length is None else header_length) & 0xFFFFFF)
    return struct.pack(">II", length & 0xFFFFFFFF, mark) + header + body


def binary(code=UNKNOWN_CODE, remark=(0, b""), ext=(0, b"")):
    return (struct.pack(">HBhii", code, 7, 513, 7, 0) + struct.pack(">i", remark[0]) + remark[1]
            + struct.pack(">i", ext[0]) + ext[1])


def field(key, value):
    return struct.pack(">h", len(key)) + key + struct.pack(">i", len(value)) + value


GOOD = json.dumps({"code": UNKNOWN_CODE, "flag": 0, "language": "OTHER", "opaque": 7, "version": 513}).encode()

# name, bytes: after each of them the connection must be closed
CLOSES = [
    ("a negative length", struct.pack(">i", -1) + b"x" * 16),
    ("the smallest length", struct.pack(">I", 0x80000000) + b"x" * 16),
    ("one byte over the largest frame", raw(GOOD, length=MAX_FRAME - 4 + 1)),
    ("a giant length", raw(GOOD, length=0x7FFFFFFF)),
    ("a length of 0", raw(b"", length=0) + b"x" * 16),
    ("a length without room for the mark", raw(b"", length=3) + b"x" * 16),
    ("a header longer than its frame", raw(GOOD, header_length=len(GOOD) + 1)),
    ("a giant header length", raw(GOOD, header_length=0xFFFFFF)),
    ("an unknown header form", raw(GOOD, form=9)),
    ("the largest header form", raw(GOOD, form=255)),
    ("an empty JSON header", raw(b"")),
    ("a header that is no JSON", raw(b"hello, world" * 3)),
    ("a header cut in a string", raw(GOOD[:-8])),
    ("a header that is a JSON array", raw(b"[1,2,3]" + b" " * 20)),
    ("a header that nests deeply", raw(b'{"extFields":' * 20000)),
    ("a header of brackets", raw(b"[" * 100000)),
    ("a code that is text", raw(b'{"code":"ten","flag":0,"opaque":1,"version":513}')),
    ("ext fields that are a number", raw(b'{"code":105,"extFields":12,"flag":0,"opaque":1,"version":513}')),
    ("a binary header cut at once", raw(b"\x00" * 5, form=1)),
    ("a binary header with a negative remark", raw(binary(remark=(-1, b"")), form=1)),
    ("a binary header with a giant remark", raw(binary(remark=(0x7FFFFFFF, b"abc")), form=1)),
    ("a binary header with negative ext fields", raw(binary(ext=(-5, b"")), form=1)),
    ("a binary header with giant ext fields", raw(binary(ext=(0x7FFFFFFF, b"")), form=1)),
    ("a binary ext field with a negative key", raw(binary(ext=(4, struct.pack(">h", -1) + b"ab")), form=1)),
    ("a binary ext field with a giant value", raw(binary(ext=(7, struct.pack(">hbi", 1, 97, 0x7FFFFFFF))), form=1)),
    ("a binary ext field with a negative value", raw(binary(ext=(7, struct.pack(">hbi", 1, 97, -1))), form=1)),
]


def define(server, answered, needs_fields):
    """server: function, the running Server.  answered: code and ext fields of a request that succeeds.
    needs_fields: a code whose header has required fields."""
    good_code, good_ext = answered

    def good(**more):
        return Frame(good_code, good_ext, **more)

    def connect(**more):
        return Connection("127.0.0.1", server().port, **more)

    def still_answers():
        check(server().running(), "the server has ended")
        with connect() as c:
            equal(c.request(good_code, good_ext).code, 0, "answer to another peer")

    def refused(name, data):
        def run():
            with connect() as c:
                c.send_raw(data)
                check(c.closed_within(CLOSE_SECONDS), "the connection is still open")
                equal([f.code for f in c.received if f.code == 0], [], "successful answers")
            still_answers()
        run.__name__ = f"{name} closes the connection"
        test(run)

    for name, data in CLOSES:
        refused(name, data)

    @test
    def an_unknown_code_is_answered_with_3():
        for form in (remoting.JSON, remoting.BINARY):
            with connect(form=form) as c:
                answer = c.request(UNKNOWN_CODE)
                equal(answer.code, NOT_SUPPORTED, "code")
                check(str(UNKNOWN_CODE) in (answer.remark or ""), f"the remark names no code: {answer.remark}")
                equal(c.request(good_code, good_ext).code, 0, "the next request on the same connection")

    @test
    def codes_over_32767_are_told_apart():
        with connect() as c:
            for code in (32768, 65536 + 105, 200999, 2147483647):
                answer = c.request(code)
                equal(answer.code, NOT_SUPPORTED, f"answer to {code}")
                check(str(code) in (answer.remark or ""), f"the remark does not name {code}: {answer.remark}")

    @test
    def a_negative_code_is_refused():
        with connect() as c:
            opaque = c.send(Frame(-1))
            equal(c.answer(opaque).code, NOT_SUPPORTED, "code")
        still_answers()

    @test
    def extreme_opaques_come_back():
        with connect() as c:
            for opaque in (2147483647, -2147483648, -1):
                c.send(Frame(UNKNOWN_CODE, opaque=opaque))
                equal(c.answer(opaque).opaque, opaque, "opaque")

    @test
    def a_oneway_request_gets_no_answer():
        with connect() as c:
            c.oneway(UNKNOWN_CODE)
            c.oneway(good_code, good_ext)
            equal(c.request(good_code, good_ext).code, 0, "the request behind them")
            equal(c.received, [], "other answers")

    @test
    def an_answer_that_nobody_asked_for_is_ignored():
        with connect() as c:
            c.send(Frame(0, opaque=4711, flag=remoting.FLAG_RESPONSE))
            c.send(Frame(0, opaque=4712, flag=remoting.FLAG_RESPONSE | remoting.FLAG_ONEWAY))
            equal(c.request(good_code, good_ext).code, 0, "the request behind it")
            equal(c.received, [], "other answers")

    @test
    def pipelined_requests_are_all_answered():
        with connect() as c:
            frames = [good(opaque=1000 + i) if i % 2 else Frame(UNKNOWN_CODE, opaque=1000 + i) for i in range(500)]
            c.send_raw(b"".join(f.encode() for f in frames))
            for f in frames:
                equal(c.answer(f.opaque).code, 0 if f.code == good_code else NOT_SUPPORTED, f"answer to {f}")
            equal(c.received, [], "other answers")

    @test
    def a_request_may_come_byte_by_byte():
        with connect() as c:
            frame = Frame(good_code, {"unknownField": "ignored", **good_ext}, opaque=77)
            for byte in frame.encode():
                c.send_raw(bytes([byte]))
            equal(c.answer(77).code, 0, "answer")

    @test
    def unknown_fields_and_header_keys_are_ignored():
        header = json.dumps({"code": good_code, "flag": 0, "language": "KLINGON", "opaque": 5, "version": 513,
                             "serializeTypeCurrentRPC": "JSON", "newKey": {"deep": [1, {"x": None}]},
                             "extFields": {**good_ext, "someField": "value", "another": "ü€😀\\u0000"}}).encode()
        with connect() as c:
            c.send_raw(raw(header))
            equal(c.answer(5).code, 0, "answer")

    @test
    def a_request_without_its_required_fields_is_refused():
        for form in (remoting.JSON, remoting.BINARY):
            with connect(form=form) as c:
                answer = c.request(needs_fields)
                check(answer.code != 0, f"answered {answer}")
                check(answer.remark, "the refusal says nothing")
                equal(c.request(good_code, good_ext).code, 0, "the next request on the same connection")

    @test
    def very_many_ext_fields_do_no_harm():
        with connect() as c:
            try:
                c.send_raw(Frame(good_code, {f"field{i}": "x" * 20 for i in range(20000)}, opaque=9).encode())
                c.answer(9)
            except (remoting.Closed, ConnectionError):
                pass                    # refusing them is as good as answering
        still_answers()

    @test
    def the_largest_frame_is_read_to_its_end():
        frame = Frame(UNKNOWN_CODE, opaque=6)
        frame.body = b"\0" * (MAX_FRAME - len(frame.encode()))
        data = frame.encode()
        equal(len(data), MAX_FRAME, "bytes of the largest frame")
        with connect(timeout=30) as c:
            c.send_raw(data)
            equal(c.answer(6).code, NOT_SUPPORTED, "code")

    @test
    def half_a_frame_and_a_close_leave_nothing():
        until(lambda: server().open_files() > 0, "no open files at all")
        before = server().open_files()
        for cut in (1, 4, 8, 20):
            with connect() as c:
                c.send_raw(raw(GOOD)[:cut])
        until(lambda: server().open_files() <= before, "descriptors are left open")
        still_answers()

    @test
    def resets_in_the_middle_of_a_frame_do_no_harm():
        for i in range(50):
            c = connect()
            c.send_raw(raw(GOOD)[:i])
            c.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            c.close()
        still_answers()

    @test
    def many_connections_come_and_go():
        before = server().open_files()
        for _ in range(3):
            many = [connect() for _ in range(OPEN_AND_CLOSE // 3)]
            for c in many:
                c.send(good(opaque=3))
            for c in many:
                equal(c.answer(3).code, 0, "answer")
                c.close()
        until(lambda: server().open_files() <= before + 2, "descriptors are left open")

    @test
    def a_connection_that_says_nothing_does_not_disturb():
        with connect(), connect() as half:
            half.send_raw(struct.pack(">I", MAX_FRAME - 4))
            still_answers()

    @test
    def peers_that_never_read_cost_bounded_memory():
        before = server().memory()
        request = Frame(UNKNOWN_CODE, opaque=1).encode() * 100
        peers = []
        try:
            for _ in range(PEERS_THAT_DO_NOT_READ):
                c = connect()
                peers.append(c)
                c.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
                c.socket.settimeout(1)
                try:
                    for _ in range(8000):           # 100 MB or so of requests, unless the server stops reading
                        c.socket.sendall(request)
                except OSError:                     # it stopped reading, or dropped us
                    pass
            still_answers()
            grown = server().memory() - before
            check(server().is_sanitized() or grown < MEMORY_BOUND, f"memory grew by {grown >> 20} MiB")
        finally:
            for c in peers:
                c.close()
        still_answers()

    @test
    def every_known_code_without_fields_and_body_is_survived():
        for form in (remoting.JSON, remoting.BINARY):
            for name, code in sorted(VALUES.items()):
                with connect(form=form, timeout=5) as c:
                    try:
                        c.request(code, timeout=5)
                    except remoting.Closed:
                        pass
                    except TimeoutError:
                        raise AssertionError(f"{name} ({code}) was not answered") from None
                check(server().running(), f"{name} ({code}) ended the server")
        still_answers()

    @test
    def every_known_code_with_rubbish_is_survived():
        rubbish = b'{"a":[{"b":' * 50 + b"\x00\xff" * 200
        fields = {k: "-99999999999999999999" for k in ("queueId", "queueOffset", "offset", "maxMsgNums", "brokerId", "sysFlag",
                                                       "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "topic",
                                                       "consumerGroup", "group", "bornTimestamp", "commitOffset")}
        for name, code in sorted(VALUES.items()):
            with connect(timeout=5) as c:
                try:
                    c.request(code, fields, rubbish, timeout=5)
                except remoting.Closed:
                    pass
                except TimeoutError:
                    raise AssertionError(f"{name} ({code}) was not answered") from None
            check(server().running(), f"{name} ({code}) ended the server")
        still_answers()
