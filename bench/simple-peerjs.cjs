// The JavaScript consensor that the plan of Liberdus over WebRTC began with: simple-peerjs on
// Node. It answers requests for one account with a body that is given in full.
//
//   node simple-peerjs.cjs HOST PORT PEERID ACCOUNT BODY
'use strict'

const { manager } = require('../e2e/js/peer-manager')

async function main () {
  const [host, port, id, account, body] = process.argv.slice(2)
  const accounts = new Map([[account, JSON.parse(body)]])
  const initiator = manager({ host, port, id, pingInterval: 5000 })
  initiator.on('error', error => { throw error })
  const ourPeerId = await initiator.id
  console.log(JSON.stringify({ peerId: ourPeerId }))

  initiator.on('connect', client => {
    client.peer.on('error', () => {})
    client.peer.on('data', raw => {
      const data = JSON.parse(raw)
      const [type, id] = data.url.split('/')
      client.peer.send(
        JSON.stringify({
          id: data.id,
          type,
          method: data.method,
          status: accounts.has(id) ? 200 : 404,
          body: accounts.get(id) ?? null,
          sender: ourPeerId
        })
      )
    })
  })
}

main().catch(error => {
  console.error(error)
  process.exit(1)
})
