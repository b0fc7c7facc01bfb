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
const OFFER_AGAIN = 2000 // ms without an answer to an offer
const ACK = 4000 // ms for a node to take a transaction, before another is asked
const PING = 3000 // ms in which a node that is doubted must answer

const now = () => performance.now()
const encode = text => new TextEncoder().encode(text)
const hex = bytes => Array.from(bytes, b => b.toString(16).padStart(2, '0')).join('')
const unhex = text => Uint8Array.from(text.match(/../g), b => parseInt(b, 16))
const isHex = (text, digits) => typeof text === 'string' && text.length === digits && !/[^0-9a-f]/.test(text)
const isKey = text => isHex(text, 64)
const random = () => hex(crypto.getRandomValues(new Uint8Array(16)))
const clip = text => String(text).replace(/[^ -~]/g, '?').slice(0, 200)
const ignore = () => {}

export class LiberdusError extends Error {
  constructor (hop, message, more) {
    super(message)
    Object.assign(this, { name: 'LiberdusError', hop }, more)
  }
}

// race settles as work does, or with undefined after ms.
async function race (ms, work) {
  let timer
  try {
    return await Promise.race([work, new Promise(resolve => { timer = setTimeout(resolve, ms) })])
  } finally {
    clearTimeout(timer)
  }
}

// ---- Signed objects: canonical text, BLAKE2b-256 of it, Ed25519 of that ----

export function canonical (value) {
  if (typeof value === 'bigint') return `{"dataType":"bi","value":"${value.toString(16)}"}`
  if (value === null || typeof value !== 'object') return JSON.stringify(value)
  if (value.toJSON) return canonical(value.toJSON())
  if (Array.isArray(value)) return `[${value.map(v => canonical(v) ?? 'null')}]`
  if (value instanceof Uint8Array) value = { value: btoa(String.fromCharCode(...value)), dataType: 'u8ab' }
  let names = Object.keys(value)
  // Bytes are the one object whose members are not sorted.
  names = /^(bb|u8ab)$/.test(value.dataType) ? ['value', 'dataType'] : names.sort()
  return `{${names.map(name => [JSON.stringify(name), canonical(value[name])]).filter(m => m[1]).map(m => m.join(':'))}}`
}

export const parse = text => JSON.parse(text, (name, value) => {
  if (/^(__proto__|constructor|prototype)$/.test(name)) return
  return value?.dataType === 'bi' && name !== 'sig' ? BigInt('0x' + value.value) : value
})

// BLAKE2b (RFC 7693) on halves of its 64-bit words, low half first.
const SIGMA = '0123456789abcdefea489fd61c02b753b8c052fdae3671947931dcbe265a40f8905724afe1bc683d2c6a0b834d75fe19c51fed4a0763928bdb7ec13950f4862a6fe9b308c2d714a5a2847615fb9e3cd0'
const STEPS = Array.from(SIGMA, digit => 2 * parseInt(digit, 16))
const IV = new Uint32Array(unhex('08c9bcf367e6096a3ba7ca8485ae67bb2bf894fe72f36e3cf1361d5f3af54fa5d182e6ad7f520e511f6c3e2b8c68059b6bbd41fbabd9831f79217e1319cde05b').buffer)

function blake2b (data, key) {
  const total = 128 + data.length // the key fills a block
  const input = new Uint8Array(Math.ceil(total / 128) * 128)
  input.set(key)
  input.set(data, 128)
  const h = IV.slice()
  const v = new Uint32Array(32)
  let m
  h[0] ^= 0x01010000 ^ key.length << 8 ^ 32
  const add = (a, words, i) => {
    const sum = v[a] + words[i]
    v[a] = sum
    v[a + 1] += words[i + 1] + (sum > 0xffffffff ? 1 : 0)
  }
  const turn = (a, b, half, n) => { // v[a] = (v[a] ^ v[b]) turned right by 32 if half is 1, and by n
    const lo = v[a + half] ^ v[b + half]
    const hi = v[a + 1 - half] ^ v[b + 1 - half]
    v[a] = n ? lo >>> n | hi << 32 - n : lo
    v[a + 1] = n ? hi >>> n | lo << 32 - n : hi
  }
  const mix = (a, b, c, d, x, turnD, turnB) => {
    add(a, v, b)
    add(a, m, x)
    turn(d, a, turnD ? 0 : 1, turnD)
    add(c, v, d)
    turn(b, c, turnB & 1, turnB)
  }
  for (let at = 0; at < input.length; at += 128) {
    const last = at + 128 >= total
    m = new Uint32Array(input.buffer, at, 32)
    v.set(h)
    v.set(IV, 16)
    v[24] ^= last ? total : at + 128
    if (last) v[28] = ~v[28], v[29] = ~v[29]
    for (let i = 0; i < 96; i++) { // 12 rounds of four columns and four diagonals
      const k = i >> 2 & 1
      const a = i & 3
      const b = 4 + (a + k & 3)
      const c = 8 + (a + 2 * k & 3)
      const d = 12 + (a + 3 * k & 3)
      const x = 2 * i % 160
      mix(2 * a, 2 * b, 2 * c, 2 * d, STEPS[x], 0, 24)
      mix(2 * a, 2 * b, 2 * c, 2 * d, STEPS[x + 1], 16, 31)
    }
    for (let i = 0; i < 16; i++) h[i] ^= v[i] ^ v[i + 16]
  }
  return new Uint8Array(h.buffer, 0, 32)
}

export const hash = (text, key = HASH_KEY) => hex(blake2b(encode(text), unhex(key)))
export const txId = ({ sign, ...tx }) => hash(canonical(tx))

const importKey = key => crypto.subtle.importKey('raw', unhex(key), 'Ed25519', false, ['verify'])

// verify returns the key that signed an object which has these members and no others.
export async function verify (object, members) {
  const { owner, sig } = object?.sign ?? {}
  if (members && Object.keys(object).sort().join() !== members) throw Error('its answer has not the members it should have')
  if (!isKey(owner) || !isHex(sig, 192)) throw Error('its answer is not signed')
  if (sig.slice(128) !== txId(object)) throw Error('its answer was changed after it was signed')
  if (!await crypto.subtle.verify('Ed25519', await importKey(owner), unhex(sig.slice(0, 128)), unhex(sig.slice(128)))) throw Error('the signature of its answer is forged')
  return owner
}

// ---- What outlives the page: keys of archivers as first seen, and the newest epochs ----

const memory = {}

function recall (name) {
  try {
    return localStorage['liberdus ' + name] ?? memory[name]
  } catch {
    return memory[name]
  }
}

function keep (name, value) {
  memory[name] = value
  try {
    localStorage['liberdus ' + name] = value
  } catch {} // it is forgotten with the page
}

// ---- An archiver: where signalling is, and the nodes on the verified list ----

async function ask (url) {
  const response = await fetch(url, { cache: 'no-store', credentials: 'omit', redirect: 'error', signal: AbortSignal.timeout(PATIENCE) })
    .catch(err => { throw Error(err.name === 'TimeoutError' ? 'no answer in time' : 'no answer; check the URL, and that it runs') })
  if (!response.ok) throw Error(`it answers ${response.status}: this may be no archiver`)
  return response.json()
}

// visit asks an archiver that is {url, pin} and fills in the rest.
async function visit (archiver, phase, emit) {
  const { url, pin } = archiver
  const known = pin || recall('key ' + url)
  const floor = recall('epoch ' + known) ?? 0
  const nonce = random()
  const asked = Date.now()
  const signed = async (path, members) => {
    const answer = await ask(url + path)
    const key = await verify(answer, members)
    if (known && key !== known) throw Error(`its key is ${key}, not ${known} as ${pin ? 'pinned' : 'when first seen'}: somebody may pose as it; if its key was really changed, give ${url}#${key}`)
    return { ...answer, key, skew: answer.time - (asked + Date.now()) / 2 }
  }
  const where = phase('archiver', { archiver: url }, signed('/rtc?nonce=' + nonce, 'networkId,nonce,purpose,rtc,sign,time').then(answer => {
    if (answer.purpose !== 'liberdus-rtc' || answer.nonce !== nonce) throw Error('/rtc is answered with something else that was signed')
    return answer
  }))
  const listed = phase('list', { archiver: url }, signed('/full-nodelist?activeOnly=true', 'epoch,list,networkId,nodeList,sign,time').then(async answer => {
    const { key, networkId, skew } = await where
    const { list, time, epoch } = answer
    if (answer.key !== key || answer.networkId !== networkId) throw Error('its list is of another key or network than /rtc')
    if (list !== 'active') throw Error(`its list is of the kind ${clip(list)}, not active`)
    if (!(Date.now() + skew - time < MAX_AGE)) throw Error('its list is out of date: it is a replay, or no longer renewed')
    if (!(epoch >= floor)) throw Error(`its list has the epoch ${clip(epoch)}, but ${floor} was seen before: it is an old one`)
    return answer
  }))
  const [{ rtc, key, skew, networkId }, { epoch, nodeList }] = await Promise.all([where, listed])
  keep('key ' + url, key)
  keep('epoch ' + key, epoch)
  if (Math.abs(skew) > 5000) emit({ type: 'warning', text: `this device's clock is ${Math.round(Math.abs(skew) / 1000)} s ${skew > 0 ? 'slow' : 'fast'}: set it, or transactions may be refused` })
  const peers = new URL(url)
  peers.protocol = rtc.secure ? 'wss' : 'ws'
  if (rtc.host) peers.hostname = rtc.host
  peers.port = rtc.port
  peers.pathname = rtc.path.replace(/\/$/, '') + '/peerjs'
  Object.assign(archiver, { networkId, rtc, peers: peers.href, at: now(), nodes: nodeList.filter(n => isKey(n.peerId) && n.publicKey === n.peerId) })
}

// ---- A session with one node: from the offer to the last reply ----

// fingerprintOf returns the only fingerprint of a description of one data channel.
function fingerprintOf (sdp) {
  const lines = sdp.slice(0, 32768).split(/\r?\n/)
  const media = lines.filter(line => /^m=/.test(line))
  const [print, other] = new Set(lines.filter(line => /^a=fingerprint:/.test(line)))
  if (other || media.length !== 1 || !/^m=application .*webrtc-datachannel/.test(media) || /[^ -~]/.test(lines.join('')) || !/:sha-256 ([\dA-F]{2}:){31}[\dA-F]{2}$/.test(print)) throw Error('its description is not of one data channel with one SHA-256 fingerprint')
  return print.slice(14)
}

// dial opens a session with the node whose key is peer.
async function dial (archiver, peer, { phase, emit, iceServers = archiver.rtc.iceServers, gone, live }) {
  const pending = new Map() // what settles each request, by its id
  const events = new Map() // what takes the events of each subscription
  const pieces = new Map() // of messages that have not come in full
  const offers = [] // their ids
  const phases = {}
  const session = { peer, pending, events, phases, rtt: 0, doubts: 0, ask, doubt, end, stats }
  live.add(session)
  let asked = 0
  let sent = 0
  let chunks, again, applied, fail
  let opened, answered, connected // what tells that the next step is done
  const open = new Promise(resolve => { opened = resolve })
  const answer = new Promise(resolve => { answered = resolve })
  const way = new Promise(resolve => { connected = resolve })
  const broken = new Promise((resolve, reject) => { fail = reject })
  const step = (name, work) => phase(name, { peer }, Promise.race([work, broken]), phases)
  const timer = setTimeout(() => fail(Error('no answer in time: it is overloaded, or a firewall lets no UDP through')), PATIENCE)
  const socket = new WebSocket(`${archiver.peers}?${new URLSearchParams({ key: archiver.rtc.key, id: random(), token: random() })}`)
  const pc = new RTCPeerConnection({ iceServers })
  const channel = pc.createDataChannel('liberdus')

  socket.onclose = () => fail(Error('the signalling server ended the connection'))
  socket.onmessage = ({ data }) => {
    try {
      const { type, src, payload } = JSON.parse(data)
      if (type === 'OPEN') opened()
      if (type === 'ERROR') throw Error('the signalling server says: ' + clip(payload.msg))
      if (src !== peer) return
      if (type === 'EXPIRE') throw Error('it is no longer connected to the archiver')
      const { candidate } = payload.signal
      if (candidate) applied?.then(() => pc.addIceCandidate(candidate)).catch(ignore)
      else answered(payload)
    } catch (err) {
      fail(err)
    }
  }
  pc.oniceconnectionstatechange = () => /^co/.test(pc.iceConnectionState) && connected() // connected, completed
  pc.onconnectionstatechange = () => {
    if (pc.connectionState === 'disconnected') doubt()
    if (pc.connectionState === 'failed') end('there is no way to it: a firewall may let no UDP through')
  }
  channel.binaryType = 'arraybuffer'
  channel.onclose = () => end('it closed the connection')
  channel.onmessage = ({ data }) => {
    try {
      take(data)
    } catch (err) {
      end('it sends what no node sends: ' + clip(err.message))
    }
  }

  function send (type, payload) {
    socket.send(JSON.stringify({ type, dst: peer, payload }))
  }

  // A node under load declines by silence: it is offered to again, under another id.
  function offer () {
    offers.unshift(random())
    send('OFFER', { id: offers[0], caps: ['chunk/1'], signal: { type: 'offer', sdp: pc.localDescription.sdp } })
  }

  // prove holds an answer against this connection, and only then lets the browser use it.
  async function prove ({ id, caps, identity, signal: { sdp } }) {
    clearInterval(again)
    try {
      const got = { ...identity, key: await verify(identity ?? {}, 'connectionId,fingerprint,networkId,peerId,purpose,remoteFingerprint,sign,timestamp') }
      const want = {
        key: peer,
        peerId: peer,
        connectionId: offers.find(offer => offer === id),
        networkId: archiver.networkId,
        purpose: 'liberdus-identity',
        fingerprint: fingerprintOf(sdp),
        remoteFingerprint: fingerprintOf(pc.localDescription.sdp)
      }
      for (const name in want) if (got[name] !== want[name]) throw Error(`its ${name} is ${clip(got[name])}, not ${want[name]}`)
    } catch (err) {
      throw Error('it did not prove who it is: ' + err.message)
    }
    chunks = caps?.includes('chunk/1')
    applied = pc.setRemoteDescription({ type: 'answer', sdp })
  }

  function end (why) {
    if (session.ended) return
    fail(session.ended = new LiberdusError('channel', `node ${peer.slice(0, 8)}: ${why}`))
    clearTimeout(timer)
    clearInterval(again)
    hangUp()
    pc.onconnectionstatechange = channel.onclose = channel.onmessage = null
    pc.close()
    for (const settle of pending.values()) settle(session.ended)
    for (const tell of events.values()) tell({ end: 'lost' })
    gone(session)
  }

  function hangUp () {
    socket.onclose = socket.onmessage = null
    if (socket.readyState) socket.close()
    else socket.onopen = hangUp
  }

  // ask sends a request and returns its reply, if it comes within ms.
  function ask (request, ms) {
    return new Promise((resolve, reject) => {
      if (session.ended) throw session.ended
      const id = String(++asked)
      const began = now()
      const late = setTimeout(() => {
        doubt()
        settle(new LiberdusError('node', `node ${peer.slice(0, 8)}: no answer to ${clip(request.url)} in time`))
      }, ms)
      const settle = (err, { status = 200, body, contentType } = {}) => {
        clearTimeout(late)
        pending.delete(id)
        if (err) return reject(err)
        const ms = now() - began
        session.doubts = 0
        session.rtt = session.rtt ? session.rtt * 0.7 + ms * 0.3 : ms
        emit({ type: 'reply', peer, url: request.url, status, ms })
        resolve({ status, body, contentType, peer, ms })
      }
      pending.set(id, settle)
      try {
        write(canonical({ ...request, id, timeout: Math.ceil(ms) }))
      } catch (err) {
        settle(err)
      }
    })
  }

  function write (text) {
    const bytes = encode(text)
    const { length } = bytes
    if (length > (chunks ? MAX_MESSAGE : MAX_FRAME)) throw new LiberdusError('browser', `a request of ${length} bytes is too large`)
    emit({ type: 'frame', peer, out: true, text })
    if (length <= MAX_FRAME) return channel.send(text)
    sent++
    for (let i = 0; i * CHUNK < length; i++) channel.send(new Uint8Array([1, ...uvarint(sent), ...uvarint(i), ...uvarint(Math.ceil(length / CHUNK)), ...bytes.subarray(i * CHUNK, i * CHUNK + CHUNK)]))
  }

  function take (data) {
    if (data instanceof ArrayBuffer) data = gather(new Uint8Array(data))
    if (!data) return
    if (data.length > MAX_MESSAGE) throw Error(`a message of ${data.length} characters`)
    emit({ type: 'frame', peer, out: false, text: data })
    const message = JSON.parse(data)
    if (message.type === 'event') events.get(message.subscription)?.(message)
    else pending.get(message.id)?.(null, message) // nobody waits for what comes late or twice
  }

  // gather takes a chunk of a message and returns the message when it is complete.
  function gather (bytes) {
    let at = 1
    const [message, index, total] = [0, 0, 0].map(n => {
      for (let scale = 1; ; scale *= 128) {
        n += (bytes[at] & 127) * scale
        if (!(bytes[at++] > 127)) return n
      }
    })
    const parts = index ? pieces.get(message) : []
    if (bytes[0] !== 1 || parts?.length !== index || pieces.size > 8) throw Error('a chunk that belongs to nothing')
    parts.size = (parts.size ?? 0) + bytes.length
    if (parts.size > 2 * MAX_MESSAGE) throw Error('a message without end')
    parts.push(bytes.subarray(at))
    pieces.set(message, parts)
    if (index + 1 < total) return
    pieces.delete(message)
    return new TextDecoder().decode(new Uint8Array(parts.flatMap(part => [...part])))
  }

  // doubt ends the session unless the node answers soon.
  function doubt () {
    if (!session.doubts++) ask({ url: 'is-healthy' }, PING).catch(() => end('it has gone silent'))
  }

  // stats tells how the packets travel.
  async function stats () {
    const report = await pc.getStats()
    for (const pair of report.values()) {
      if (pair.nominated && pair.state === 'succeeded') return { peer, rtt: session.rtt, phases, path: report.get(pair.localCandidateId).protocol, address: report.get(pair.remoteCandidateId).address }
    }
  }

  try {
    const usable = new Promise(resolve => { channel.onopen = resolve })
    await step('signalling', Promise.all([open, pc.createOffer().then(offer => pc.setLocalDescription(offer))]))
    again = setInterval(offer, OFFER_AGAIN)
    offer()
    await step('answer', answer.then(prove))
    await step('ice', Promise.all([applied, way]))
    await step('channel', usable)
    clearTimeout(timer)
    hangUp()
    return session
  } catch (err) {
    end(err.message)
    throw err
  }
}

const uvarint = n => n < 128 ? [n] : [n % 128 + 128, ...uvarint(Math.floor(n / 128))]

// ---- A client: a pool of sessions, and what is asked over them ----

// Refusals that say that this node, or this moment, takes no transaction; another node may.
const ELSEWHERE = /^(Node is still syncing|Not ready to accept|Network conditions to allow|Maximum load|(Application|Internal) transactions are)/

export async function connect ({ archivers = new URL(import.meta.url).origin, peer, timeout = 10000, quorum = 1, pool = Math.max(2, quorum), iceServers, onEvent = ignore } = {}) {
  if (globalThis.isSecureContext === false) throw new LiberdusError('browser', 'this page is no secure context, so the browser checks no signatures: open it by https or on localhost')
  try {
    await importKey(HASH_KEY)
  } catch {
    throw new LiberdusError('browser', 'this browser cannot check Ed25519 signatures: update it')
  }
  const sessions = new Set() // that are open
  const live = new Set() // all that have not ended
  const penalty = new Map() // by peer, in ms
  const over = new AbortController()
  const { signal } = over
  let waiting = [] // for a session
  let filling, failure, wakeUp
  let places = [archivers].flat().map(text => {
    const [, url, , pin] = /^(https?:\/\/[^#?]+?)\/*(#([0-9a-fA-F]{64}))?$/.exec(text) ?? []
    if (!url) throw new LiberdusError('archiver', `archiver ${clip(text)}: this is neither a URL nor URL#PUBLICKEY`)
    return { url, pin: pin?.toLowerCase() }
  })

  function emit (event) {
    try {
      onEvent({ at: now(), ...event })
    } catch (err) {
      reportError(err)
    }
  }

  async function phase (name, who, work, times = {}) {
    const tell = (state, error) => emit({ type: 'phase', phase: name, state, ...who, ms: times[name] = now() - began, error })
    const began = now()
    tell('start')
    try {
      const value = await work
      tell('done')
      return value
    } catch (err) {
      const { peer, archiver } = who
      const hop = { list: 'archiver', answer: 'signalling' }[name] ?? name
      const wrapped = err instanceof LiberdusError ? err : new LiberdusError(hop, `${peer ? 'node ' + peer.slice(0, 8) : 'archiver ' + archiver}: ${err.message}`, who)
      tell('failed', wrapped.message)
      throw wrapped
    }
  }

  const refresh = async place => {
    if (!(now() - place.at < FRESH)) await (place.visit ??= visit(place, phase, emit).finally(() => { place.visit = null }))
    return place
  }

  const start = (place, id) => dial(place, id, { phase, emit, iceServers, gone, live })

  // join dials a node and takes the session into the pool.
  async function join (place, id) {
    const session = await start(place, id)
    sessions.add(session)
    news()
    session.stats().then(stats => emit({ type: 'session', state: 'open', ...stats }), ignore)
  }

  function gone (session) {
    live.delete(session)
    penalty.set(session.peer, 500 + 2 * (penalty.get(session.peer) ?? 0))
    if (!sessions.delete(session)) return
    emit({ type: 'session', state: 'lost', peer: session.peer, error: session.ended.message })
    fill()
  }

  // news tells who waits for a session that there is one, or that there is none to be had now.
  function news () {
    for (const tell of waiting.splice(0)) tell()
  }

  // fill keeps the pool full.
  async function fill () {
    if (filling) return
    filling = true
    for (let wait = 250; !signal.aborted && !await round(); wait = Math.min(2 * wait, 10000)) {
      if (!sessions.size) news()
      await race(wait * (0.5 + Math.random() / 2), new Promise(resolve => { wakeUp = resolve }))
    }
    filling = false
  }

  // round goes through the archivers, the one that worked last first, and reports whether the pool is full.
  async function round () {
    const errors = []
    for (const place of places) {
      try {
        await refresh(place)
        const listed = peer ? [peer] : place.nodes.map(node => node.peerId)
        if (!listed.length) throw new LiberdusError('archiver', `archiver ${place.url}: no node is active`)
        const want = Math.min(pool, listed.length)
        const odds = Object.fromEntries(listed.map(id => [id, Math.random() ** ((penalty.get(id) ?? 0) + 50)]))
        const open = new Set([...sessions].map(session => session.peer))
        const running = new Set()
        for (const id of listed.filter(id => !open.has(id)).sort((a, b) => odds[b] - odds[a]).slice(0, pool + 3)) {
          if (sessions.size >= want || signal.aborted) break
          const work = join(place, id).catch(err => errors.push(err)).finally(() => running.delete(work))
          running.add(work)
          await race(1000, Promise.race(running)) // who takes longer gets company
        }
        await Promise.all(running)
        if (sessions.size < want) continue
        places = [place, ...places.filter(other => other !== place)]
        return true
      } catch (err) {
        errors.push(err)
      }
    }
    failure = errors[1] ? new LiberdusError(errors[0].hop, [...new Set(errors.map(err => err.message))].join('; '), { errors }) : errors[0]
  }
  // best is the session to ask next, of those that were not asked.
  const cost = ({ rtt, doubts, pending }) => (rtt + 10) * (1 + doubts) * (1 + pending.size / 8)
  const best = tried => [...sessions].filter(session => !tried.has(session)).sort((a, b) => cost(a) - cost(b))[0]

  // session waits until there is one that was not asked.
  async function session (until, tried = new Set()) {
    for (;;) {
      signal.throwIfAborted()
      const found = best(tried)
      if (found) return found
      fill()
      const left = until - now()
      if (left <= 0) throw failure ?? new LiberdusError('node', 'no node could be asked in time')
      await race(left, new Promise(resolve => waiting.push(resolve)))
    }
  }

  // read asks a node, and another one when that fails or is slow. What a reply costs others is one request in flight.
  async function read (request, until, tried = new Set()) {
    const asked = await session(until, tried)
    tried.add(asked)
    const reply = asked.ask(request, until - now()).then(reply => {
      if (reply.status === 429 || reply.status > 499) throw reply
      penalty.set(asked.peer, asked.rtt)
      return reply
    })
    const early = await race(Math.max(100, 4 * asked.rtt), reply.catch(ignore => 0))
    if (early || tried.size > 3 || !best(tried) && (early === undefined || sessions.has(asked))) return reply
    if (early === undefined) asked.doubt()
    return Promise.any([reply, read(request, until, tried)]).catch(err => { throw err.errors[0] })
  }

  // agree asks several nodes, which have to say the same.
  async function agree (request, until) {
    const tried = new Set()
    while (tried.size < quorum) tried.add(await session(until, tried))
    const replies = await Promise.all([...tried].map(session => session.ask(request, until - now())))
    const said = Object.groupBy(replies, ({ status, body }) => canonical([status, body]))
    const [most, ...others] = Object.values(said).sort((a, b) => b.length - a.length)
    if (others[0]) throw new LiberdusError('node', `${most.length} of ${quorum} nodes agree; otherwise say ${others.flat().map(reply => reply.peer)}`, { replies })
    return most[0]
  }

  async function askOne (request, until, id) {
    for (const session of sessions) if (session.peer === id) return session.ask(request, until - now())
    const session = await start(await refresh(places[0]), id)
    try {
      return await session.ask(request, until - now())
    } finally {
      session.end('closed')
    }
  }

  async function request (url, { method = 'GET', body, timeout: ms = timeout, peer: id, signal: stop } = {}) {
    stop?.throwIfAborted()
    const asked = { url: url.replace(/^\/+/, ''), method, body }
    const until = now() + ms
    const work = id ? askOne(asked, until, id) : method !== 'GET' ? session(until).then(session => session.ask(asked, ms)) : quorum > 1 ? agree(asked, until) : read(asked, until)
    let abort
    try {
      return await Promise.race([work, new Promise((resolve, reject) => {
        abort = () => reject(stop.reason)
        stop?.addEventListener('abort', abort)
      })])
    } catch (err) {
      if (err.status) return err // a fault that every node answered with
      throw err
    } finally {
      stop?.removeEventListener('abort', abort)
    }
  }

  async function inject (tx, { timeout: ms = 2 * timeout } = {}) {
    const text = typeof tx === 'string' ? tx : canonical(tx)
    const id = txId(parse(text))
    const until = now() + ms
    const tried = new Set()
    let doubtful // whether a node may have taken it and not said so
    let last
    for (let tries = 0; tries < 5 && now() < until; tries++) {
      let asked
      try {
        asked = await session(until, tried.size < sessions.size ? tried : new Set())
        tried.add(asked)
        const { status, body, peer } = await asked.ask({ url: 'inject', method: 'POST', body: { tx: text } }, Math.min(ACK, until - now()))
        const result = { ...body.result ?? body, peer }
        const { success, reason } = result
        if (success && result.txId === id) return result
        if (success !== false) throw new LiberdusError('node', `node ${peer.slice(0, 8)} answers ${status}: ${clip(body.error)}`)
        last = result
        if (doubtful && (/^Transaction is already in queue/.test(reason) || (await read({ url: 'transaction/' + id }, until)).body.transaction)) return { ...result, success: true, txId: id }
        if (!ELSEWHERE.test(reason)) return result
      } catch (err) {
        if (err.hop === 'browser') throw err
        doubtful ||= asked
        last = err
      }
    }
    if (last.reason) return last
    throw new LiberdusError(last.hop, `${doubtful ? 'sent, not acknowledged: ' : ''}${last.message}; transaction ${id}`, { txId: id })
  }

  async function account (id, init) {
    const { status, body, peer } = await request('account/' + encodeURIComponent(id), init)
    if (body.account === undefined) throw new LiberdusError('node', `node ${peer.slice(0, 8)} answers ${status}: ${clip(body.error)}`, { peer, status })
    return { id, account: parse(canonical(body.account)), peer }
  }

  const client = {
    request,
    inject,
    account,
    async fetch (input, { body, ...init } = {}) {
      const { pathname, search } = new URL(input, 'http://node')
      const value = body ? parse(body) : undefined
      const { status, body: text, contentType = 'application/json', peer } = pathname === '/inject'
        ? await inject(value.tx ?? value, init).then(({ peer, ...result }) => ({ body: { result }, peer }))
        : await request(pathname + search, { ...init, body: value })
      return new Response(status === 204 ? null : typeof text === 'string' ? text : canonical(text), { status, headers: { 'content-type': contentType, 'liberdus-peer': peer } })
    },
    async nodes () {
      return (await refresh(places[0])).nodes
    },
    sessions: () => Promise.all([...sessions].map(session => session.stats())),
    ping: async id => (await request('is-healthy', { peer: id })).ms,
    close () {
      over.abort(new LiberdusError('browser', 'this client was closed'))
      for (const session of live) session.end('closed')
      wakeUp?.()
      news()
    }
  }
  const wake = () => {
    if (document.hidden) return
    for (const session of sessions) session.doubt()
    wakeUp?.()
  }
  addEventListener('online', wake, { signal })
  document.addEventListener('visibilitychange', wake, { signal })

  await Promise.race([fill(), new Promise(resolve => waiting.push(resolve))])
  if (sessions.size) return client
  client.close()
  throw failure ?? new LiberdusError('node', 'the connection was lost')
}
