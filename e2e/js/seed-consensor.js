// A consensor that knows only two requests: inject, which it does not answer, and account/id,
// which it answers with {id: 'abc123'} whatever was asked.
//
//   node seed-consensor.js --host H --port P [--id PEERID]
//
// It prints {"event":"open","peerId":…}, then {"event":"injected","body":{…}} and
// {"event":"asked","body":{…}} as they come, and runs until it is ended.
'use strict'

const { named, say, fail } = require('./args')
const { manager } = require('./peer-manager')

async function main () {
  const initiator = manager({ pingInterval: 5000, ...named() })
  initiator.on('error', error => fail('signalling', error))

  const ourPeerId = await initiator.id
  say('open', { peerId: ourPeerId })

  initiator.on('connect', clientConnection => {
    say('connected', { peerId: clientConnection.peerId })
    clientConnection.peer.on('error', error => say('channel error', { error: error.message }))
    clientConnection.peer.on('close', () => say('closed', { peerId: clientConnection.peerId }))

    clientConnection.peer.on('data', raw => {
      const data = JSON.parse(raw)
      if (data.url === 'inject' && data.method === 'POST') {
        say('injected', { body: data.body })
      }
    })

    clientConnection.peer.on('data', raw => {
      const data = JSON.parse(raw)
      if (data.url === 'account/id' && data.method === 'GET') {
        say('asked', { body: data.body })
        clientConnection.peer.send(
          JSON.stringify({
            type: 'account',
            method: 'GET',
            body: {
              id: 'abc123'
            },
            sender: ourPeerId
          })
        )
      }
    })
  })
}

main().catch(error => fail('consensor', error))
