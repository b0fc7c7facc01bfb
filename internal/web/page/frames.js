// The log of what travels: the newest messages, each of which opens.
import { $, make, show, brief } from './dom.js'

const KEPT = 200 // messages
const SHOWN = 20000 // characters of one

export function newFrames () {
  let frames = []
  let drawn = false // whether the list shows them all
  const isTrip = frame => frame.text.includes('"is-healthy"')
  const isOpen = () => $('advanced').open

  // title is what a message is about.
  function title ({ text, out, peer }) {
    let about = ''
    try {
      const { url, type, status, subscription } = JSON.parse(text)
      about = url ?? (type === 'event' ? `event ${subscription ?? ''}` : `${type ?? 'reply'} ${status ?? ''}`)
    } catch {}
    return [out ? '→' : '←', about, brief(peer)]
  }

  function row (frame) {
    const [arrow, about, node] = title(frame)
    const at = new Date(performance.timeOrigin + frame.at)
    const summary = make('summary', {},
      make('span', { className: 'arrow', textContent: arrow, ariaLabel: frame.out ? 'to' : 'from', role: 'img' }),
      make('span', { className: 'about', textContent: about }),
      make('span', { className: 'meta', textContent: `${node} · ${size(frame.text.length)} · ${at.toLocaleTimeString([], { hour12: false })}` }))
    const details = make('details', {}, summary)
    details.addEventListener('toggle', () => {
      if (details.open && details.children.length === 1) details.append(make('pre', { textContent: pretty(frame.text), tabIndex: 0 }))
    })
    return make('li', {}, details)
  }

  function draw () {
    const wanted = frames.filter(frame => $('all-frames').checked || !isTrip(frame))
    $('log').replaceChildren(...wanted.map(row).reverse())
    show($('log-empty'), !wanted.length)
    drawn = true
  }

  $('advanced').addEventListener('toggle', () => isOpen() && !drawn && draw())
  $('all-frames').addEventListener('change', draw)
  $('clear').addEventListener('click', () => {
    frames = []
    draw()
  })

  return {
    on (frame) {
      frames.push(frame)
      if (frames.length > KEPT) frames.shift()
      if (!isOpen() || !drawn) {
        drawn = false
        return
      }
      if (isTrip(frame) && !$('all-frames').checked) return
      $('log').prepend(row(frame))
      if ($('log').children.length > KEPT) $('log').lastChild.remove()
      show($('log-empty'), false)
    }
  }
}

const size = length => length < 1000 ? `${length} B` : `${(length / 1000).toFixed(1)} kB`

function pretty (text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2).slice(0, SHOWN)
  } catch {
    return text.slice(0, SHOWN)
  }
}
