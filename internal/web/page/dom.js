// What the parts of the page share: finding and making elements, and words for failures.

export const $ = id => document.getElementById(id)

// make returns an element. Text is never read as HTML.
export function make (tag, props, ...children) {
  const element = Object.assign(document.createElement(tag), props)
  element.append(...children)
  return element
}

export const show = (element, yes = true) => { element.hidden = !yes }

// clip shortens a key to what people compare.
export const brief = key => `${key.slice(0, 6)}…${key.slice(-4)}`

const REMEDY = {
  browser: '',
  archiver: 'Check that you are online and that this server runs.',
  signalling: 'Try again in a moment: another node may answer.',
  ice: 'A firewall may be in the way. Try another network, or allow UDP.',
  channel: 'Try again in a moment: another node may answer.',
  node: 'Try again in a moment: another node may answer.'
}

// what says what failed, without the names of machines where people need none.
export function what ({ message }) {
  if (/no node is active/.test(message)) return 'No node is there right now.'
  if (/no proper answer/.test(message)) return 'This server does not answer.'
  if (/^not secure/.test(message)) return `This page is ${message}.`
  return sentence(message)
}

// remedy says what may help against a failure.
export function remedy ({ hop, message }) {
  if (/no node is active/.test(message)) return 'Nodes come and go. This page tries again by itself.'
  return REMEDY[hop] ?? 'Load the page again. If it stays, tell who runs this server.'
}

// sentence makes one of a message.
export function sentence (text) {
  const first = text.charAt(0).toUpperCase() + text.slice(1)
  return /[.!?…]$/.test(first) ? first : first + '.'
}

// say shows how something went, below a form.
export function say (id, kind, ...words) {
  const place = $(id)
  place.dataset.kind = kind
  place.replaceChildren(...words)
}

export const fail = (id, err) => say(id, 'bad', [what(err), err.hop && remedy(err)].filter(Boolean).join(' '))

// busy keeps a form from being sent twice.
export async function busy (form, work) {
  const button = form.querySelector('button[type=submit]')
  if (button.ariaDisabled === 'true') return
  button.ariaDisabled = 'true'
  try {
    await work()
  } finally {
    button.ariaDisabled = null
  }
}

// confirmed asks before something that cannot be undone.
export function confirmed ({ title, facts = [], text = '', yes }) {
  const dialog = $('confirm')
  $('confirm-title').textContent = title
  $('confirm-facts').replaceChildren(...facts.flatMap(([name, value]) => [make('dt', { textContent: name }), make('dd', { textContent: value })]))
  show($('confirm-facts'), facts.length > 0)
  $('confirm-text').textContent = text
  $('confirm-yes').textContent = yes
  dialog.returnValue = ''
  dialog.showModal()
  return new Promise(resolve => dialog.addEventListener('close', () => resolve(dialog.returnValue === 'yes'), { once: true }))
}
