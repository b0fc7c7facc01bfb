// What both pages share: their parameters and how they tell the test what happened.
//
// Parameters (query string): host, port, secure (true or absent), path, key, peer (whom to call), serialization (peerjs
// page only: json or raw), tx (JSON text), account (id to ask for), tcp (true: over ICE-TCP alone),
// wait (seconds until it gives up).
//
// Outcome: window.result = {ok, error, ourId, messages, faults} and document.title "done" or "failed".
'use strict'

const params = Object.fromEntries(new URLSearchParams(location.search))
const outcome = { ok: false, error: '', ourId: '', messages: [], faults: [] }

function settle (error) {
  if (window.result) return
  outcome.ok = !error
  outcome.error = error ? String(error.message || error) : ''
  window.result = outcome
  document.title = outcome.ok ? 'done' : 'failed'
}

// A fault is anything the page's own libraries complain about: none is expected.
function fault (text) {
  outcome.faults.push(text)
}
window.addEventListener('error', event => fault(`uncaught: ${event.message}`))
window.addEventListener('unhandledrejection', event => fault(`unhandled: ${event.reason}`))
for (const level of ['error', 'warn']) {
  const original = console[level].bind(console)
  console[level] = (...words) => {
    fault(`console.${level}: ${words.map(String).join(' ')}`)
    original(...words)
  }
}

// The two requests, in the words of the first Liberdus web client: no ids, one after the other.
function requests (sender) {
  return [
    { url: 'inject', method: 'POST', body: JSON.parse(params.tx), sender },
    { url: 'account/id', method: 'GET', body: { id: params.account }, sender }
  ]
}

// heard notes one parsed message; the account is what the page waits for.
function heard (message) {
  outcome.messages.push(message)
  if (message.type === 'account') settle()
}

// With tcp=true the page is told none of the node's UDP candidates, and gives the node none of its own to begin from
// (names in .local mean nothing to a node): what works then works over TCP.
if (params.tcp === 'true') {
  const set = RTCPeerConnection.prototype.setRemoteDescription
  RTCPeerConnection.prototype.setRemoteDescription = function (description, ...more) {
    const sdp = description.sdp.replace(/^a=candidate:\S+ \d+ udp .*\r\n/gim, '')
    return set.call(this, { type: description.type, sdp }, ...more)
  }
  const add = RTCPeerConnection.prototype.addIceCandidate
  RTCPeerConnection.prototype.addIceCandidate = function (candidate, ...more) {
    if (candidate && / udp /i.test(candidate.candidate)) return Promise.resolve()
    return add.call(this, candidate, ...more)
  }
}

const wait = Number(params.wait || 25)
setTimeout(() => settle(`no account within ${wait} s`), wait * 1000)
