// Amounts, names and transactions: what a wallet needs to know of the network.
import { hash, verify } from '/liberdus.js'

const WEI = 10n ** 18n
export const isAddress = text => /^[0-9a-f]{64}$/.test(text)
export const isName = text => /^[a-z0-9]{1,20}$/.test(text)

// lib writes wei as LIB, with as many places as there are, or at most so many.
export function lib (wei, places = 18) {
  const [whole, fraction] = [wei / WEI, String(wei % WEI).padStart(18, '0').slice(0, places).replace(/0+$/, '')]
  const grouped = String(whole).replace(/\B(?=(\d{3})+$)/g, '\u202f')
  return fraction ? `${grouped}.${fraction}` : grouped
}

// wei reads an amount of LIB. A comma may stand before a fraction or between thousands: what can be
// read both ways is neither.
export function wei (text) {
  if (/^\s*[1-9]\d{0,2},\d{3}\s*$/.test(text)) throw Error(`${text.trim()} can be read in two ways. Write ${text.trim().replace(',', '')}, or ${text.trim().replace(',', '.')}`)
  const [, whole, fraction = ''] = text.trim().replace(',', '.').match(/^(\d{1,40})(?:\.(\d{0,18}))?$/) ?? []
  if (whole === undefined) throw Error(text.trim() ? 'That is not an amount. Write it like 10 or 0.5' : 'Enter an amount')
  return BigInt(whole) * WEI + BigInt(fraction.padEnd(18, '0'))
}

// readNetwork asks the archiver, which signs, for the network's name and time: nodes take no
// transaction that is dated 5 s off, and this computer's clock may be.
export async function readNetwork (url = location.origin) {
  const nonce = crypto.randomUUID().replace(/-/g, '')
  const asked = Date.now()
  const answer = await (await fetch('/rtc?nonce=' + nonce, { signal: AbortSignal.timeout(10000) })).json()
  const key = await verify(answer)
  const known = localStorage['liberdus ' + url] // as connect has seen it
  if (answer.nonce !== nonce || answer.purpose !== 'liberdus-rtc' || known && key !== known) throw Error('this server cannot be trusted: its answer is not its own')
  return { networkId: answer.networkId, skew: answer.time - (asked + Date.now()) / 2, key }
}

// feeOf computes what a transaction costs, from the network's parameters.
export function feeOf ({ transactionFeeUsdStr, stabilityFactorStr }) {
  const price = wei(stabilityFactorStr)
  return price ? wei(transactionFeeUsdStr) * WEI / price : 0n
}

const head = (type, { address }, { networkId, skew }) => ({ type, from: address, networkId, timestamp: Math.round(Date.now() + skew) })

export const registration = (key, network, alias) =>
  ({ ...head('register', key, network), alias, aliasHash: hash(alias), publicKey: key.address, private: false })

export const transfer = (key, network, to, amount, fee) =>
  ({ ...head('transfer', key, network), to, amount, fee, chatId: hash([key.address, to].sort().join('')) })

// resolve returns the address that a user means, who types one or a name. A node could tell
// another address, so where money goes there all nodes of the pool are asked.
export async function resolve (client, text, forMoney) {
  const who = text.trim().toLowerCase().replace(/^@/, '')
  if (isAddress(who)) return who
  if (!isName(who)) throw Error(who ? 'That is neither a name nor an address. An address has 64 digits from 0 to f' : 'Enter a name or an address')
  const path = 'address/' + hash(who)
  const asked = [client.request(path)]
  if (forMoney) for (const { peer } of await client.sessions()) asked.push(client.request(path, { peer }))
  const [first, ...others] = await Promise.allSettled(asked)
  if (first.reason) throw first.reason
  const { address } = first.value.body
  const other = others.find(({ value }) => value && value.body.address !== address)
  if (other) throw Error(`Two nodes say differently who ${who} is, so nothing is sent. Ask ${who} for the address, and send to that`)
  if (!isAddress(address)) throw Error(`Nobody is called ${who}. Check how it is written`)
  return address
}

// What nodes say, in words for people, and what to do.
const REASONS = [
  [/already taken|already in use/i, 'That name is taken. Choose another one.'],
  [/already registered/i, 'This account has a name already.'],
  [/to account (doesn't|does not) exist/i, 'The receiver has no account yet. They have to register first.'],
  [/from account (doesn't|does not) exist/i, 'You have no account yet. Register first.'],
  [/sufficient balance|insufficient/i, 'You do not have enough for the amount and the fee.'],
  [/blocked the sender/i, 'The receiver takes nothing from you.'],
  [/timestamp out of range/i, 'The network thinks that this was signed too long ago, or ahead of time. Sign it anew, and check the clock of the computer that signs.'],
  [/signature|sign(ed|er)/i, 'The signature does not hold: the transaction was changed after it was signed, or signed by another key.']
]

export const explain = reason => {
  const said = String(reason ?? 'no reason given')
  const plain = REASONS.find(([pattern]) => pattern.test(said))
  return plain ? plain[1] : `The network says: ${said.slice(0, 300)}`
}

// settle sends a signed transaction and waits for what became of it.
export async function settle (client, tx) {
  let sent
  try {
    sent = await client.inject(tx)
  } catch (err) {
    if (!err.txId) throw err
    sent = { success: true, txId: err.txId, doubtful: true }
  }
  if (!sent.success) return { ok: false, reason: sent.reason, txId: sent.txId }
  for (const until = Date.now() + 30000; Date.now() < until;) {
    const { body } = await client.request('transaction/' + sent.txId).catch(() => ({ body: {} }))
    const receipt = body.transaction
    if (receipt) return { ok: receipt.success !== false, reason: receipt.reason, txId: sent.txId }
    await new Promise(resolve => setTimeout(resolve, 500))
  }
  return { ok: undefined, txId: sent.txId, doubtful: sent.doubtful }
}
