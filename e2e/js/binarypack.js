// PeerJS's own BinaryPack, to compare ours with. Values are drawn from a seed.
//
//	node binarypack.js --seed N --count N     prints lines {"pack":<hex>,"json":<text>}: a value as
//	                                          the library packs it, and what it means in JSON
//	node binarypack.js --check FILE           reads such lines, made by others; prints those that
//	                                          the library reads otherwise, and then {"checked":N}
'use strict'

const fs = require('fs')
const { isDeepStrictEqual } = require('util')
const { pack, unpack } = require('peerjs-js-binarypack')
const { named } = require('./args')

// random returns a generator of numbers from 0 to 1, the same for the same seed (mulberry32).
function random (seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

const bytesOf = buffer => Buffer.from(buffer)
const same = value => unpack(pack(value))

// Each maker returns a value and what it means in JSON.
function makers (next) {
  const below = n => Math.floor(next() * n)
  const sign = () => (next() < 0.5 ? -1 : 1)
  const text = () => {
    const pieces = ['a', 'é', '☃', '😀', '"', '\\', '\n', '\u0000', '\ud800', '\udc00', '__peerData']
    return Array.from({ length: below(next() < 0.003 ? 30000 : 20) }, () => pieces[below(pieces.length)]).join('')
  }
  const list = (length, make) => Array.from({ length }, make)
  const size = depth => (depth === 0 && next() < 0.1 ? 300 : depth > 3 ? 0 : below(4))
  const leaves = [
    () => [null, null],
    () => [undefined, null],
    () => [true, true],
    () => [false, false],
    () => [NaN, 0], // what the library packs for it
    () => { const n = sign() * below(300); return [n, n] },
    () => { const n = sign() * below(2 ** (8 + below(46))); return [n, n] },
    () => { const n = -(2 ** (7 + below(46))) + below(3) - 1; return [n, n] },
    () => { const n = 2 ** (7 + below(56)); return [n, n] },
    () => { const f = sign() * (next() + 1e-3) * 2 ** (below(560) - 500); return [f, Number.isInteger(f) ? f : same(f)] },
    () => { const f = sign() * next() * 10 ** below(6); return [f, Number.isInteger(f) ? f : same(f)] },
    () => { const s = text(); return [s, s.toWellFormed()] },
    () => { const date = new Date(below(2 ** 31) * 1000); return [date, date.toString()] },
    () => { const b = Uint8Array.from(list(below(40), () => below(256))); return [b, bytesOf(b).toString('base64')] },
    () => { const b = Uint8Array.from(list(300, () => below(256))); return [b.buffer, bytesOf(b).toString('base64')] }
  ]
  const value = depth => {
    const kind = below(leaves.length + 4)
    if (kind < leaves.length) return leaves[kind]()
    const inner = list(size(depth), () => value(depth + 1))
    if (kind % 2 === 0) return [inner.map(pair => pair[0]), inner.map(pair => pair[1])]
    const keys = inner.map((_, i) => `${below(9)}k${i}`)
    const entries = part => Object.fromEntries(inner.map((pair, i) => [keys[i], pair[part]]))
    return [entries(0), entries(1)]
  }
  // A message that is bytes alone is JSON text to us, so none is drawn.
  return () => {
    const pair = value(0)
    return pair[0] instanceof Uint8Array || pair[0] instanceof ArrayBuffer ? [[pair[0]], [pair[1]]] : pair
  }
}

function wellFormed (value) {
  if (typeof value === 'string') return value.toWellFormed()
  if (Array.isArray(value)) return value.map(wellFormed)
  if (value === null || typeof value !== 'object') return value === 0 ? 0 : value // no -0
  return Object.fromEntries(Object.entries(value).map(([key, inner]) => [key.toWellFormed(), wellFormed(inner)]))
}

const args = named()
if (args.check) {
  const lines = fs.readFileSync(args.check, 'utf8').split('\n').filter(Boolean)
  for (const line of lines) {
    const { pack: hex, json } = JSON.parse(line)
    const bytes = bytesOf(Buffer.from(hex, 'hex'))
    let got
    try {
      got = unpack(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))
    } catch (error) {
      got = String(error)
    }
    if (!isDeepStrictEqual(got, wellFormed(JSON.parse(json)))) console.log(JSON.stringify({ pack: hex, json, got }))
  }
  console.log(JSON.stringify({ checked: lines.length }))
} else {
  const next = makers(random(Number(args.seed)))
  for (let i = 0; i < Number(args.count); i++) {
    const [value, means] = next()
    const packed = pack(value)
    console.log(JSON.stringify({ pack: bytesOf(packed).toString('hex'), json: JSON.stringify(means) }))
  }
}
