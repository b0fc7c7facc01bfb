// The cryptography of liberdus.js against what the published Shardus libraries say.
//
//   node --test module.test.mjs, with MODULE and VECTORS in the environment
import assert from 'node:assert'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'

const { canonical, hash, parse, txId, verify } = await import(process.env.MODULE)
const vectors = JSON.parse(readFileSync(process.env.VECTORS))

// What the module does not do: bytes other than as they came, and names that JavaScript has for itself.
const otherwise = [/"z":1,"dataType":"bb"/, /"type":"Buffer"/, /__proto__/]

test('hash', () => {
  for (const v of vectors.hash) {
    if (v.inputType === 'utf8') assert.equal(hash(v.input, v.hashKey), v.hash, v.input)
  }
})

test('hash of texts about as long as a block', () => {
  const seen = new Set()
  for (let n = 0; n < 400; n++) seen.add(hash('x'.repeat(n)))
  assert.equal(seen.size, 400)
})

test('canonical text of what comes over the wire', () => {
  for (const v of vectors.canonical_from_wire) {
    if (otherwise.some(form => form.test(v.wire))) continue
    assert.equal(canonical(parse(v.wire)), v.canonical)
    assert.equal(hash(canonical(parse(v.wire))), v.hash)
  }
  for (const v of vectors.wire_rejected) assert.throws(() => parse(v.wire), SyntaxError, v.wire)
})

test('canonical text of JavaScript', () => {
  for (const v of vectors.canonical_from_js) assert.equal(canonical(parse(v.canonical)), v.canonical, v.name)
  assert.equal(canonical({ b: [undefined, () => 1, -0, NaN], a: undefined, c: 10n, d: new Date(0) }),
    '{"b":[null,null,0,null],"c":{"dataType":"bi","value":"a"},"d":"1970-01-01T00:00:00.000Z"}')
})

test('signatures', async () => {
  for (const v of vectors.signObj) {
    if (v.signedWire) assert.equal(await verify(parse(v.signedWire)), JSON.parse(v.signedWire).sign.owner, v.name)
  }
  for (const v of vectors.verify_negative) {
    // A key in capitals is the same key for those libraries. Here it is compared with one that is not.
    if (v.verifyObj !== true) await assert.rejects(verify(parse(v.wire)), undefined, v.name)
  }
})

test('ids of transactions', () => {
  for (const v of vectors.userTx) {
    assert.equal(hash(v.canonicalUnsigned), v.txId, v.name)
    assert.equal(txId(parse(JSON.parse(v.injectBody).tx)), v.txId, v.name)
  }
})

test('broken objects are refused, not passed', async () => {
  for (const broken of [{}, { sign: null }, { sign: 1 }, { sign: {} }, { sign: { owner: [], sig: [] } }, { sign: { owner: '0'.repeat(64), sig: 'z'.repeat(192) } }]) {
    await assert.rejects(verify(broken))
  }
})
