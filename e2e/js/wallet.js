// A wallet made of what public wallets are made of: transactions hashed and written by the Shardus
// packages from npm, and signed by ethers or, as nodes and the first wallets do it, by Shardus itself.
//
//   node wallet.js --scheme ethers|shardus --node http://HOST:PORT
//   node wallet.js --scheme ethers|shardus --host H --port P --peer PEERID [--pingInterval MS]
//
// It makes two users, who register, and of whom the first transfers and writes to the second. Every
// request goes over HTTP, or every one over a data channel. For each transaction it prints
// {"event":"applied","type","txId","result","receipt"}, txId being its own, and at the end
// {"event":"done",…} with what the node shows of the two.
'use strict'

const crypto = require('@shardus/lib-crypto-utils')
const { Utils } = require('@shardus/lib-types')
const { ethers } = require('ethers')
const { named, say, fail } = require('./args')

crypto.init('69fa4195670576c0160d660c3be36556ff8d504725be8a59b5a96509e0c994bc')
crypto.setCustomStringifier(Utils.safeStringify, 'shardus_safeStringify')

const LIB = 10n ** 18n

// Each scheme makes users: {address, publicKey, sign(tx)}.
const schemes = {
  ethers () {
    const wallet = ethers.Wallet.createRandom()
    const address = wallet.address.slice(2).toLowerCase().padEnd(64, '0')
    return {
      address,
      publicKey: wallet.signingKey.publicKey.slice(2),
      sign (tx) {
        tx.sign = { owner: address, sig: new ethers.Wallet(wallet.privateKey).signMessageSync(crypto.hashObj(tx)) }
      }
    }
  },
  shardus () {
    const { publicKey, secretKey } = crypto.generateKeypair()
    return { address: publicKey, publicKey, sign: tx => crypto.signObj(tx, secretKey, publicKey) }
  }
}

// overHTTP returns a function that asks a node the way wallets do.
function overHTTP (node) {
  return async (method, path, tx) => {
    const response = await fetch(`${node}/${path}`, {
      method,
      ...(tx && { headers: { 'Content-Type': 'application/json' }, body: JSON.stringify({ tx: Utils.safeStringify(tx) }) })
    })
    return Utils.safeJsonParse(await response.text())
  }
}

// overChannel returns a function that asks over a data channel, one request at a time.
async function overChannel (args) {
  const initiator = require('./peer-manager').manager(args)
  initiator.on('error', error => fail('signalling', error))
  const sender = await initiator.id
  const { peer } = await initiator.connect(args.peer)
  peer.on('error', error => fail('channel', error))
  peer.on('close', () => fail('channel', 'closed'))
  const waiting = new Map()
  peer.on('data', data => {
    const reply = Utils.safeJsonParse(data.toString())
    waiting.get(reply.id)(reply.body)
    waiting.delete(reply.id)
  })
  let last = 0
  return (method, url, body) => new Promise(resolve => {
    const id = String(++last)
    waiting.set(id, resolve)
    peer.send(Utils.safeStringify({ id, url, method, ...(body && { body }), sender }))
  })
}

async function main () {
  const args = named()
  const ask = args.node ? overHTTP(args.node) : await overChannel(args)
  const { account: network } = await ask('GET', `account/${'0'.repeat(64)}`)

  // apply completes, signs and injects a transaction, and waits for its receipt.
  async function apply (user, tx) {
    tx = { ...tx, from: user.address, networkId: network.networkId, timestamp: (await ask('GET', 'timestamp')).timestamp }
    const txId = crypto.hashObj(tx)
    user.sign(tx)
    const { result } = await ask('POST', 'inject', tx)
    const { transaction: receipt } = await ask('GET', `transaction/${txId}`)
    say('applied', { type: tx.type, txId, result, receipt: receipt && { success: receipt.success, reason: receipt.reason } })
  }

  const [alice, bob] = [schemes[args.scheme](), schemes[args.scheme]()]
  for (const [user, name] of [[alice, 'alice'], [bob, 'bob']]) {
    const alias = name + user.address.slice(0, 8)
    await apply(user, { type: 'register', alias, aliasHash: crypto.hash(alias), publicKey: user.publicKey, private: false })
    user.found = (await ask('GET', `address/${crypto.hash(alias)}`)).address
  }
  const chatId = crypto.hash([alice.address, bob.address].sort().join(''))
  const talk = { to: bob.address, chatId, fee: LIB }
  await apply(alice, { type: 'transfer', ...talk, amount: 20n * LIB, memo: 'zażółć 😀' })
  const { toll } = await ask('GET', `account/${bob.address}/toll`)
  await apply(alice, { type: 'message', ...talk, amount: toll, message: '', xmessage: { encrypted: true, message: 'zażółć 😀 \ud800' } })

  const { balance } = await ask('GET', `account/${bob.address}/balance`)
  const { chats } = await ask('GET', `account/${bob.address}/chats/0`)
  const { messages } = await ask('GET', `messages/${chats[alice.address]}/0`)
  say('done', {
    users: [alice.address, bob.address],
    chatId,
    found: [alice.found === alice.address, bob.found === bob.address],
    balance: String(balance),
    messages: messages.map(tx => {
      const { sign, ...rest } = tx
      return { type: tx.type, txId: crypto.hashObj(rest) }
    })
  })
  process.exit(0)
}

main().catch(error => fail('wallet', error))
