// A simple-peerjs manager over wrtc, made the way a Node program of a user makes it.
'use strict'

const fetch = require('node-fetch')
const WebSocket = require('ws')
const wrtc = require('@roamhq/wrtc')
const SimplePeerJs = require('simple-peerjs')

// manager connects to the signalling server at host and port.
// Without pingInterval the library sends heartbeats as fast as timers run: hundreds a second.
function manager ({ host, port, secure, id, pingInterval }) {
  return new SimplePeerJs({
    fetch,
    WebSocket,
    wrtc,
    key: 'liberdus',
    host,
    port: Number(port),
    secure: secure === 'true',
    path: '/liberdus-peer',
    ...(id && { id }),
    ...(pingInterval && { pingInterval: Number(pingInterval) })
  })
}

module.exports = { manager }
