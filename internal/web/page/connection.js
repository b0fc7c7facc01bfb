// The card about the connection: which node, how it was reached, how fast it answers.
import { $, make, show, brief, what, remedy } from './dom.js'

const SVG = 'http://www.w3.org/2000/svg'
const KEPT = 60 // round trips in the plot, one a second
const PATIENCE = 2000 // ms for a round trip

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
// "connecting", "connected" or "lost".
export function newConnection (changed) {
  const open = new Map() // sessions by node
  const steps = {} // begun, ms of the steps that are not of one node
  const ofNode = new Map() // the same by node
  let main // the session that is shown
  let trips = [] // ms, or null where none came back
  let reading = false

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
    if (!main && open.size) {
      main = open.values().next().value
      trips = []
      show($('trips'), false)
    }
    draw()
    changed(main ? 'connected' : 'lost')
  }

  function draw () {
    $('connected').textContent = main ? `Connected to node ${brief(main.peer)}. It has proven who it is.` : 'The node went away. Looking for another one…'
    show($('facts'), !!main)
    if (main) show($('failing'), false)
    show($('steps'), !!main)
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

  // beat measures one round trip to the node that is shown.
  async function beat (client) {
    if (!main || document.hidden || reading) return
    reading = true
    const { peer } = main
    const ms = await client.request('is-healthy', { peer, timeout: PATIENCE }).then(reply => reply.ms, () => null)
    reading = false
    if (main?.peer !== peer) return
    trips = [...trips, ms].slice(-KEPT)
    plot()
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
    get main () { return main },
    get open () { return open }
  }
}

// scale is the next round number.
function scale (most) {
  const power = 10 ** Math.floor(Math.log10(most))
  return [1, 2, 5, 10].map(n => n * power).find(n => n >= most)
}
