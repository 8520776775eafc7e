#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A broken name server on 127.0.0.1, without TCP: name_server.py HOW

  no-ipv6         knows the IPv4 address of each name, and never answers about IPv6
  failure         fails (SERVFAIL)
  other-question  answers another question
  noise           sends bytes that are no answer
  cut             says that its answer is cut, and that TCP has the whole
"""
import os
import socket
import struct
import sys

IPV4 = 1
SERVFAIL = 2
RESPONSE, CUT, RECURSION = 0x8000, 0x0200, 0x0180


def question_of(query):
    """The bytes of the first question, and the type that it asks for."""
    end = query.index(0, 12) + 5
    return query[12:end], struct.unpack("!H", query[end - 4 : end - 2])[0]


def answer(how, query):
    question, kind = question_of(query)
    number = query[:2]

    def message(flags, question, records=b"", count=0):
        flags |= RESPONSE | RECURSION
        return number + struct.pack("!5H", flags, 1, count, 0, 0) + question + records

    if how == "failure":
        return message(SERVFAIL, question)
    if how == "cut":
        return message(CUT, question)
    if how == "noise":
        return number + os.urandom(40)
    if how == "other-question":
        return message(0, b"\x05other\x00\x00\x01\x00\x01")
    if kind == IPV4:
        address = socket.inet_aton("127.0.1.1")
        record = struct.pack("!3HIH", 0xC00C, IPV4, 1, 60, 4) + address
        return message(0, question, record, 1)
    return None


server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("127.0.0.1", 53))
print("ready", flush=True)
while True:
    query, client = server.recvfrom(4096)
    reply = answer(sys.argv[1], query)
    if reply:
        server.sendto(reply, client)
