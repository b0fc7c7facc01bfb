// A web client that injects a transaction and asks for an account.
//
//   node seed-client.js --host H --port P --peer PEERID --tx JSON --account ID [--secure true] [--pingInterval MS]
//
// It sends both requests at once and without ids, and ends with code 0 when a reply of type
// "account" has come. Every message is printed as {"event":"message","message":{…}}.
'use strict'

const { named, say, fail } = require('./args')
const { manager } = require('./peer-manager')

async function main () {
  const args = named()
  const initiator = manager(args)
  initiator.on('error', error => fail('signalling', error))

  const ourPeerId = await initiator.id
  say('open', { peerId: ourPeerId })

  const peerConnection = await initiator.connect(args.peer)
  say('connected', { peerId: peerConnection.peerId })

  peerConnection.peer.on('error', error => fail('channel', error))
  peerConnection.peer.on('close', () => fail('channel', 'closed'))
  peerConnection.peer.on('data', data => {
    const message = JSON.parse(data) // simple-peer hands over a Buffer
    say('message', { message })
    if (message.type === 'account') process.exit(0)
  })

  peerConnection.peer.send(
    JSON.stringify({
      url: 'inject',
      method: 'POST',
      body: JSON.parse(args.tx),
      sender: ourPeerId
    })
  )
  peerConnection.peer.send(
    JSON.stringify({
      url: 'account/id',
      method: 'GET',
      body: {
        id: args.account
      },
      sender: ourPeerId
    })
  )
}

main().catch(error => fail('client', error))
