#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A peer of the streams under test: peer.py asyncio|tornado serve|connect DIALOGUE [PORT]

A server prints its port. The rest of the output depends on the dialogue.
"""
import asyncio
import os
import socket
import struct
import sys

HOST = "127.0.0.1"


class AsyncioStream:
    def __init__(self, reader, writer):
        self.reader, self.writer = reader, writer
        self.socket = writer.get_extra_info("socket")

    async def read_some(self):
        return await self.reader.read(65536)  # b"" is the end

    async def read_line(self):
        return await self.reader.readuntil(b"\n")

    async def read_bytes(self, count):
        return await self.reader.readexactly(count)

    async def write(self, data):
        self.writer.write(data)
        await self.writer.drain()

    def end_output(self):
        self.writer.write_eof()

    def close(self):
        self.writer.close()


class TornadoStream:
    def __init__(self, stream):
        self.stream, self.socket = stream, stream.socket

    async def read_some(self):
        from tornado.iostream import StreamClosedError

        try:
            return await self.stream.read_bytes(65536, partial=True)
        except StreamClosedError as closed:
            if closed.real_error:
                raise closed.real_error
            return b""

    async def read_line(self):
        return await self.stream.read_until(b"\n")

    async def read_bytes(self, count):
        return await self.stream.read_bytes(count)

    async def write(self, data):
        await self.stream.write(data)

    def end_output(self):
        self.socket.shutdown(socket.SHUT_WR)

    def close(self):
        self.stream.close()


def tell(*words):
    print(*words, flush=True)


async def rest_of(stream):
    data = b""
    while some := await stream.read_some():
        data += some
    return data


async def echo(stream):
    """Sends everything back, until the end."""
    while some := await stream.read_some():
        await stream.write(some)
    stream.close()


async def capitals(stream):
    """Answers each line, until the end."""
    try:
        while True:
            await stream.write((await stream.read_line()).upper())
    except Exception:
        stream.close()


async def check_echo(stream):
    """Sends a megabyte, and tells whether it came back."""
    data = os.urandom(1 << 20)

    async def send():
        for i in range(0, len(data), 10007):
            await stream.write(data[i : i + 10007])

    sending = asyncio.ensure_future(send())
    back = await stream.read_bytes(len(data))
    await sending
    tell("same" if back == data else "not the same")
    stream.close()


async def check_capitals(stream):
    """Sends many lines, and tells whether each was answered."""
    lines = [b"line %d\n" % i for i in range(2000)]
    await stream.write(b"".join(lines))
    answers = [await stream.read_line() for _ in lines]
    tell("same" if answers == [line.upper() for line in lines] else "not the same")
    stream.close()


async def reset(stream):
    """Reads a line, and resets the connection."""
    await stream.read_line()
    linger = struct.pack("ii", 1, 0)
    stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    stream.close()


async def end(stream):
    """Reads a line, and closes."""
    await stream.read_line()
    stream.close()


async def watch(stream):
    """Tells how many bytes came, and how the connection ended."""
    count = 0
    await stream.write(b"ready\n")
    try:
        while some := await stream.read_some():
            count += len(some)
        tell("end", count)
    except ConnectionResetError:
        tell("reset", count)


async def flood(stream):
    """Sends numbered lines without end."""
    number = 0
    while True:
        await stream.write(b"".join(b"%08d\n" % n for n in range(number, number + 999)))
        number += 999


async def upload(stream):
    """Sends the end after much input, and tells the length of the answer."""
    await stream.write(bytes(8 << 20))
    stream.end_output()
    tell(len(await rest_of(stream)))


async def interrupted(stream):
    """Sends without end, though an answer is there; tells the length of the answer."""

    async def send():
        while True:
            await stream.write(bytes(1 << 16))

    sending = asyncio.ensure_future(send())
    tell(len(await stream.read_bytes(2 << 20)))
    sending.cancel()
    stream.close()


async def serve_asyncio(dialogue):
    async def accepted(reader, writer):
        await dialogue(AsyncioStream(reader, writer))

    server = await asyncio.start_server(accepted, HOST, 0)
    tell(server.sockets[0].getsockname()[1])
    await asyncio.Event().wait()


async def serve_tornado(dialogue):
    from tornado.tcpserver import TCPServer

    class Server(TCPServer):
        async def handle_stream(self, stream, address):
            await dialogue(TornadoStream(stream))

    server = Server()
    listener = socket.create_server((HOST, 0))
    listener.setblocking(False)
    server.add_socket(listener)
    tell(listener.getsockname()[1])
    await asyncio.Event().wait()


async def connect_asyncio(port):
    return AsyncioStream(*await asyncio.open_connection(HOST, port))


async def connect_tornado(port):
    from tornado.tcpclient import TCPClient

    return TornadoStream(await TCPClient().connect(HOST, port))


async def main(kind, role, name, port=0):
    dialogue = globals()[name]
    if role == "serve":
        await globals()["serve_" + kind](dialogue)
    else:
        await dialogue(await globals()["connect_" + kind](int(port)))


asyncio.run(main(*sys.argv[1:]))
