// The card of the user's own account: a key, a name, a balance that follows, and sending.
import { $, make, show, brief, say, fail, busy, confirmed, sentence } from './dom.js'
import * as keys from './keys.js'
import { lib, wei, feeOf, isName, registration, transfer, resolve, settle, explain } from './transactions.js'

// newWallet makes the card work. network() tells the network's id and time; see readNetwork.
export function newWallet (network) {
  let client, key, account, fee, stop
  let file // of a key that was made since the page was opened
  let homeless = false // what there is of a key is in this tab alone
  let asked = 0 // counts what was read, so that what comes late does not count

  // draw shows what there is to do next.
  function draw () {
    const registered = !!account?.alias
    show($('no-key'), !key)
    show($('backup'), !!file && !key.saved)
    show($('unsaved'), !!key && !file && !key.saved)
    show($('again'), !!file && !!key.saved)
    show($('register'), !!key && !!client && account !== undefined && !registered)
    show($('account'), !!key && account !== null)
    show($('send'), !!account)
    show($('key'), !!key)
    $('address').textContent = key?.address ?? ''
    $('owner').textContent = account?.alias ?? (account ? 'No name yet' : '')
    $('balance').textContent = account ? lib(account.data.balance, 4) : '…'
    $('balance').title = account ? `${lib(account.data.balance)} LIB` : ''
    $('fee').textContent = fee === undefined ? '' : `The network takes ${lib(fee, 4)} LIB for it.`
  }

  // read takes over the account as a node has it now, and says what has changed.
  async function read () {
    const turn = ++asked
    const { address } = key
    const found = await client.account(address)
    if (turn !== asked || key?.address !== address) return
    const before = account
    account = found.account
    draw()
    if (before?.data && account?.data.balance !== before.data.balance) happened(account.data.balance - before.data.balance)
    if (before === null && account) happened(account.data.balance)
  }

  function happened (change) {
    const item = make('li', {},
      make('strong', { textContent: `${change > 0 ? '+' : '−'}${lib(change > 0 ? change : -change, 4)} LIB` }),
      make('time', { textContent: new Date().toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' }) }))
    item.dataset.kind = change > 0 ? 'in' : 'out'
    $('events').prepend(item)
    if ($('events').children.length > 20) $('events').lastChild.remove()
    show($('activity'))
  }

  // follow reads the account and lets a node tell when it is another.
  async function follow () {
    stop?.()
    stop = undefined
    if (!client || !key) return draw()
    const { address } = key
    try {
      const end = await client.subscribe(address, () => read().catch(() => setTimeout(() => key?.address === address && read().catch(() => {}), 1000)))
      if (key?.address !== address) return end()
      stop = end
      await read()
      say('wallet-said', '')
    } catch (err) {
      if (key?.address !== address) return
      setTimeout(() => key?.address === address && !stop && follow(), 2000)
      fail('wallet-said', err)
    }
  }

  // use takes a key over, and keeps it.
  async function use (chosen) {
    const other = await remember(chosen)
    if (other) return adopt(other, 'This browser has this key already: another tab has it. To use another one, save this one and remove it first.')
    await take(chosen)
    if (!account) $('name').focus()
  }

  // adopt goes on with what another tab has done.
  async function adopt (there, words) {
    forgotten()
    await take(there)
    say('wallet-said', '', words)
  }

  async function take (chosen) {
    key = chosen
    account = undefined
    draw()
    await follow()
  }

  // forgotten clears what belongs to the key.
  function forgotten () {
    stop?.()
    stop = key = file = account = undefined
    $('events').replaceChildren()
    show($('activity'), false)
    for (const id of ['send-said', 'register-said', 'wallet-said']) say(id, '')
  }

  // remember keeps a key, unless another tab has kept another, which it returns.
  async function remember (chosen) {
    try {
      return await keys.keep(chosen)
    } catch {
      homeless = true
      say('wallet-said', 'bad', 'This browser cannot keep the key. Save its file, or it is gone when you close the page.')
    }
  }

  keys.onChange(async () => {
    const there = await keys.load().catch(() => undefined)
    if (homeless) return
    if (there?.address !== key?.address) return adopt(there, there ? 'Another tab has changed the key.' : 'Another tab has removed the key.')
    if (there) key.saved = there.saved
    draw()
  })

  $('create').addEventListener('click', async () => {
    const made = await keys.create()
    file = made.file
    await use(made.key)
  })

  $('restore').addEventListener('change', async ({ target }) => {
    const [chosen] = target.files
    if (!chosen) return
    try {
      const restored = await keys.fromFile(await chosen.text())
      say('restore-said', '')
      await use({ ...restored, saved: true })
    } catch (err) {
      say('restore-said', 'bad', sentence(err.message))
    }
    target.value = ''
  })

  function save () {
    const url = URL.createObjectURL(new Blob([file], { type: 'application/json' }))
    make('a', { href: url, download: `liberdus-key-${key.address.slice(0, 8)}.json` }).click()
    setTimeout(URL.revokeObjectURL, 10000, url)
    key.saved = true
    remember(key)
    draw()
    $(account ? 'to' : 'name').focus()
  }

  $('save').addEventListener('click', save)
  $('again').addEventListener('click', save)

  $('copy').addEventListener('click', async ({ target }) => {
    const done = await navigator.clipboard.writeText(key.address).then(() => 'Copied', () => 'Mark the address and copy it')
    target.textContent = done
    setTimeout(() => { target.textContent = 'Copy' }, 2000)
  })

  $('forget').addEventListener('click', async () => {
    const { address, saved } = key
    const text = saved ? 'Only its file brings it back. Do you still have that?' : 'Its file was never saved. Nobody can use this account ever again, and what it has is lost.'
    const facts = [['Address', address], ...account ? [['Balance', `${lib(account.data.balance, 4)} LIB`]] : []]
    if (!await confirmed({ title: 'Remove the key?', facts, text, yes: saved ? 'Remove it' : 'Lose it' }) || key?.address !== address) return
    const other = await keys.forget(address).catch(() => {})
    if (other) return adopt(other, 'Nothing was removed: another tab has another key, which is shown now.')
    forgotten()
    draw()
    $('create').focus()
  })

  // put signs a transaction and sees it through.
  async function put (said, build) {
    say(said, 'busy', 'Sending…')
    const signed = await keys.sign(key, build(await network()))
    const { ok, reason, txId, doubtful } = await settle(client, signed)
    if (ok === false) return say(said, 'bad', explain(reason))
    if (ok) {
      await read().catch(() => {})
      return { txId }
    }
    say(said, 'bad', `${doubtful ? 'It may have been sent: no node has confirmed it.' : 'It was accepted, and has not been settled in 30 s.'} Do not send it again before you know. Its number is ${txId}: look for it later.`)
  }

  $('register').addEventListener('submit', event => {
    event.preventDefault()
    busy(event.target, async () => {
      const name = $('name').value.trim()
      if (!isName(name)) return say('register-said', 'bad', `A name has 1 to 20 small letters and digits.${isName(name.toLowerCase()) ? ` It may be ${name.toLowerCase()}.` : ''}`)
      try {
        if (await put('register-said', net => registration(key, net, name))) {
          say('register-said', '')
          say('send-said', 'good', `Welcome, ${name}. Others can send to you by this name now.`)
          $('to').focus()
        }
      } catch (err) {
        fail('register-said', err)
      }
    })
  })

  $('send').addEventListener('submit', event => {
    event.preventDefault()
    busy(event.target, async () => {
      const from = key
      try {
        const amount = wei($('amount').value)
        if (!amount) throw Error('Enter an amount above zero')
        if (amount + fee > account.data.balance) throw Error(`You have ${lib(account.data.balance, 4)} LIB. With the fee of ${lib(fee, 4)} LIB this is too much`)
        const typed = $('to').value.trim()
        const to = await resolve(client, typed, true)
        if (to === key.address) throw Error('That is your own account')
        const facts = [...typed === to ? [] : [['To', typed]], ['Address', to], ['Amount', `${lib(amount)} LIB`], ['Fee', `${lib(fee, 6)} LIB`], ['Leaves you', `${lib(account.data.balance - amount - fee, 4)} LIB`]]
        if (!await confirmed({ title: `Send ${lib(amount)} LIB?`, facts, yes: 'Send' }) || key !== from) return say('send-said', '', 'Nothing was sent.')
        if (await put('send-said', net => transfer(key, net, to, amount, fee))) {
          say('send-said', 'good', `Sent ${lib(amount)} LIB to ${typed === to ? brief(to) : typed}.`)
          event.target.reset()
        }
      } catch (err) {
        fail('send-said', err)
      }
    })
  })

  return {
    // start shows the key that was kept.
    async start () {
      key = await keys.load().catch(() => undefined)
      draw()
      await follow()
    },
    // connected gives the card a client, and the network's parameters.
    connected (with_, parameters) {
      client = with_
      fee = feeOf(parameters)
      if (key) return follow()
      draw()
    }
  }
}
