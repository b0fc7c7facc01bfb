// A client that first sends what no client should, then asks for an account on the same channel.
//
//   node rude-client.js --host H --port P --peer PEERID --account ID
//
// It ends with code 0 when the reply of type "account" has come.
'use strict'

const { named, say, fail } = require('./args')
const { manager } = require('./peer-manager')

const rude = [
  '',
  'not json',
  'null',
  '[]',
  '"text"',
  '{}',
  '{"url":7}',
  '{"url":"","method":""}',
  '{"url":"inject","method":"POST"}',
  '{"url":"inject","method":"POST","body":"text"}',
  '{"url":"inject","method":"POST","body":{"sign":{"owner":1,"sig":[]},"type":{}}}',
  '{"url":"account/id","method":"GET","body":{"id":{"dataType":"bi","value":"zz"}}}',
  '{"url":"account/../../debug","method":"GET"}',
  '{"url":"/debug/pprof","method":"GET"}',
  '{"id":{"a":1},"url":"timestamp","method":"GET"}',
  '{"id":1,"url":"timestamp","method":"GET","timeout":-1}',
  '['.repeat(50000),
  '{"url":"x"' + ',"a":1'.repeat(5000),
  Buffer.from([0]),
  Buffer.from([1, 1, 0, 1]),
  Buffer.from([1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01]),
  Buffer.from([0xff, 0xfe, 0xfd]),
  Buffer.alloc(16000, 0x7b)
]

async function main () {
  const args = named()
  const initiator = manager({ pingInterval: 5000, ...args })
  initiator.on('error', error => fail('signalling', error))

  const ourPeerId = await initiator.id
  const { peer } = await initiator.connect(args.peer)
  peer.on('error', error => fail('channel', error))
  peer.on('close', () => fail('channel', 'closed'))
  peer.on('data', data => {
    const message = JSON.parse(data)
    say('message', { message })
    if (message.type === 'account' && message.body && message.body.id === args.account) process.exit(0)
  })

  for (const message of rude) peer.send(message)
  peer.send(
    JSON.stringify({ url: 'account/id', method: 'GET', body: { id: args.account }, sender: ourPeerId })
  )
}

main().catch(error => fail('client', error))
