// A client that asks a node what it is told to, one request after the other, and prints each reply
// as it came.
//
//   node asker.js --host H --port P --peer PEERID --ask '[{"method":"GET","url":"timestamp"},…]' [--pingInterval MS]
//
// For each reply it prints {"event":"reply","url":…,"text":"<the message>"}; it ends with code 0 after the last.
'use strict'

const { named, say, fail } = require('./args')
const { manager } = require('./peer-manager')

async function main () {
  const args = named()
  const initiator = manager(args)
  initiator.on('error', error => fail('signalling', error))
  await initiator.id
  const { peer } = await initiator.connect(args.peer)
  peer.on('error', error => fail('channel', error))
  peer.on('close', () => fail('channel', 'closed'))
  for (const request of JSON.parse(args.ask)) {
    const reply = new Promise(resolve => peer.once('data', resolve))
    peer.send(JSON.stringify({ id: 1, ...request }))
    say('reply', { url: request.url, text: (await reply).toString() })
  }
  process.exit(0)
}

main().catch(error => fail('client', error))
