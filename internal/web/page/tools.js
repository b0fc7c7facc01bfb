// Looking up accounts, the list of nodes, and sending what was signed elsewhere.
import { canonical, parse } from '/liberdus.js'
import { $, make, show, brief, say, fail, busy } from './dom.js'
import { lib, resolve, settle, explain } from './transactions.js'

const MEASURED = 50 // nodes that are asked how fast they are
const AT_ONCE = 3

export function newTools () {
  let client
  let measured // the table: when it was made, and in words

  const ready = said => {
    if (!client) say(said, 'bad', 'Not connected yet. One moment.')
    return client
  }

  // ---- Look up ----

  function found (account) {
    const facts = [['Name', account.alias], ['Name', account.inbox], ['Balance', account.data?.balance === undefined ? undefined : `${lib(account.data.balance)} LIB`],
      ['Kind', account.type], ['Belongs to', account.address], ['Address', account.id], ['Last change', account.timestamp ? new Date(account.timestamp).toLocaleString() : undefined]]
    $('found').replaceChildren(...facts.filter(([, value]) => value !== undefined && value !== null && value !== '')
      .flatMap(([name, value]) => [make('dt', { textContent: name }), make('dd', { textContent: value })]))
    $('found-text').textContent = JSON.stringify(account, (name, value) => typeof value === 'bigint' ? String(value) : value, 2).slice(0, 100000)
    show($('found'))
    show($('found-all'))
  }

  $('look').addEventListener('submit', event => {
    event.preventDefault()
    if (!ready('look-said')) return
    busy(event.target, async () => {
      show($('found'), false)
      show($('found-all'), false)
      say('look-said', 'busy', 'Asking…')
      try {
        const id = await resolve(client, $('who').value)
        const { account, peer } = await client.account(id)
        if (!account) return say('look-said', 'bad', 'There is no account at this address. Somebody may hold its key and not have registered.')
        found(account)
        say('look-said', '', `As node ${brief(peer)} has it.`)
      } catch (err) {
        fail('look-said', err)
      }
    })
  })

  // ---- A transaction that was signed elsewhere ----

  $('inject').addEventListener('submit', event => {
    event.preventDefault()
    if (!ready('inject-said')) return
    busy(event.target, async () => {
      try {
        const text = $('tx').value.trim()
        let tx
        try {
          tx = parse(text)
        } catch {}
        if (!tx || typeof tx !== 'object' || Array.isArray(tx)) throw Error('This is not a transaction. Paste the whole text from { to }')
        if (!tx.sign) throw Error('This transaction is not signed. Sign it where its key is, for example with: liberdus client tx')
        say('inject-said', 'busy', 'Sending…')
        const { ok, reason, txId } = await settle(client, canonical(tx))
        const [kind, words] = ok ? ['good', 'It was applied.'] : ok === false ? ['bad', explain(reason)] : ['bad', 'It is not settled yet. Look for it later.']
        say('inject-said', kind, `${words} `, make('span', { className: 'block' }, 'Its number: ', make('code', { className: 'long', textContent: txId ?? 'none' })))
      } catch (err) {
        fail('inject-said', err)
      }
    })
  })

  // ---- Nodes ----

  function list (nodes, connection) {
    const rows = nodes.map(({ peerId, ip, port }) => {
      const name = make('th', { scope: 'row' }, make('code', { textContent: brief(peerId), title: peerId }))
      const row = make('tr', {}, name, make('td', { textContent: `${ip}:${port}` }), make('td', { className: 'number', textContent: '…' }))
      row.dataset.peer = peerId
      return row
    })
    $('nodes').tBodies[0].replaceChildren(...rows)
    show($('nodes'), rows.length > 0)
    $('nodes').classList.remove('old')
    measured = undefined
    mark(connection)
    return rows
  }

  // mark shows which of them the page is connected to.
  function mark (connection) {
    for (const { dataset, firstChild } of $('nodes').tBodies[0].rows) {
      firstChild.querySelector('.tag')?.remove()
      if (dataset.peer === connection.main?.peer) firstChild.append(make('span', { className: 'tag', textContent: 'yours' }))
    }
  }

  // age says of when the table is, once nobody tells any more whether it is true.
  function age (connection) {
    mark(connection)
    if (!measured || $('nodes').classList.contains('old')) return
    $('nodes').classList.add('old')
    $('nodes-said').textContent = `As it was at ${measured.at.toLocaleTimeString()}: ${measured.text}`
  }

  // measure asks every node on the list how fast it is, some at a time.
  async function measure (connection) {
    const listed = await client.nodes()
    const mine = connection.main?.peer
    const nodes = listed.toSorted((a, b) => (b.peerId === mine) - (a.peerId === mine) || (a.peerId < b.peerId ? -1 : 1)).slice(0, MEASURED)
    const rows = list(nodes, connection)
    const next = rows.values()
    $('nodes-said').textContent = `Asking ${nodes.length === 1 ? 'the node' : `${nodes.length} nodes`}…`
    let silent = 0
    const worker = async () => {
      for (const row of next) {
        const cell = row.lastChild
        try {
          let ms = await client.ping(row.dataset.peer)
          if (connection.open.has(row.dataset.peer)) ms = Math.min(ms, await client.ping(row.dataset.peer))
          cell.textContent = `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms`
        } catch (err) {
          silent++
          cell.textContent = 'no answer'
          cell.title = err.message
        }
      }
    }
    await Promise.all(Array.from({ length: AT_ONCE }, worker))
    const more = listed.length > nodes.length ? ` ${listed.length - nodes.length} more are on the list.` : ''
    measured = { at: new Date(), text: `${listed.length} active, on the signed list.${silent ? ` ${silent} did not answer: another network may reach them.` : ''}${more}` }
    $('nodes-said').textContent = measured.text
    if (!connection.main) age(connection)
  }

  return {
    reconnected: mark,
    aged: age,
    connected (with_, connection) {
      client = with_
      const again = () => once($('measure'), () => measure(connection).catch(err => { $('nodes-said').textContent = err.message }))
      $('measure').addEventListener('click', again)
      show($('measure'))
      again()
    }
  }
}

// once keeps a button from starting the same twice.
async function once (button, work) {
  if (button.ariaDisabled === 'true') return
  button.ariaDisabled = 'true'
  await work()
  button.ariaDisabled = null
}
