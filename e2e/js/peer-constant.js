// The npm `peer` server as a library, with an id generator that knows one id.
//
//   node peer-constant.js --id abcd
//
// It prints what the peerjs command prints when it has started.
'use strict'

const { PeerServer } = require('peer')
const { named } = require('./args')

const { id } = named()
PeerServer({ port: 0, host: '127.0.0.1', generateClientId: () => id }, server => {
  console.log('Started PeerServer on %s, port: %s, path: /', '127.0.0.1', server.address().port)
})
