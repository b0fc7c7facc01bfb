// The card about the connection: which node, how it was reached, how fast it answers.
import { $, make, show, brief, what, remedy } from './dom.js'

const SVG = 'http://www.w3.org/2000/svg'
const KEPT = 60 // round trips in the plot, one a second
const PATIENCE = 2000 // ms for a round trip
const SECOND = 1500 // ms for another, after one that did not come back
const SERVER = 5000 // ms between two questions whether the server is there

const STEPS = {
  archiver: 'Ask this server where to go',
  list: 'Get the signed list of nodes',
  signalling: 'Enter the exchange',
  answer: 'The node proves who it is',
  ice: 'Find a way to it',
  channel: 'Open the channel'
}
const PATHS = { udp: 'UDP, directly', tcp: 'TCP, directly: UDP seems to be blocked' }

// newConnection keeps the card as the module's events tell. changed is called with the state,
// "connected", "lost", or "dead" when neither a node nor the server answers; serves tells whether the server does.
export function newConnection (changed, serves) {
  const open = new Map() // sessions by node
  const steps = {} // begun, ms of the steps that are not of one node
  const ofNode = new Map() // the same by node
  let main // the session that is shown
  let trips = [] // ms, or null where none came back
  let reading = false
  let silent // "lost" or "dead", while no node that there is a session with answers
  let served // when the server was asked last, and what it said

  function step ({ at, phase, ms, peer, state, error }) {
    if (state === 'failed' && !main) {
      $('failing').textContent = `${what({ message: error })} ${remedy({ hop: peer ? phase : 'archiver', message: error })}`
      show($('failing'))
    }
    if (state !== 'done') return
    const taken = { from: at - ms, ms }
    if (!peer) steps[phase] = taken
    else ofNode.set(peer, { ...ofNode.get(peer), [phase]: taken })
    if (ofNode.size > 100) ofNode.delete(ofNode.keys().next().value)
  }

  function session (event) {
    if (event.state === 'open') open.set(event.peer, event)
    else open.delete(event.peer)
    if (main && !open.has(main.peer)) main = undefined
    if (silent && event.state === 'open') return turn(event) // it answers: it has just proven who it is
    if (!main && open.size) return turn(open.values().next().value, silent)
    draw()
    changed(silent ?? (main ? 'connected' : 'lost'))
  }

  // turn shows another session.
  function turn (to, state) {
    main = to
    silent = state
    trips = []
    show($('trips'), false)
    draw()
    changed(silent ?? 'connected')
  }

  function draw () {
    const answers = main && !silent
    $('connected').textContent = answers ? `Connected to node ${brief(main.peer)}. It has proven who it is.`
      : main ? 'No node answers. Looking for another one…' : 'The node went away. Looking for another one…'
    show($('facts'), !!answers)
    if (answers) show($('failing'), false)
    show($('steps'), !!answers)
    if (!main) return show($('trips'), false)
    $('node').textContent = main.peer
    $('path').textContent = PATHS[main.path] ?? 'not known yet'
    const others = [...open.keys()].filter(peer => peer !== main.peer)
    $('reserve').textContent = others.length ? `node ${others.map(brief).join(', ')}` : 'no other node yet'
    drawSteps()
  }

  // drawSteps shows when each step began and ended. The list of an archiver is of use to several
  // nodes; what took place before the last one was asked for is not part of how long it took.
  function drawSteps () {
    const all = { ...steps, ...ofNode.get(main.peer) }
    const names = Object.keys(STEPS).filter(name => all[name])
    const own = names.filter(name => !steps[name])
    const begun = Math.min(...own.map(name => all[name].from))
    const shown = names.filter(name => !steps[name] || all[name].from + all[name].ms <= begun + 1 && begun - all[name].from < 20000)
    const first = Math.min(...shown.map(name => all[name].from))
    const end = Math.max(...shown.map(name => all[name].from + all[name].ms))
    $('steps-total').textContent = `, in ${Math.round(end - first)} ms`
    $('phases').replaceChildren(...shown.map(name => {
      const { from, ms } = all[name]
      const bar = make('span', { className: 'bar', ariaHidden: 'true' })
      const fill = make('span')
      fill.style.left = `${(from - first) / (end - first) * 100}%`
      fill.style.width = `${ms / (end - first) * 100}%`
      bar.append(fill)
      const item = make('li', {}, make('span', { textContent: STEPS[name] }), make('span', { className: 'number', textContent: `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms` }), bar)
      item.dataset.phase = name
      return item
    }))
  }

  function plot () {
    const came = trips.filter(ms => ms !== null)
    const top = scale(Math.max(1, ...came))
    const x = i => 300 - (trips.length - 1 - i) * 300 / (KEPT - 1)
    const y = ms => 70 - ms / top * 64
    const line = (className, points) => {
      const element = document.createElementNS(SVG, 'polyline')
      element.setAttribute('class', className)
      element.setAttribute('points', points)
      return element
    }
    const runs = [[]] // without what did not come back
    trips.forEach((ms, i) => ms === null ? runs.push([]) : runs.at(-1).push(`${x(i).toFixed(1)},${y(ms).toFixed(1)}`))
    const lost = trips.flatMap((ms, i) => ms === null ? [line('lost', `${x(i)},4 ${x(i)},70`)] : [])
    $('plot').replaceChildren(line('grid', '0,6 300,6'), line('grid', '0,70 300,70'), ...lost,
      ...runs.filter(run => run.length).map(run => line('trip', run.length > 1 ? run.join(' ') : `${run[0]} ${run[0]}`)))
    $('scale').textContent = `top line: ${top} ms`
    const last = trips.at(-1)
    $('trip').textContent = last === null ? '–' : last < 10 ? last.toFixed(1) : Math.round(last)
    const sorted = came.toSorted((a, b) => a - b)
    $('plot').ariaLabel = `Round trips of the last minute: ${came.length}, in the middle ${Math.round(sorted[sorted.length >> 1] ?? 0)} ms, ${trips.length - came.length} lost`
    show($('trips'))
  }

  // beat measures one round trip to the node that is shown. Without one it looks who is there at all.
  async function beat (client) {
    if (document.hidden || reading) return
    reading = true
    const asked = main
    const ms = await trip(client, asked?.peer, PATIENCE).catch(() => null)
    if (main && main === asked) {
      trips = [...trips, ms].slice(-KEPT)
      plot()
    }
    if (ms === null) await look(client, asked)
    else if (silent && main === asked) turn(main)
    reading = false
  }

  // look asks every node that there is a session with, and the server, when one has not answered.
  async function look (client, asked) {
    if (!(performance.now() - served?.at < SERVER)) served = { at: performance.now(), yes: within(SECOND, serves()).catch(() => false) }
    const answers = [...open.keys()].map(peer => trip(client, peer, SECOND).then(() => peer))
    const [peer, yes] = await Promise.all([Promise.any(answers).catch(() => {}), served.yes])
    if (main !== asked) return // there is news
    if (open.has(peer)) {
      if (silent || peer !== main?.peer) turn(open.get(peer))
      return
    }
    const state = yes ? 'lost' : 'dead'
    if (silent === state) return
    silent = state
    draw()
    changed(silent)
  }

  return {
    on (event) {
      if (event.type === 'phase') step(event)
      if (event.type === 'session') session(event)
    },
    watch (client) {
      beat(client)
      setInterval(beat, 1000, client)
    },
    get main () { return silent ? undefined : main }, // that answers
    get open () { return open }
  }
}

// scale is the next round number.
function scale (most) {
  const power = 10 ** Math.floor(Math.log10(most))
  return [1, 2, 5, 10].map(n => n * power).find(n => n >= most)
}

const within = (ms, work) => Promise.race([work, new Promise((resolve, reject) => setTimeout(reject, ms))])

// trip returns the ms of a round trip to a node.
const trip = async (client, peer, ms) => {
  if (!peer) throw Error('no session')
  return within(ms, client.request('is-healthy', { peer, timeout: ms }).then(reply => reply.ms))
}
