"""The remoting protocol in plain python3, for system tests and captures.

It is written from the byte layout alone and shares nothing with the C code, so that a mistake in the one is
not repeated in the other.  A frame on the wire (all integers big-endian):

    int32 length        bytes that follow
    int32 mark          top byte: header form (0 JSON, 1 binary); low 24 bits: header length
    header, body
"""

import itertools
import json
import socket
import struct
import time

JSON = 0
BINARY = 1

FLAG_RESPONSE = 1
FLAG_ONEWAY = 2

MAX_FRAME = 16 * 1024 * 1024

LANGUAGES = ["JAVA", "CPP", "DOTNET", "PYTHON", "DELPHI", "ERLANG", "RUBY", "OTHER", "HTTP", "GO", "PHP", "OMS",
             "RUST", "NODE_JS"]


class ProtocolError(Exception):
    """Bytes that are no frame."""


class Closed(Exception):
    """The peer closed the connection."""


class Frame:
    """One command, request or response.  `ext` values are strings, as on the wire."""

    def __init__(self, code=0, ext=None, body=b"", flag=0, opaque=0, remark=None, language="OTHER", version=513,
                 form=JSON):
        self.code = code
        self.ext = {k: str(v) for k, v in (ext or {}).items()}
        self.body = body
        self.flag = flag
        self.opaque = opaque
        self.remark = remark
        self.language = language
        self.version = version
        self.form = form

    @property
    def is_response(self):
        return bool(self.flag & FLAG_RESPONSE)

    @property
    def is_oneway(self):
        return bool(self.flag & FLAG_ONEWAY)

    def json(self):
        """The body read as JSON (only bodies whose keys are quoted)."""
        return json.loads(self.body.decode("utf-8"))

    def header_bytes(self):
        return self._json_header() if self.form == JSON else self._binary_header()

    def encode(self):
        header = self.header_bytes()
        length = 4 + len(header) + len(self.body)
        mark = (self.form << 24) | len(header)
        return struct.pack(">iI", length, mark) + header + self.body

    def _json_header(self):
        fields = {"code": self.code, "flag": self.flag, "language": self.language, "opaque": self.opaque,
                  "serializeTypeCurrentRPC": "JSON", "version": self.version}
        if self.ext:
            fields["extFields"] = self.ext
        if self.remark is not None:
            fields["remark"] = self.remark
        return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8")

    def _binary_header(self):
        remark = (self.remark or "").encode("utf-8")
        ext = b""
        for key, value in self.ext.items():
            k, v = key.encode("utf-8"), value.encode("utf-8")
            ext += struct.pack(">h", len(k)) + k + struct.pack(">i", len(v)) + v
        # The code has 16 bits here: a larger one is cut, as Apache's clients do it.
        return (struct.pack(">HBhii", self.code & 0xFFFF, LANGUAGES.index(self.language), self.version, self.opaque,
                            self.flag)
                + struct.pack(">i", len(remark)) + remark + struct.pack(">i", len(ext)) + ext)

    def __repr__(self):
        kind = "response" if self.is_response else "oneway" if self.is_oneway else "request"
        return (f"<{kind} code={self.code} opaque={self.opaque} remark={self.remark!r} ext={self.ext}"
                f" body={len(self.body)} bytes>")


def decode(data):
    """One whole frame, length field included, to a Frame."""
    if len(data) < 8:
        raise ProtocolError("shorter than the two length fields")
    length, mark = struct.unpack_from(">iI", data)
    if length != len(data) - 4:
        raise ProtocolError(f"length says {length}, there are {len(data) - 4}")
    form, header_length = mark >> 24, mark & 0xFFFFFF
    if header_length > length - 4:
        raise ProtocolError("header is longer than the frame")
    header, body = data[8:8 + header_length], data[8 + header_length:]
    if form == JSON:
        frame = _decode_json(header)
    elif form == BINARY:
        frame = _decode_binary(header)
    else:
        raise ProtocolError(f"header form {form}")
    frame.body = body
    return frame


def _decode_json(header):
    try:
        h = json.loads(header.decode("utf-8"))
    except ValueError as e:
        raise ProtocolError(f"header is no JSON: {e}") from e
    return Frame(h.get("code", 0), h.get("extFields"), flag=h.get("flag", 0), opaque=h.get("opaque", 0),
                 remark=h.get("remark"), language=h.get("language"), version=h.get("version", 0), form=JSON)


def _decode_binary(header):
    def take(count):
        nonlocal at
        if count < 0 or count > len(header) - at:
            raise ProtocolError("binary header is cut")
        at += count
        return header[at - count:at]

    at = 0
    code, language, version, opaque, flag, remark_length = struct.unpack(">hBhiii", take(17))
    remark = take(remark_length).decode("utf-8") or None
    end = struct.unpack(">i", take(4))[0] + at
    ext = {}
    while at < end:
        key = take(struct.unpack(">h", take(2))[0]).decode("utf-8")
        ext[key] = take(struct.unpack(">i", take(4))[0]).decode("utf-8")
    name = LANGUAGES[language] if language < len(LANGUAGES) else None
    return Frame(code, ext, flag=flag, opaque=opaque, remark=remark, language=name, version=version, form=BINARY)


class Splitter:
    """Cuts a stream of bytes into whole frames."""

    def __init__(self):
        self.pending = b""

    def feed(self, data):
        """Takes what arrived; returns the frames (bytes) that are now whole."""
        self.pending += data
        frames = []
        while len(self.pending) >= 4:
            length = struct.unpack_from(">i", self.pending)[0]
            if not 4 <= length <= MAX_FRAME:
                raise ProtocolError(f"frame length {length}")
            if len(self.pending) < 4 + length:
                break
            frames.append(self.pending[:4 + length])
            self.pending = self.pending[4 + length:]
        return frames


class Connection:
    """A client connection.  Answers are matched by opaque; what else arrives waits in `received`."""

    _opaques = itertools.count(1)

    def __init__(self, host, port, form=JSON, timeout=10.0):
        self.form = form
        self.timeout = timeout
        self.received = []
        self._splitter = Splitter()
        self.socket = socket.create_connection((host, port), timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.close()

    def close(self):
        self.socket.close()

    def send(self, frame):
        """Sends a frame; gives it an opaque when it has none.  Returns the opaque."""
        if frame.opaque == 0:
            frame.opaque = next(self._opaques)
        self.socket.sendall(frame.encode())
        return frame.opaque

    def send_raw(self, data):
        self.socket.sendall(data)

    def request(self, code, ext=None, body=b"", timeout=None):
        """Sends a request and returns its answer."""
        opaque = self.send(Frame(code, ext, body, form=self.form))
        return self.answer(opaque, timeout)

    def oneway(self, code, ext=None, body=b""):
        self.send(Frame(code, ext, body, flag=FLAG_ONEWAY, form=self.form))

    def answer(self, opaque, timeout=None):
        """Waits for the answer to a request that was sent before."""
        return self.wait(lambda f: f.is_response and f.opaque == opaque, timeout)

    def wait(self, wanted, timeout=None):
        """Waits for the first frame for which wanted(frame) is true; raises TimeoutError or Closed."""
        deadline = time.monotonic() + (self.timeout if timeout is None else timeout)
        while True:
            for i, frame in enumerate(self.received):
                if wanted(frame):
                    return self.received.pop(i)
            self._receive(deadline)

    def closed_within(self, timeout):
        """True when the peer closes the connection in that many seconds."""
        deadline = time.monotonic() + timeout
        try:
            while True:
                self._receive(deadline)
        except Closed:
            return True
        except TimeoutError:
            return False

    def _receive(self, deadline):
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError("no answer in time")
        self.socket.settimeout(left)
        try:
            data = self.socket.recv(1 << 16)
        except ConnectionError as e:
            raise Closed(str(e)) from e
        finally:
            self.socket.settimeout(self.timeout)
        if not data:
            raise Closed("end of stream")
        self.received += [decode(f) for f in self._splitter.feed(data)]
