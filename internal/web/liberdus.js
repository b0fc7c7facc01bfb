// Liberdus for web pages: accounts and transactions over WebRTC, from nodes that prove who they are.
//
//   import { connect } from 'https://archiver.example/liberdus.js'
//   const liberdus = await connect({ archivers: ['https://archiver.example#<its public key>'] })
//   const { account } = await liberdus.account(id)
//
// An archiver tells, signed, where the nodes' signalling server is and which nodes are active. A node
// proves in its ANSWER, before that is applied, that it holds the key on the list and the certificate
// of this very connection. So neither the signalling server nor who sits on the way can pose as it.
//
// What each export does and which events there are is in liberdus.d.ts, the wire in docs/protocol.md.
// The server leaves out comments and indentation, so no text may span lines here.

const HASH_KEY = '69fa4195670576c0160d660c3be36556ff8d504725be8a59b5a96509e0c994bc'
const MAX_MESSAGE = 262144 // bytes of a message on a data channel
const MAX_FRAME = 65536 // above that it travels in chunks
const CHUNK = 16368 // bytes of a message in one chunk of 16,384
const MAX_AGE = 120000 // ms that a list may be behind its archiver's clock
const FRESH = 30000 // ms for which a list is not fetched again
const PATIENCE = 10000 // ms for an archiver to answer, and for a connection to open
const UNREACHED = 'no answer: a firewall may block UDP'
const UNPROVEN = 'it did not prove who it is: '
const ACK = 4000 // ms for a node to take a transaction, before another is asked
const PING = 3000 // ms in which a node that is doubted must answer

const now = () => performance.now()
const encode = text => new TextEncoder().encode(text)
const hex = (bytes, between = '') => Array.from(bytes, b => b.toString(16).padStart(2, '0')).join(between)
const unhex = text => Uint8Array.from(text.match(/../g), b => parseInt(b, 16))
const random = () => hex(crypto.getRandomValues(new Uint8Array(16)))
const clip = text => String(text).slice(0, 200)
const named = peer => 'node ' + peer.slice(0, 8)
const refused = ({ peer, status, body }) => new LiberdusError('node', `${named(peer)} answers ${status}: ${clip(body.error)}`, { peer, status })
const ignore = () => {}

export class LiberdusError extends Error {
  constructor (hop, message, more) {
    super(message)
    Object.assign(this, { hop }, more)
  }
}

// race settles as work does, or with undefined after ms.
const race = (ms, work) => Promise.race([work, new Promise(resolve => setTimeout(resolve, ms))])

// ---- Signed objects: canonical text, BLAKE2b-256 of it, Ed25519 of that ----

export function canonical (value) {
  if (typeof value === 'bigint') return canonical({ dataType: 'bi', value: value.toString(16) })
  if (!value || typeof value !== 'object') return JSON.stringify(value)
  if (value.toJSON) return canonical(value.toJSON())
  if (Array.isArray(value)) return `[${value.map(v => canonical(v) ?? 'null')}]`
  const names = Object.keys(value)
  if (!/^(bb|u8ab)$/.test(value.dataType)) names.sort() // bytes are the one object that is not sorted
  return `{${names.map(name => [JSON.stringify(name), canonical(value[name])]).filter(m => m[1]).map(m => m.join(':'))}}`
}

const textOf = value => typeof value === 'string' ? value : canonical(value)

export const parse = text => JSON.parse(text, (name, value) =>
  value?.dataType === 'bi' && name !== 'sig' ? BigInt('0x' + value.value) : value)

// BLAKE2b (RFC 7693). A store into a BigUint64Array drops what is above 64 bits.
const SIGMA = '0123456789abcdefea489fd61c02b753b8c052fdae3671947931dcbe265a40f8905724afe1bc683d2c6a0b834d75fe19c51fed4a0763928bdb7ec13950f4862a6fe9b308c2d714a5a2847615fb9e3cd0'
const STEPS = Array.from(SIGMA, digit => parseInt(digit, 16))
// Of the square roots of the first eight primes, 64 bits behind the point.
const IV = BigUint64Array.from([2n, 3n, 5n, 7n, 11n, 13n, 17n, 19n], prime => {
  let root = prime << 64n
  for (let i = 0; i < 99; i++) root = root + (prime << 128n) / root >> 1n
  return root
})

function blake2b (data, key) {
  const total = 128 + data.length // the key fills a block
  const input = new Uint8Array(Math.ceil(total / 128) * 128)
  input.set(key)
  input.set(data, 128)
  const h = IV.slice()
  const v = new BigUint64Array(16)
  h[0] ^= 0x01012020n // 32 bytes of key, 32 of hash
  const turn = (a, b, n) => {
    const x = v[a] ^ v[b]
    v[a] = x >> n | x << 64n - n
  }
  for (let at = 0; at < input.length; at += 128) {
    const m = new BigUint64Array(input.buffer, at, 16)
    const last = at + 128 >= total
    v.set(h)
    v.set(IV, 8)
    v[12] ^= BigInt(last ? total : at + 128)
    if (last) v[14] = ~v[14]
    for (let i = 0; i < 192; i += 2) { // 12 rounds of four columns and four diagonals
      const k = i >> 3 & 1
      const a = i >> 1 & 3
      const b = 4 + (a + k & 3)
      const c = 8 + (a + 2 * k & 3)
      const d = 12 + (a + 3 * k & 3)
      v[a] += v[b] + m[STEPS[i % 160]]
      turn(d, a, 32n)
      v[c] += v[d]
      turn(b, c, 24n)
      v[a] += v[b] + m[STEPS[i % 160 + 1]]
      turn(d, a, 16n)
      v[c] += v[d]
      turn(b, c, 63n)
    }
    for (let i = 0; i < 8; i++) h[i] ^= v[i] ^ v[i + 8]
  }
  return new Uint8Array(h.buffer, 0, 32)
}

export const hash = (text, key = HASH_KEY) => hex(blake2b(encode(text), unhex(key)))
export const txId = ({ sign, ...tx }) => hash(canonical(tx))

const importKey = async key => crypto.subtle.importKey('raw', unhex(key), 'Ed25519', false, ['verify'])

// verify returns the key that signed an object which has these members and no others.
export async function verify (object, members) {
  const { owner, sig } = object?.sign ?? {}
  if (members && Object.keys(object ?? {}).sort().join() !== members.sort().join()) throw Error('its answer has other members')
  if (!/^[0-9a-f]{256}$/.test(owner + sig)) throw Error('its answer is not signed')
  if (sig.slice(128) !== txId(object) || !await crypto.subtle.verify('Ed25519', await importKey(owner), unhex(sig.slice(0, 128)), unhex(sig.slice(128)))) throw Error('its answer was changed after signing')
  return owner
}

// ---- What outlives the page: keys of archivers as first seen, and the newest epochs ----

let store = {}
try {
  store = localStorage
} catch {} // it is forgotten with the page

// ---- An archiver: where signalling is, and the nodes on the verified list ----

const ask = url => fetch(url, { signal: AbortSignal.timeout(PATIENCE) }).then(response => response.json())
  .catch(() => { throw Error('no proper answer: check the URL') })

// visit asks an archiver that is {url, pin} and fills in the rest.
async function visit (archiver, phase, emit) {
  const { url, pin } = archiver
  const known = pin || store['liberdus ' + url]
  const floor = store['liberdus ' + known] ?? 0
  const nonce = random()
  const asked = Date.now()
  const signed = async (path, members) => {
    const answer = await ask(url + path)
    const key = await verify(answer, [...members, 'networkId', 'sign', 'time'])
    if (known && key !== known) throw Error(`its key is ${key}, not ${known} as ${pin ? 'pinned' : 'before'}: somebody may pose as it: if not, give ${url}#${key}`)
    return { ...answer, key, skew: answer.time - (asked + Date.now()) / 2 }
  }
  const who = { archiver: url }
  const [{ rtc, ...told }, list] = await Promise.all([
    phase('archiver', who, signed('/rtc?nonce=' + nonce, ['rtc', 'nonce', 'purpose'])),
    phase('list', who, signed('/full-nodelist?activeOnly=true', ['list', 'epoch', 'nodeList']))
  ])
  const { key, networkId, skew } = told
  const age = Date.now() + skew - list.time
  const wrong = told.purpose !== 'liberdus-rtc' || told.nonce !== nonce ? 'its answer is an old one'
    : list.key !== key || list.networkId !== networkId ? 'its list is of another key or network'
      : list.list !== 'active' ? `its list is ${clip(list.list)}, not active`
        : !(age < MAX_AGE) || !(list.epoch >= floor) ? `its list is an old one: ${Math.round(age / 1000)} s, epoch ${list.epoch} after ${floor}` : 0
  if (wrong) throw Error(wrong)
  try {
    store['liberdus ' + url] = key
    store['liberdus ' + key] = list.epoch
  } catch {} // there is no room
  if (Math.abs(skew) > 5000) emit({ type: 'warning', text: `the clock here is off by ${Math.round(-skew / 1000)} s` })
  const peers = `ws${rtc.secure ? 's' : ''}://${rtc.host ?? new URL(url).hostname}:${rtc.port}${rtc.path.replace(/\/$/, '')}/peerjs?key=${encodeURIComponent(rtc.key)}&`
  Object.assign(archiver, { networkId, rtc, peers, at: now(), nodes: list.nodeList.filter(n => /^[0-9a-f]{64}$/.test(n.peerId) && n.publicKey === n.peerId) })
}

// ---- A session with one node: from the offer to the last reply ----

// fingerprintOf returns the only fingerprint of a description of one data channel.
function fingerprintOf (sdp) {
  const lines = (sdp.match(/^(m=|a=fingerprint:).*/gm) ?? []).sort().join('')
  const [, , print] = lines.match(/^(a=fingerprint:(sha-256 ([\dA-F]{2}:){31}[\dA-F]{2}))\1*m=application [^=]*webrtc-datachannel$/) ?? []
  if (!print) throw Error('its description is ambiguous')
  return print
}

// dial opens a session with the node whose key is peer.
async function dial (archiver, peer, { phase, emit, iceServers, gone, live }) {
  const socket = new WebSocket(`${archiver.peers}id=${random()}&token=${random()}`)
  const pc = new RTCPeerConnection({ iceServers: iceServers ?? archiver.rtc.iceServers })
  const channel = pc.createDataChannel('liberdus')
  const pending = new Map() // what settles each request, by its id
  const events = new Map() // what takes the events of each subscription
  const pieces = new Map() // of messages that have not come in full
  const phases = {}
  const id = random()
  let asked = 0
  let sent = 0
  let queue = Promise.resolve()
  let hop, check, chunks, print

  // reach waits for a step of connecting, until test says that it is done.
  const reach = async (name, test) => {
    hop = name
    await phase(name, { peer }, new Promise((resolve, reject) => {
      check = () => session.ended ? reject(session.ended) : test() && resolve()
      check()
    }), phases)
  }

  const hear = async ({ type, src, payload }) => {
    if (type === 'ERROR') throw Error('signalling server: ' + clip(payload.msg))
    if (type === 'EXPIRE') throw Error('it is not connected to the archiver')
    if (type === 'OPEN') await pc.setLocalDescription()
    if (src !== peer || payload.id !== id) return
    const { caps, identity, signal: { sdp, candidate } } = payload
    if (candidate) return pc.addIceCandidate(candidate)
    // The answer is held against this connection, and only then the browser gets to use it.
    try {
      print = fingerprintOf(sdp)
      const want = {
        peerId: peer,
        connectionId: id,
        networkId: archiver.networkId,
        purpose: 'liberdus-identity',
        fingerprint: print,
        remoteFingerprint: fingerprintOf(pc.localDescription.sdp)
      }
      const got = { ...identity, key: await verify(identity, [...Object.keys(want), 'sign', 'timestamp']) }
      want.key = peer
      for (const name in want) if (got[name] !== want[name]) throw Error(`its ${name} is ${clip(got[name])}, not ${want[name]}`)
    } catch (err) {
      throw Error(UNPROVEN + err.message)
    }
    chunks = caps?.includes('chunk/1')
    await pc.setRemoteDescription({ type: 'answer', sdp })
  }

  const end = why => {
    if (session.ended) return
    session.ended = new LiberdusError(hop === 'answer' ? 'signalling' : hop, `${named(peer)}: ${why}`, { peer })
    check()
    clearTimeout(timer)
    hangUp()
    pc.close()
    for (const settle of pending.values()) settle(session.ended)
    for (const tell of events.values()) tell({ end: why })
    gone(session)
  }

  const hangUp = () => {
    socket.onclose = socket.onmessage = null
    if (socket.readyState) socket.close()
    else socket.onopen = hangUp
  }

  // ask sends a request and returns its reply, if it comes within ms.
  const ask = (url, ms, body, method = body ? 'POST' : 'GET') => {
    return new Promise((resolve, reject) => {
      if (session.ended) throw session.ended
      const id = String(++asked)
      const began = now()
      const late = setTimeout(() => {
        doubt()
        settle(new LiberdusError('node', `${named(peer)}: no answer to ${clip(url)} in time`))
      }, ms)
      const settle = (err, { status = 200, body, contentType } = {}) => {
        clearTimeout(late)
        pending.delete(id)
        if (err) return reject(err)
        const ms = now() - began
        session.doubts = 0
        session.rtt += (ms - session.rtt) * (session.rtt ? 0.3 : 1)
        resolve({ status, body, contentType, peer, ms })
      }
      pending.set(id, settle)
      try {
        write(canonical({ id, url, method, body, timeout: Math.ceil(ms) }))
      } catch (err) {
        if (err.hop) settle(err)
        else end(err.message) // the channel is closing
      }
    })
  }

  const write = text => {
    const bytes = encode(text)
    const { length } = bytes
    if (length > (chunks ? MAX_MESSAGE : MAX_FRAME)) throw new LiberdusError('browser', 'the request is too large')
    emit({ type: 'frame', peer, out: true, text })
    if (length <= MAX_FRAME) return channel.send(text)
    sent++
    const total = Math.ceil(length / CHUNK)
    for (let i = 0; i < total; i++) channel.send(new Uint8Array([1, ...[sent, i, total].flatMap(uvarint), ...bytes.subarray(i * CHUNK, i * CHUNK + CHUNK)]))
  }

  const receive = data => {
    if (data instanceof ArrayBuffer) data = gather(new Uint8Array(data))
    if (!data) return
    if (data.length > MAX_MESSAGE) throw Error('too much')
    emit({ type: 'frame', peer, out: false, text: data })
    const message = parse(data)
    if (message.type === 'event') events.get(message.subscription)?.(message)
    else pending.get(message.id)?.(null, message) // nobody waits for what comes late or twice
  }

  // gather takes a chunk of a message and returns the message when it is complete.
  const gather = bytes => {
    let at = 1
    const [message, index, total] = [0, 0, 0].map(n => {
      for (let scale = 1; ; scale *= 128) {
        n += (bytes[at] & 127) * scale
        if (!(bytes[at++] > 127)) return n
      }
    })
    const whole = index ? pieces.get(message) ?? [] : Object.assign([], { next: 0 })
    if (bytes[0] !== 1 || whole.next++ !== index || whole.length > MAX_MESSAGE || pieces.size > 8) throw Error('too much')
    whole.push(...bytes.subarray(at))
    pieces.set(message, whole)
    if (index + 1 < total) return
    pieces.delete(message)
    return new TextDecoder().decode(new Uint8Array(whole))
  }

  // doubt ends the session unless the node answers soon.
  const doubt = () => {
    if (!session.doubts++) ask('is-healthy', PING).catch(() => end('it is silent'))
  }

  // stats tells how the packets travel. Chromium's getStats may tell of a moment ago, when nothing had travelled yet.
  const stats = () => {
    return { peer, rtt: session.rtt, phases, path: pc.sctp.transport.iceTransport.getSelectedCandidatePair?.()?.local.protocol }
  }

  const session = { peer, pending, events, phases, rtt: 0, doubts: 0, ask, doubt, end, stats }
  const timer = setTimeout(end, PATIENCE, UNREACHED)
  live.add(session)
  socket.onclose = () => end('no answer of the signalling server')
  // Messages are taken one after the other: a candidate is of use only when the answer is applied.
  socket.onmessage = ({ data }) => {
    queue = queue.then(() => hear(JSON.parse(data))).then(check, err => end(err.message))
  }
  pc.oniceconnectionstatechange = () => check()
  pc.onconnectionstatechange = () => {
    if (pc.connectionState === 'disconnected') doubt()
    if (pc.connectionState === 'failed') end(pc.iceConnectionState === 'failed' ? UNREACHED : UNPROVEN + 'another certificate')
  }
  channel.binaryType = 'arraybuffer'
  channel.onopen = () => check()
  channel.onclose = () => end('it closed the connection')
  channel.onmessage = ({ data }) => {
    try {
      receive(data)
    } catch (err) {
      end('it sends nonsense: ' + clip(err.message))
    }
  }

  await reach('signalling', () => pc.localDescription)
  socket.send(JSON.stringify({ type: 'OFFER', dst: peer, payload: { id, caps: ['chunk/1'], signal: pc.localDescription } }))
  await reach('answer', () => pc.remoteDescription)
  await reach('ice', () => /^co/.test(pc.iceConnectionState)) // connected or completed
  await reach('channel', () => channel.readyState === 'open')
  // The browser has compared them, too; not all of them show the certificate that is in use.
  const [certificate] = pc.sctp.transport.getRemoteCertificates?.() ?? []
  if (certificate && hex(new Uint8Array(await crypto.subtle.digest('SHA-256', certificate)), ':').toUpperCase() !== print.slice(8)) {
    end(UNPROVEN + 'another certificate')
    throw session.ended
  }
  clearTimeout(timer)
  hangUp()
  return session
}

const uvarint = n => n < 128 ? [n] : [n & 127 | 128, ...uvarint(n >> 7)]

// ---- A client: a pool of sessions, and what is asked over them ----

// Refusals that say that this node, or this moment, takes no transaction; another node may.
const ELSEWHERE = /^(Node is|Not ready|Network c|Maximum l|\w+ transactions a)/

export async function connect ({ archivers = new URL(import.meta.url).origin, peer, timeout = 10000, quorum = 1, pool = quorum + 1, iceServers, onEvent = ignore } = {}) {
  await importKey(HASH_KEY).catch(() => {
    throw new LiberdusError('browser', isSecureContext ? 'this browser has no Ed25519: update it' : 'not secure: open it by https or on localhost')
  })
  const sessions = new Map() // that are open, by peer
  const live = new Set() // all that have not ended
  const failures = {} // by peer, since it last answered
  const over = new AbortController()
  const { signal } = over
  let waiting = [] // for a session
  let failure = new LiberdusError('node', 'no node answered in time')
  let filling, wakeUp
  let took = [] // ms, by the latest reads
  let spare = 20 // reads that may be sent twice for being slow
  let places = [archivers].flat().map(text => {
    const [url, pin] = text.split('#')
    return { url: url.replace(/\/+$/, ''), pin: pin?.toLowerCase() }
  })
  const emit = event => queueMicrotask(() => onEvent({ at: now(), ...event }))

  const phase = async (name, who, work, times = {}) => {
    const tell = (state, error) => emit({ type: 'phase', phase: name, state, ...who, ms: times[name] = now() - began, error })
    const began = now()
    tell('start')
    try {
      const value = await work
      tell('done')
      return value
    } catch (err) {
      tell('failed', err.message)
      throw err
    }
  }

  const bad = (archiver, message) => new LiberdusError('archiver', `archiver ${archiver}: ${message}`, { archiver })

  const refresh = async place => {
    if (!(now() - place.at < FRESH)) await (place.visit ??= visit(place, phase, emit).catch(err => { throw bad(place.url, err.message) }).finally(() => { place.visit = null }))
    return place
  }

  // join dials a node and takes the session into the pool.
  const join = async (place, id) => {
    const session = await dial(place, id, env)
    if (sessions.size >= pool) return session.end()
    sessions.set(id, session)
    news()
    emit({ type: 'session', state: 'open', ...session.stats() })
  }

  const gone = session => {
    live.delete(session)
    failures[session.peer] = (failures[session.peer] ?? 0) + 1
    if (sessions.get(session.peer) !== session) return
    sessions.delete(session.peer)
    emit({ type: 'session', state: 'lost', peer: session.peer, error: session.ended.message })
    fill()
  }

  const env = { phase, emit, iceServers, gone, live } // of a session

  // news tells who waits for a session that there is one, or that there is none to be had now.
  const news = () => {
    for (const tell of waiting.splice(0)) tell()
  }

  // fill keeps the pool full.
  const fill = async () => {
    if (filling) return
    filling = true
    for (let wait = 250; !signal.aborted && !await round(); wait = Math.min(2 * wait, 10000)) {
      if (!sessions.size) news()
      await race(wait * Math.random(), new Promise(resolve => { wakeUp = resolve }))
    }
    filling = false
  }

  // round goes through the archivers, the one that worked last first, and reports whether the pool is full.
  const round = async () => {
    let first
    for (const place of places) {
      try {
        await refresh(place)
        const listed = peer ? [peer] : place.nodes.map(node => node.peerId)
        if (!listed.length) throw bad(place.url, 'no node is active')
        if (!(listed.length >= quorum)) throw bad(place.url, `no quorum of ${listed.length}`)
        const want = Math.min(pool, listed.length)
        const running = new Set()
        const luck = listed.map(id => [Math.random() + (failures[id] ?? 0), id]).sort(([a], [b]) => a - b)
        for (const [, id] of luck) {
          if (sessions.has(id)) continue
          if (sessions.size >= want || signal.aborted) break
          const work = join(place, id).catch(err => { first ??= err }).finally(() => running.delete(work))
          running.add(work)
          if (sessions.size + running.size >= want) await race(1000, Promise.race(running)) // who takes longer gets company
        }
        await Promise.all(running)
        if (sessions.size < want) continue
        places = [...new Set([place, ...places])]
        return true
      } catch (err) {
        first ??= err
      }
    }
    failure = first ?? failure
  }
  // best is the session to ask next, of those that were not asked.
  const cost = ({ rtt, doubts, pending }) => (rtt + 10) * (1 + doubts + pending.size)
  const best = tried => [...sessions.values()].filter(session => !tried.has(session)).sort((a, b) => cost(a) - cost(b))[0]

  // session waits until there is one that was not asked, and now is.
  const session = async (until, tried = new Set()) => {
    for (;;) {
      signal.throwIfAborted()
      const found = best(tried)
      if (found) {
        tried.add(found)
        return found
      }
      fill()
      const left = until - now()
      if (left <= 0) throw failure
      await race(left, new Promise(resolve => waiting.push(resolve)))
    }
  }

  // slow returns how many ms 95 in 100 of the latest reads took less than.
  const slow = () => took[15] ? took.toSorted((a, b) => a - b)[took.length * 0.95 | 0] : 100

  // read asks a node, and another one when that fails or falls silent. One that is only slow is left for
  // another as well, but not for more than a tenth of the reads: else a slow network gets everything twice.
  const read = async (url, until, tried = new Set()) => {
    spare = Math.min(20, spare + !tried.size / 10)
    const asked = await session(until, tried)
    const reply = asked.ask(url, until - now()).then(reply => {
      if (reply.status === 429 || !(reply.status > 199 && reply.status < 500)) throw reply
      failures[asked.peer] = 0
      took = [...took.slice(-127), reply.ms]
      return reply
    })
    const told = reply.then(() => 1, () => 0)
    const heard = race(Math.min(1000, 250 + 4 * slow()), told)
    heard.then(yes => yes ?? asked.doubt())
    let early = await race(Math.min(400, slow()), told)
    if (early === undefined && !(best(tried) && spare >= 1 && spare--)) early = await heard
    if (early || tried.size > quorum + 2 || !best(tried) && (early === undefined || !asked.ended)) return reply
    return Promise.any([reply, read(url, until, tried)]).catch(() => reply)
  }

  // fault returns a reply that is one, as every node that was asked has answered with it.
  const fault = err => {
    if (err.status) return err
    throw err
  }

  // agree has several nodes asked, which have to say the same; again if not, as an account may have changed meanwhile.
  const agree = async (url, until, more = 2) => {
    const tried = new Set()
    const replies = await Promise.all([...Array(quorum)].map(() => read(url, until, tried).catch(fault)))
    const said = replies.map(({ status, body }) => canonical([status, body]))
    const odd = replies.filter((reply, i) => said.filter(text => text === said[i]).length <= quorum / 2)
    if (!odd[0]) return replies[0]
    if (more--) return agree(url, until, more)
    throw new LiberdusError('node', `no quorum: otherwise say ${odd.map(reply => reply.peer)}`, { replies })
  }

  const askOne = async (id, ...request) => {
    const pooled = sessions.get(id)
    const session = pooled ?? await dial(await refresh(places[0]), id, env)
    try {
      return await session.ask(...request)
    } finally {
      if (!pooled) session.end('closed')
    }
  }

  // whole gets the messages of a chat in pages, where they are too many for one reply.
  const whole = async (get, url) => {
    let reply = await get(url)
    if (reply.status === 413 && url.startsWith('messages')) {
      const messages = []
      for (let more = '$&-0'; more; more = reply.body.more) {
        reply = await get(url.replace(/\d+$/, more))
        messages.push(...reply.body.messages ?? [])
      }
      if (reply.status === 200) reply.body = { messages }
    }
    return reply
  }

  const request = async (path, { method, body, timeout: ms = timeout, peer: id, signal: stop } = {}) => {
    stop?.throwIfAborted()
    const url = path.replace(/^\/+/, '')
    const until = now() + ms
    const get = url => id ? askOne(id, url, until - now(), body, method)
      : body || method && method !== 'GET' ? session(until).then(session => session.ask(url, ms, body, method))
        : quorum > 1 ? agree(url, until) : read(url, until)
    const work = whole(get, url)
    const done = new AbortController()
    try {
      return await Promise.race([work, new Promise((resolve, reject) => stop?.addEventListener('abort', () => reject(stop.reason), done))]).catch(fault)
    } finally {
      done.abort()
    }
  }

  const inject = async (tx, { timeout: ms = 2 * timeout } = {}) => {
    const text = textOf(tx)
    const id = txId(parse(text))
    const until = now() + ms
    let doubtful // whether a node may have taken it and not said so
    let last = failure // until a node was asked
    for (let tries = 5; tries-- && now() < until;) {
      let asked
      try {
        asked = await session(until)
        const reply = await asked.ask('inject', Math.min(ACK, until - now()), { tx: text })
        const { success, reason, txId } = last = { ...reply.body.result, peer: reply.peer }
        if (success && txId === id) return last
        if (success !== false) throw refused(reply)
        if (doubtful && (/^Transaction is already in queue/.test(reason) || (await read('transaction/' + id, until)).body.transaction)) return { ...last, success: true, txId: id }
        if (!ELSEWHERE.test(reason)) return last
        asked.doubts++ // so that another one comes first
      } catch (err) {
        if (err.hop === 'browser') throw err
        doubtful ||= asked
        last = err
      }
    }
    if (last.reason) return last
    throw new LiberdusError(last.hop, `${doubtful ? 'sent, not acknowledged: ' : ''}${last.message}; transaction ${id}`, { txId: id })
  }

  const account = async (id, init) => {
    const reply = await request('account/' + id, init)
    if (reply.body.account === undefined) throw refused(reply)
    return { id, account: reply.body.account, peer: reply.peer }
  }

  // subscribe calls back when an account is in another state, whichever node has to tell.
  const subscribe = async (account, callback, { since } = {}) => {
    let stop, stopped
    const begin = async () => {
      const asked = await session(now() + timeout)
      const reply = await asked.ask('subscribe', timeout, { account, since })
      const { subscription } = reply.body
      if (!subscription) throw refused(reply)
      since ??= reply.body.since
      asked.events.set(subscription, ({ end, body }) => {
        if (end) return again(asked.doubt())
        since = body.seq
        queueMicrotask(() => callback(body))
      })
      stop = () => {
        stopped = true
        asked.events.delete(subscription)
        asked.ask('unsubscribe', timeout, { subscription }).catch(ignore)
      }
      if (stopped) stop()
    }
    const again = () => stopped || signal.aborted || begin().catch(() => setTimeout(again, 1000))
    await begin()
    return () => stop()
  }

  const client = {
    request,
    inject,
    account,
    subscribe,
    async fetch (input, { body, ...init } = {}) {
      const { pathname, search } = new URL(input, 'http://node')
      const value = body && parse(body)
      const { status, body: text, contentType = 'application/json', peer } = pathname === '/inject'
        ? await inject(value.tx ?? value, init).then(({ peer, ...result }) => ({ body: { result }, peer }))
        : await request(pathname + search, { ...init, body: value })
      return new Response(textOf(text), { status, headers: { 'content-type': contentType, 'liberdus-peer': peer } })
    },
    async nodes () {
      return (await refresh(places[0])).nodes
    },
    sessions: async () => Array.from(sessions.values(), session => session.stats()),
    ping: async id => (await request('is-healthy', { peer: id })).ms,
    close () {
      over.abort(new LiberdusError('browser', 'the client was closed'))
      for (const session of live) session.end('closed')
      wakeUp?.()
      news()
    }
  }
  const wake = () => {
    if (document.hidden) return
    for (const session of sessions.values()) session.doubt()
    wakeUp?.()
  }
  addEventListener('online', wake, over)
  document.addEventListener('visibilitychange', wake, over)

  await Promise.race([fill(), new Promise(resolve => waiting.push(resolve))])
  if (sessions.size) return client
  client.close()
  throw failure
}
