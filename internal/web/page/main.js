// The page: connects to a node, and gives the connection to its parts.
import { connect } from '/liberdus.js'
import { $, show, what, remedy, sentence } from './dom.js'
import { newConnection } from './connection.js'
import { newFrames } from './frames.js'
import { newTools } from './tools.js'
import { newWallet } from './wallet.js'
import { readNetwork } from './transactions.js'

const WORDS = { connecting: 'Connecting…', connected: 'Connected', lost: 'Reconnecting…', dead: 'Not connected', failed: 'Not connected' }

function status (state) {
  $('status').dataset.state = state === 'dead' ? 'failed' : state
  $('status-text').textContent = WORDS[state]
  if (state === 'connected' || state === 'lost') show($('trouble'), false)
  if (state === 'connected') tools.reconnected(connection)
  if (state === 'lost' || state === 'dead') tools.aged(connection)
  if (state === 'dead') {
    $('trouble-what').textContent = 'Neither this server nor any node answers.'
    $('trouble-remedy').textContent = 'Check that you are online. This page tries again by itself.'
    $('trouble-retry').onclick = () => dispatchEvent(new Event('online')) // at which the module looks again
    show($('trouble'))
  }
}

function trouble (err) {
  status('failed')
  $('trouble-what').textContent = what(err)
  $('trouble-remedy').textContent = remedy(err)
  show($('trouble'))
}

// network is as the archiver told last: it may be away while the nodes are not.
let known
async function network () {
  try {
    known = await readNetwork()
  } catch (err) {
    if (!known) throw err
  }
  return known
}

const connection = newConnection(status, () => readNetwork().then(() => true))
const frames = newFrames()
const tools = newTools()
const wallet = newWallet(network)

// warm has the browser load what WebRTC needs while the first answers are on their way.
let warmed
function warm () {
  if (!warmed) new RTCPeerConnection().close()
  warmed = true
}

// measure is for the browser's tools, which show what the first answer waited for.
const measure = (name, start, end) => performance.measure('liberdus ' + name, { start, end })
let answered = false
measure('code', 0, performance.now())

function onEvent (event) {
  if (event.type === 'phase') warm()
  if (event.type === 'phase' && event.state === 'done' && !answered) measure(event.phase, event.at - event.ms, event.at)
  if (event.type === 'frame') frames.on(event)
  if (event.type === 'warning') {
    // Transactions are dated by the archiver's clock here.
    $('warning').textContent = /clock/.test(event.text) ? 'The clock of this device is wrong. This page goes by that of the server.' : sentence(event.text)
    show($('warning'))
  }
  connection.on(event)
}

// retry is over when ms have passed, or the user does not want to wait.
const retry = ms => new Promise(resolve => {
  const timer = setTimeout(resolve, ms)
  $('trouble-retry').onclick = () => { clearTimeout(timer); resolve() }
})

async function open () {
  for (let wait = 1000; ; wait = Math.min(2 * wait, 15000)) {
    try {
      status('connecting')
      return await connect({ onEvent })
    } catch (err) {
      trouble(err)
      await retry(wait)
    }
  }
}

async function parameters (client) {
  for (;;) {
    try {
      const { body, ms } = await client.request('network/parameters')
      const now = performance.now()
      measure('request', now - ms, now)
      measure('first answer', 0, now)
      answered = true
      return body.parameters.current
    } catch {
      await retry(1000)
    }
  }
}

const shown = wallet.start()
const client = await open()
network().catch(() => {}) // it is needed only for signing, which says what is wrong
connection.watch(client)
const current = await parameters(client)
await shown
wallet.connected(client, current)
tools.connected(client, connection)
