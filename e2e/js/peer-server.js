// The npm `peer` server with the settings of a Liberdus archiver.
//
//   node peer-server.js [--port 0] [--host 127.0.0.1]
//
// It prints {"event":"listening","port":N}, then "connection" and "disconnect" with the peer's id.
'use strict'

const { PeerServer } = require('peer')
const { named, say, fail } = require('./args')

const args = { port: '0', host: '127.0.0.1', ...named() }
const peerServer = PeerServer(
  { port: Number(args.port), host: args.host, key: 'liberdus', path: '/liberdus-peer' },
  server => say('listening', { port: server.address().port })
)
peerServer.on('connection', client => say('connection', { peerId: client.getId() }))
peerServer.on('disconnect', client => say('disconnect', { peerId: client.getId() }))
peerServer.on('error', error => fail('server', error))
