// A stock library against an echo, in one of its serialisations: values of every kind and size.
//
// Parameters: lib (peerjs, peerjs-1.4.7 or simple-peerjs), host, port, peer, serialization,
// reliable (true or false), limit (bytes of the largest message that the echo takes), careless
// (true: it does not heed what the echo says of that limit).
//
// The echo answers with what it got. {"make":N} is answered with a message of N bytes;
// {"fault":"large"|"malformed"|"cannot"|"room"} says that it could not read, or not send.
//
// Outcome: window.result = {done: [names], failed: [texts]}.
'use strict'

const params = Object.fromEntries(new URLSearchParams(location.search))
const limit = Number(params.limit)
const stock = params.lib !== 'simple-peerjs'
const text = !stock || ['raw', 'none'].includes(params.serialization) // the page itself makes and reads JSON
const silence = 'no reply'
const browserFrame = 262144 // what Chromium puts into one frame, at most
const oneFrame = 65536 // what the echo sends without chunks
const result = { done: [], failed: [] }

const plain = data => (typeof data === 'string' ? data : new TextDecoder().decode(data))
const wait = ms => new Promise(resolve => setTimeout(resolve, ms))

// Chromium itself sends nothing over the limit of an answer.
if (params.careless === 'true') {
  const set = RTCPeerConnection.prototype.setRemoteDescription
  RTCPeerConnection.prototype.setRemoteDescription = function (description, ...more) {
    return set.call(this, { type: description.type, sdp: description.sdp.replace(/^(a=max-message-size:).*$/m, `$1${browserFrame}`) }, ...more)
  }
}

// A line is an open channel with the replies that have come.
function line (send) {
  const waiting = []
  return {
    send,
    heard: data => waiting.shift()?.(text ? JSON.parse(plain(data)) : data),
    ask (value, by = send) {
      by(value) // what it refuses gets no reply
      const reply = new Promise(resolve => waiting.push(resolve))
      return Promise.race([reply, wait(8000).then(() => { throw new Error(silence) })])
    }
  }
}

const pack = value => (text ? JSON.stringify(value) : value)

async function openPeerJS () {
  const ourself = new Peer({ host: params.host, port: Number(params.port), path: '/liberdus-peer', key: 'liberdus', secure: false, config: { iceServers: [] } })
  await new Promise((resolve, reject) => { ourself.on('open', resolve); ourself.on('error', reject) })
  const connection = ourself.connect(params.peer, { serialization: params.serialization, reliable: params.reliable === 'true' })
  const open = line(value => connection.send(pack(value)))
  open.raw = value => connection.send(value)
  connection.on('data', open.heard)
  connection.on('error', error => { open.error = error })
  await new Promise((resolve, reject) => { connection.on('open', resolve); setTimeout(() => reject(new Error('no channel')), 15000) })
  open.media = () => ourself.call(params.peer, new MediaStream())
  open.close = () => new Promise((resolve, reject) => {
    connection.on('close', resolve)
    connection.close({ flush: true })
    if (params.lib !== 'peerjs' || params.serialization === 'raw') connection.close() // they know no other close
    setTimeout(() => reject(new Error('not closed')), 15000)
  })
  return open
}

async function openSimplePeer () {
  const initiator = new SimplePeerJs({ host: params.host, port: Number(params.port), path: '/liberdus-peer', key: 'liberdus', secure: false, pingInterval: 5000 })
  await initiator.id
  const { peer } = await initiator.connect(params.peer)
  const open = line(value => peer.send(pack(value)))
  open.raw = value => peer.send(value)
  peer.on('data', open.heard)
  open.renegotiate = () => new Promise((resolve, reject) => {
    const states = []
    peer._pc.addEventListener('signalingstatechange', () => {
      states.push(peer._pc.signalingState)
      if (states.join() === 'have-local-offer,stable') resolve()
    })
    peer.negotiate()
    setTimeout(() => reject(new Error(`no answer: ${states}`)), 15000)
  })
  open.close = async () => peer.destroy()
  return open
}

const same = (a, b) => {
  const sorted = value => (value && typeof value === 'object' && !Array.isArray(value)
    ? Object.fromEntries(Object.keys(value).sort().map(key => [key, sorted(value[key])]))
    : Array.isArray(value) ? value.map(sorted) : value)
  return JSON.stringify(sorted(a)) === JSON.stringify(sorted(b))
}

async function check (name, what, want) {
  try {
    const got = await what()
    if (same(got, want)) result.done.push(name)
    else result.failed.push(`${name}: got ${brief(got)}, want ${brief(want)}`)
  } catch (error) {
    if (error.message === silence) throw new Error(`${name}: ${silence}`) // what follows would only wait as long
    result.failed.push(`${name}: ${error.message}`)
  }
}
const brief = value => String(JSON.stringify(value)).slice(0, 120)
const ofBytes = n => (n === 1 ? 7 : 'x'.repeat(n - 2)) // n bytes as JSON

const values = {
  text: 'hi',
  'no text': '',
  unicode: 'é☃\u0000"\\',
  numbers: [0, 1, -1, 127, 128, -33, 65536, 1.5, -1e-7, 4294967296, -5000000000, 9007199254740991],
  nested: { a: [{ b: { c: [[], {}, null, true, 'd'] } }], e: undefined, f: Array.from({ length: 300 }, (_, i) => ({ i })) }
}

// PeerJS 1.4.7 packs characters beyond U+FFFF under a wrong length: no reader gets them.
if (!(params.lib === 'peerjs-1.4.7' && params.serialization === 'binary')) values['more unicode'] = '😀'

async function exchange (open) {
  for (const [name, value] of Object.entries(values)) {
    await check(name, () => open.ask(value), JSON.parse(JSON.stringify(value, (_, inner) => (inner === undefined && chunks ? null : inner))))
  }
  const json = new TextEncoder().encode('{"a":1}')
  if (text) await check('bytes', () => open.ask(json, open.raw), { a: 1 })
  if (chunks) {
    await check('JSON as bytes', () => open.ask(json), { a: 1 })
    await check('bytes within', () => open.ask({ d: new Uint8Array([1, 2, 3, 4]) }), { d: 'AQIDBA==' })
    await check('bytes that are no JSON', () => open.ask(new Uint8Array([255, 0])), { fault: 'cannot' })
  }
  if (!text) await check('a bare null', () => open.ask(null), { fault: 'cannot' })
}

// carries says whether the echo can send a message of n bytes.
const chunks = (params.serialization || '').startsWith('binary')
const carries = n => n <= (chunks ? limit : oneFrame)

async function sizes (open) {
  const modernJSON = params.lib === 'peerjs' && params.serialization === 'json'
  for (const n of [1, 16300, 16301, 65535, 65536, 65537, 262144, limit, limit + 1]) {
    const tooLong = modernJSON ? n >= 16300 : stock && !chunks && n > browserFrame // refused, or closed for
    if (!tooLong) {
      if (n > browserFrame && !chunks) {
        await check(`${n} bytes up`, async () => { try { open.send(ofBytes(n)); return 'sent' } catch { return 'refused' } }, 'refused')
      } else {
        const want = n > limit ? { fault: 'large' } : carries(n) ? ofBytes(n) : { fault: 'room' }
        await check(`${n} bytes up`, () => open.ask(ofBytes(n)), want)
      }
    }
    await check(`${n} bytes down`, () => open.ask({ make: n }), carries(n) ? ofBytes(n) : { fault: 'room' })
  }
  await check('after all that', () => open.ask('still here'), 'still here')
}

async function main () {
  await new Promise((resolve, reject) => {
    const script = document.createElement('script')
    script.src = `/lib/${params.lib}.js`
    script.onload = resolve
    script.onerror = reject
    document.head.append(script)
  })
  const open = await (stock ? openPeerJS() : openSimplePeer())
  await exchange(open)
  await sizes(open)
  if (open.renegotiate) {
    for (const round of [1, 2, 3]) {
      await check(`renegotiation ${round}`, async () => { await open.renegotiate(); return open.ask(round) }, round)
    }
  }
  if (open.media) {
    await check('media beside it', async () => { open.media(); await wait(100); return open.ask('still here') }, 'still here')
  }
  await check('close', async () => { await open.close(); return 'closed' }, 'closed')
}

main().catch(error => result.failed.push(`page: ${error.message || error}`)).finally(() => { window.result = result })
