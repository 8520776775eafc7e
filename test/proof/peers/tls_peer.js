// SPDX-License-Identifier: Apache-2.0
// A peer of the TLS streams under test: node tls_peer.js client|server WORD=VALUE...
//
// A client prints the answer and "whole" after the end, or the code of its refusal.
// A server sends everything back, until the end of its client.
const fs = require('fs');
const tls = require('tls');

const role = process.argv[2];
const words = Object.fromEntries(process.argv.slice(3).map((word) => word.split('=', 2)));
const file = (name) => (words[name] ? fs.readFileSync(words[name]) : undefined);
const version = 'TLSv' + words.version;
const options = {
  host: '127.0.0.1',
  port: Number(words.port),
  servername: 'localhost',
  minVersion: version,
  maxVersion: version,
  ca: file('trust'),
  cert: file('identity'),
  key: file('identity'),
  ciphers: words.cipher,
  ALPNProtocols: words.alpn ? [words.alpn] : undefined,
};

function connect(session, finished) {
  let newest = session;
  const socket = tls.connect({...options, session}, () => {
    socket.write('GET / HTTP/1.0\r\n\r\n');
  });
  socket.on('session', (given) => { newest = given; });
  socket.on('data', (bytes) => process.stdout.write(bytes));
  socket.on('end', () => {
    console.log('whole');
    socket.end();
    finished(newest);
  });
  socket.on('error', (error) => {
    console.log(error.code, error.message);
    process.exitCode = 1;
  });
}

if (role === 'client') {
  connect(undefined, (session) => {
    if (words.twice) connect(session, () => {});
  });
} else {
  const required = Boolean(words.trust);
  const server = tls.createServer(
      {...options, requestCert: required, rejectUnauthorized: required},
      (socket) => {
        socket.on('error', () => {});
        socket.pipe(socket);
      });
  server.on('tlsClientError', () => {});
  server.listen(options.port, options.host);
}
