#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A peer of the TLS streams under test: tls_peer.py client|server WORD=VALUE...

A client prints the answer and "whole" after a close_notify, or why it refuses the server.
A server sends each line back, until the close_notify of its client.
"""
import socket
import ssl
import sys

REQUEST = b"GET / HTTP/1.0\r\n\r\n"


def context_for(role, words):
    protocol = ssl.PROTOCOL_TLS_SERVER if role == "server" else ssl.PROTOCOL_TLS_CLIENT
    context = ssl.SSLContext(protocol)
    version = ssl.TLSVersion.TLSv1_2 if words["version"] == "1.2" else ssl.TLSVersion.TLSv1_3
    context.minimum_version = context.maximum_version = version
    if "trust" in words:
        context.load_verify_locations(words["trust"])
        context.verify_mode = ssl.CERT_REQUIRED
    if "identity" in words:
        context.load_cert_chain(words["identity"])
    if "alpn" in words:
        context.set_alpn_protocols([words["alpn"]])
    return context


def client(context, port, session):
    raw = socket.create_connection(("127.0.0.1", port))
    tls = context.wrap_socket(
        raw, server_hostname="localhost", suppress_ragged_eofs=False, session=session
    )
    tls.sendall(REQUEST)
    while piece := tls.recv(65536):
        print(piece.decode(), end="")
    print("whole")
    session = tls.session
    tls.unwrap()
    return session


def server(context, port):
    listener = socket.create_server(("127.0.0.1", port))
    while True:
        raw = listener.accept()[0]
        try:
            tls = context.wrap_socket(raw, server_side=True, suppress_ragged_eofs=False)
            while piece := tls.recv(65536):
                tls.sendall(piece)
            tls.unwrap()
        except OSError as error:
            print("server:", error, flush=True)
        raw.close()


def main():
    role, words = sys.argv[1], dict(word.split("=", 1) for word in sys.argv[2:])
    context, port = context_for(role, words), int(words["port"])
    if role == "server":
        server(context, port)
        return
    try:
        session = client(context, port, None)
        if "twice" in words:
            client(context, port, session)
    except OSError as error:
        sys.exit(str(error))


main()
