"""What a run and the solver's process say to each other: messages through a pipe, whole and checked, or not at all."""

from __future__ import annotations

import pickle
import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

if TYPE_CHECKING:
    from models.instance import Instance

HEADER = struct.Struct("<4sQI")  # mark, length of the body, CRC-32 of the body
MARK = b"NWF1"


@dataclass(frozen=True)
class Task:
    """What the solver's process is to do, and when it must be gone whatever happens."""

    instance: Instance
    gap: float
    time_limit: float  # seconds
    seed: int
    deadline: float  # seconds
    cautious: bool = False  # the second try: without presolve


class Garbled(ValueError):
    """What came through the pipe is not what the other side can have sent."""


def frame(message: Any) -> bytes:
    """One message as bytes."""
    body = pickle.dumps(message, protocol=5)
    return HEADER.pack(MARK, len(body), zlib.crc32(body)) + body


def receive(stream: BinaryIO) -> Any:
    """The next message. Raises EOFError when the other side has closed, Garbled when it sends anything else.

    >>> import io
    >>> pipe = io.BytesIO(frame(("bound", 990.0)) + frame("end"))
    >>> receive(pipe), receive(pipe)
    (('bound', 990.0), 'end')
    >>> receive(io.BytesIO(frame("whole")[:-1]))
    Traceback (most recent call last):
    optimizer.running.messages.Garbled: half a message
    """
    head = stream.read(HEADER.size)
    if not head:
        raise EOFError
    if len(head) < HEADER.size:
        raise Garbled("half a message")
    mark, length, check = HEADER.unpack(head)
    if mark != MARK:
        raise Garbled("no message")
    body = stream.read(length)
    if len(body) < length:
        raise Garbled("half a message")
    if zlib.crc32(body) != check:
        raise Garbled("a damaged message")
    return pickle.loads(body)
