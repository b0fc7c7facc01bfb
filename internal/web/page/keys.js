// The user's Ed25519 key. The browser keeps it in a form that no script can read out again; its
// secret is seen once, when it is made or comes from a file, and is in the file that the user saves.
// Such a file is what `liberdus client keygen --scheme ed25519` writes.
import { canonical, txId } from '/liberdus.js'

const HEAD = '302e020100300506032b657004220420' // of an Ed25519 key in PKCS #8 (RFC 8410), before the 32 bytes
const isHex = (text, digits) => typeof text === 'string' && text.length === digits && /^[0-9a-f]*$/.test(text)
const hex = bytes => Array.from(new Uint8Array(bytes), b => b.toString(16).padStart(2, '0')).join('')
const unhex = text => Uint8Array.from(text.match(/../g), b => parseInt(b, 16))

// kept takes what is there of a secret of 32 bytes into a key, and tells its address.
async function kept (seed) {
  const pkcs8 = unhex(HEAD + seed)
  const open = await crypto.subtle.importKey('pkcs8', pkcs8, 'Ed25519', true, ['sign'])
  const { x } = await crypto.subtle.exportKey('jwk', open)
  const address = hex(Uint8Array.from(atob(x.replace(/-/g, '+').replace(/_/g, '/')), c => c.charCodeAt(0)))
  return { address, secret: await crypto.subtle.importKey('pkcs8', pkcs8, 'Ed25519', false, ['sign']) }
}

// create makes a key, and the text of its file.
export async function create () {
  const { privateKey } = await crypto.subtle.generateKey('Ed25519', true, ['sign', 'verify'])
  const seed = hex(await crypto.subtle.exportKey('pkcs8', privateKey)).slice(HEAD.length)
  const key = await kept(seed)
  return { key, file: canonical({ type: 'ed25519', publicKey: key.address, secretKey: seed + key.address }) + '\n' }
}

// fromFile reads the text of a key file. Its errors are for people.
export async function fromFile (text) {
  let file
  try {
    file = JSON.parse(text)
  } catch {}
  const secret = String(file?.secretKey ?? '').toLowerCase()
  if (file?.type === 'secp256k1') throw Error('This is a key of the Ethereum kind, which this page cannot sign with. Sign with: liberdus client tx, and send the result below “For developers”')
  if (!isHex(secret, 128) && !isHex(secret, 64)) throw Error('This is not a key file. It is the one that was saved when the key was made, and ends in .json')
  const key = await kept(secret.slice(0, 64))
  if (String(file.publicKey).toLowerCase() !== key.address) throw Error('This key file was damaged: its two keys do not belong together')
  return key
}

// sign returns a transaction with its signature.
export async function sign ({ address, secret }, tx) {
  const id = txId(tx)
  const signature = await crypto.subtle.sign('Ed25519', secret, unhex(id))
  return { ...tx, sign: { owner: address, sig: hex(signature) + id } }
}

// ---- Between visits it is in the browser's database ----

// What one tab does with it the others are told, and none writes over what another has kept.

const tabs = new BroadcastChannel('liberdus keys')

// store returns what is kept, after work was done with it.
function store (mode, work) {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open('liberdus', 1)
    opening.onupgradeneeded = () => opening.result.createObjectStore('keys')
    opening.onerror = () => reject(opening.error)
    opening.onsuccess = () => {
      const db = opening.result
      const transaction = db.transaction('keys', mode)
      const keys = transaction.objectStore('keys')
      const request = keys.get('own')
      request.onsuccess = () => work(keys, request.result)
      transaction.oncomplete = () => { db.close(); resolve(request.result) }
      transaction.onabort = () => { db.close(); reject(transaction.error) }
    }
  })
}

// change does work unless there is a key of another address, which it returns then.
async function change (address, work) {
  let other
  await store('readwrite', (keys, there) => {
    if (there && there.address !== address) other = there
    else work(keys)
  })
  if (!other) tabs.postMessage('')
  return other
}

export const load = () => store('readonly', () => {})
export const keep = key => change(key.address, keys => keys.put(key, 'own'))
export const forget = address => change(address, keys => keys.delete('own'))

// onChange calls f when another tab has kept a key or removed it.
export const onChange = f => tabs.addEventListener('message', f)
