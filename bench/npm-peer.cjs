// The npm package `peer` with the path and key of an archiver. It announces its port.
'use strict'

const { PeerServer } = require('../e2e/js/node_modules/peer')

PeerServer(
  { port: 0, host: '127.0.0.1', key: 'liberdus', path: '/liberdus-peer', concurrent_limit: 1e6 },
  server => console.log(JSON.stringify({ port: server.address().port }))
)
